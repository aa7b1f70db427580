import { iterateBatches, readBatchHeader, readLastOffset, RecordCursor } from "../../record/index.ts";
import { type EventMarks, isStreamKey, marksOf } from "../event-headers.ts";
import type { StreamHead } from "../stream-head.ts";
import type { HeadMap } from "./head-map.ts";
import type { TailUnit } from "./tail.ts";
import { UnitBuilder } from "./unit-builder.ts";

/** Most records noted at once. */
const RECORDS_MAX = 2_048;

interface FoundRecord {
  readonly head: StreamHead;
  readonly offset: number;
  readonly marks: EventMarks;
  /** The first of its batch, which bears the idempotency key of an append. */
  readonly isFirst: boolean;
}

const UNMARKED = marksOf([], 0);

/**
 * Notes what was read from the log from `fromOffset` on: at most some thousand records, of a larger batch only a part.
 * The heads are loaded from the index first and must be those of `fromOffset`.
 *
 * An event has the revision that it tells if that is not below the next of its stream: events before it may be gone.
 * Otherwise, and if it tells none, it has the next, and no append wrote it.
 */
export async function noteRead(
  chunks: readonly Buffer[],
  fromOffset: number,
  heads: HeadMap,
): Promise<TailUnit> {
  const { records, endOffset, leaderEpoch } = find(chunks, fromOffset, heads);
  try {
    await heads.loadAll(new Set(records.map(({ head }) => head)));
  } catch (error) {
    for (const { head } of records) heads.rest(head);
    throw error;
  }
  const unit = new UnitBuilder();
  for (const record of records) {
    // What an append with an idempotency key wrote is told by the length of its run.
    if (record.isFirst) unit.seal();
    note(unit, record);
  }
  return { endOffset, leaderEpoch, runs: unit.runs };
}

function note(unit: UnitBuilder, { head, offset, marks, isFirst }: FoundRecord): void {
  const { revision, snapshotRevision } = marks;
  if (snapshotRevision === undefined && revision !== undefined) head.skipTo(revision);
  const isPlain = snapshotRevision === undefined && revision !== head.nextRevision;
  const idempotencyKey = isFirst && !isPlain ? marks.idempotencyKey : undefined;
  unit.append(head, offset, { isPlain, snapshotRevision, idempotencyKey });
}

function find(chunks: readonly Buffer[], fromOffset: number, heads: HeadMap) {
  const cursor = new RecordCursor();
  const records: FoundRecord[] = [];
  let endOffset = fromOffset;
  let leaderEpoch = 0;
  for (const chunk of chunks) {
    for (const position of iterateBatches(chunk)) {
      const lastOffset = readLastOffset(chunk, position);
      if (lastOffset < fromOffset) continue;
      const header = readBatchHeader(chunk, position);
      const isFull = records.length + header.recordCount > RECORDS_MAX;
      if (isFull && records.length > 0) return { records, endOffset, leaderEpoch };
      leaderEpoch = header.leaderEpoch ?? 0;
      cursor.reset(chunk, position);
      while (cursor.next()) {
        const { offset } = cursor;
        if (offset < fromOffset) continue;
        if (records.length === RECORDS_MAX) return { records, endOffset: offset, leaderEpoch };
        if (!isStreamKey(cursor.keyLength)) continue;
        const head = heads.hold(cursor.key!.toString("latin1"));
        const marks = cursor.headerCount > 0 ? marksOf(cursor.headers, offset) : UNMARKED;
        records.push({ head, offset, marks, isFirst: offset === header.baseOffset });
      }
      endOffset = lastOffset + 1;
    }
  }
  return { records, endOffset, leaderEpoch };
}
