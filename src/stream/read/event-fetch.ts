import { inParallel } from "../../base/index.ts";
import { iterateBatches, readBatchSize, readLastOffset, RecordCursor } from "../../record/index.ts";
import { decodeEvent, sizeOfEvent } from "../event-codec.ts";
import type { PartitionIndex } from "../partition/partition-index.ts";
import type { Slots } from "../partition/slots.ts";
import type { StreamEvent } from "../types.ts";

/** Records so near to one another are read together, if they are not more. */
const NEAR_OFFSETS = 32;
const GROUP_EVENTS_MAX = 128;
/** Backwards the last of a group is wanted first, so that a group is always read whole. */
const GROUP_EVENTS_MAX_BACKWARDS = 4;
/** Groups read at the same time by one reader. */
const PARALLEL_MAX = 8;

/** Where an event is. */
export interface EventPlace {
  readonly revision: number;
  readonly offset: number;
}

/** How to fetch. */
export interface FetchEventsOptions {
  readonly index: PartitionIndex;
  /** Key of their stream. */
  readonly stream: Buffer;
  readonly direction: "forwards" | "backwards";
  /** In the direction. */
  readonly places: readonly EventPlace[];
  /** About how many bytes of events to fetch: no more are begun than are likely to fit. */
  readonly bytesMax: number;
  /** Shared by all readers: what is read at the same time is in memory. */
  readonly slots: Slots;
}

/**
 * Fetches events from the log: the first of the places, at least one, as many as the bytes allow or somewhat more.
 * Throws what reading the log throws, and LOG_CORRUPT where the index names a record that is not of the stream.
 */
export async function fetchEvents(options: FetchEventsOptions): Promise<StreamEvent[]> {
  const { index, direction, places, bytesMax, slots } = options;
  const eventsMax = index.readSize.eventsIn(bytesMax);
  const groups = groupPlaces(places.slice(0, eventsMax), direction);
  const fetched: StreamEvent[][] = [];
  let bytes = 0;
  await inParallel(groups.keys(), PARALLEL_MAX, async (number) => {
    if (bytes >= bytesMax) return;
    const group = groups[number]!;
    const events = await slots.run(() => fetchGroup(options, group));
    if (direction === "backwards") events.reverse();
    for (const event of events) bytes += sizeOfEvent(event);
    fetched[number] = events;
  });
  return [...inOrder(fetched, groups)];
}

/** Places that one read may serve, in the direction; within a group always upwards. */
function groupPlaces(places: readonly EventPlace[], direction: "forwards" | "backwards"): EventPlace[][] {
  const sizeMax = direction === "forwards" ? GROUP_EVENTS_MAX : GROUP_EVENTS_MAX_BACKWARDS;
  const groups: EventPlace[][] = [];
  let before: EventPlace | undefined;
  for (const place of places) {
    const group = groups.at(-1);
    const isNear = before !== undefined && Math.abs(place.offset - before.offset) <= NEAR_OFFSETS;
    if (group === undefined || !isNear || group.length === sizeMax) groups.push([place]);
    else if (direction === "forwards") group.push(place);
    else group.unshift(place);
    before = place;
  }
  return groups;
}

/** What was fetched, up to the first group that was not fetched whole. */
function* inOrder(fetched: readonly (StreamEvent[] | undefined)[], groups: readonly EventPlace[][]) {
  for (const [number, group] of groups.entries()) {
    const events = fetched[number];
    if (events === undefined) return;
    yield* events;
    if (events.length < group.length) return;
  }
}

/** The events of a group, upwards; forwards perhaps only as many as there may be bytes. */
async function fetchGroup(
  { index, stream, direction, bytesMax }: FetchEventsOptions,
  group: readonly EventPlace[],
): Promise<StreamEvent[]> {
  const events: StreamEvent[] = [];
  let bytes = 0;
  while (events.length < group.length && (direction === "backwards" || bytes < bytesMax)) {
    const left = group.slice(events.length);
    const read = await index.log.read(left[0]!.offset, index.readSize.bytesFor(left.length));
    const found = findEvents(read.chunks, left, { index, stream });
    read.release?.();
    if (found.length === 0) throw index.damaged(`it names offset ${left[0]!.offset}, which holds no record`);
    for (const event of found) {
      const size = sizeOfEvent(event);
      index.readSize.metEvent(size);
      bytes += size;
    }
    events.push(...found);
  }
  return events;
}

/** The events at the first of the places, as far as they are in the chunks. */
function findEvents(
  chunks: readonly Buffer[],
  places: readonly EventPlace[],
  { index, stream }: Pick<FetchEventsOptions, "index" | "stream">,
): StreamEvent[] {
  const cursor = new RecordCursor();
  const events: StreamEvent[] = [];
  for (const chunk of chunks) {
    for (const position of iterateBatches(chunk)) {
      const place = places[events.length];
      if (place === undefined) return events;
      if (readLastOffset(chunk, position) < place.offset) continue;
      index.readSize.met(readBatchSize(chunk, position)!);
      cursor.reset(chunk, position);
      while (events.length < places.length && cursor.next()) {
        const { revision, offset } = places[events.length]!;
        if (cursor.offset < offset) continue;
        if (cursor.offset > offset) break;
        if (cursor.key?.equals(stream) !== true) {
          throw index.damaged(
            `it names offset ${offset} for a stream to which the record there does not belong`,
          );
        }
        events.push(decodeEvent(cursor, { partition: index.partition, revision }));
      }
    }
  }
  return events;
}
