import { iterateBatches, readLastOffset, RecordCursor } from "../../record/index.ts";
import { decodeEvent, sizeOfEvent } from "../event-codec.ts";
import type { PartitionIndex } from "../partition/partition-index.ts";
import { decodeOffsets } from "../store/index-values.ts";
import type { DescribedRecords, RecordsToDescribe, StreamEvent } from "../types.ts";

/** Values read at once. */
const ROWS_AT_ONCE = 256;

/** See StreamsApi.describeRecords. */
export function describeRecords(index: PartitionIndex, records: RecordsToDescribe): DescribedRecords {
  const { events, nextOffset } = decode(index.partition, records);
  const completed = withRevisions(index, events).catch((error: unknown) => {
    throw index.explained(error);
  });
  return { nextOffset, events: completed };
}

function decode(partition: number, { batches, fromOffset, bytesMax }: RecordsToDescribe) {
  const cursor = new RecordCursor();
  const events: StreamEvent[] = [];
  let bytes = 0;
  let nextOffset = fromOffset;
  for (const chunk of batches) {
    for (const position of iterateBatches(chunk)) {
      const endOffset = readLastOffset(chunk, position) + 1;
      if (endOffset <= fromOffset) continue;
      cursor.reset(chunk, position);
      while (cursor.next()) {
        if (cursor.offset < fromOffset) continue;
        const event = decodeEvent(cursor, { partition, revision: undefined });
        bytes += sizeOfEvent(event);
        if (events.length > 0 && bytes > bytesMax) return { events, nextOffset };
        events.push(event);
        nextOffset = event.offset + 1;
      }
      nextOffset = endOffset;
    }
  }
  return { events, nextOffset };
}

/**
 * The revisions that records do not tell, or tell wrongly, are in the index by their offsets. What is not in the index
 * yet and tells its revision tells the truth: whoever appends it is checked.
 */
async function withRevisions(index: PartitionIndex, events: readonly StreamEvent[]): Promise<StreamEvent[]> {
  await index.ready();
  const { generation } = index;
  const untold = events.findLast(({ stream, revision }) => stream !== null && revision === undefined);
  if (untold !== undefined) await index.whenApplied(untold.offset + 1);
  const revisions = await revisionsOf(index, events);
  index.requireGeneration(generation);
  return events.map((event) => {
    const revision = event.isSnapshot ? undefined : revisions.get(event.offset);
    return revision === undefined ? event : { ...event, revision };
  });
}

async function revisionsOf(
  index: PartitionIndex,
  events: readonly StreamEvent[],
): Promise<Map<number, number>> {
  const revisions = new Map<number, number>();
  const [first] = events;
  const last = events.at(-1);
  if (first === undefined || last === undefined) return revisions;
  const { store, keys } = index;
  const to = keys.offsets(last.offset + 1);
  const before = { from: keys.offsets(0), to: keys.offsets(first.offset + 1), isReverse: true, limit: 1 };
  let [row] = await store.range(before);
  let from = row?.[0] ?? keys.offsets(first.offset);
  for (;;) {
    const rows = await store.range({ from, to, limit: ROWS_AT_ONCE });
    for (const [, value] of rows) {
      for (const run of decodeOffsets(value)) {
        const start = Math.max(run.offset, first.offset);
        const end = Math.min(run.offset + run.count, last.offset + 1);
        for (let offset = start; offset < end; offset++)
          revisions.set(offset, run.revision + offset - run.offset);
      }
    }
    row = rows.at(-1);
    if (row === undefined || rows.length < ROWS_AT_ONCE) return revisions;
    from = Buffer.concat([row[0], Buffer.of(0)]);
  }
}
