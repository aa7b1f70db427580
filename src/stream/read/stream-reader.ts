import { sizeOfEvent } from "../event-codec.ts";
import type { PartitionIndex } from "../partition/partition-index.ts";
import type { Slots } from "../partition/slots.ts";
import type { EventRun, SnapshotPlace } from "../store/index-values.ts";
import { revisionGone } from "../stream-errors.ts";
import type { ReadStreamQuery, StreamEvent, StreamInfo, StreamReading } from "../types.ts";
import { type EventPlace, fetchEvents } from "./event-fetch.ts";
import { EventRuns } from "./event-runs.ts";
import { findFirstKept } from "./first-kept.ts";
import { RunSequence } from "./run-sequence.ts";

/** Bytes of events given at once. */
const PAGE_BYTES_MAX = 1_048_576;
/** Events looked up ahead. */
const PAGE_EVENTS_MAX = 128;

/** What a reader stands on. */
export interface StreamReaderOptions {
  readonly index: PartitionIndex;
  readonly slots: Slots;
  readonly query: Omit<ReadStreamQuery, "topic">;
  /** What is gone is passed over. Default: throws OFFSET_OUT_OF_RANGE. */
  readonly skipsGone?: boolean;
}

/** Which events are to be read. */
interface Found {
  readonly runs: EventRuns;
  readonly sequence: RunSequence;
  /** Revision of the last event. */
  readonly to: number;
  readonly snapshot: EventPlace | undefined;
}

/** A stream as it is at one moment, with all that is readable. */
interface StreamView {
  readonly streamId: Buffer;
  /** Of the index that it was taken from. */
  readonly generation: number;
  readonly nextRevision: number;
  readonly snapshot: SnapshotPlace | undefined;
  /** The newest events; those before are in values of the index. */
  readonly tail: readonly EventRun[];
}

/**
 * Reads one stream as it was when the read began. Each event follows the one before: where some are gone meanwhile, by
 * retention or because the index was lost, it fails and does not pass over them.
 */
export class StreamReader implements StreamReading {
  readonly info: StreamInfo;
  readonly #options: StreamReaderOptions;
  readonly #stream: Buffer;
  readonly #found: Found;
  readonly #generation: number;
  #snapshot: EventPlace | undefined;
  /** Fetched and not given yet. */
  #ready: StreamEvent[] = [];
  /** Looked up and not fetched yet, and what is left of the run behind them. */
  #places: EventPlace[] = [];
  #run: EventRun | undefined;
  /** Events that may still be looked up. */
  #left: number;

  private constructor(options: StreamReaderOptions, view: StreamView, info: StreamInfo) {
    const found = find(options, view, info);
    this.#options = options;
    this.#generation = view.generation;
    this.info = info;
    this.#stream = Buffer.from(options.query.stream);
    this.#found = found;
    this.#snapshot = found.snapshot;
    this.#left =
      (options.query.maxEvents ?? Number.POSITIVE_INFINITY) - (found.snapshot === undefined ? 0 : 1);
  }

  /** Looks at the stream as it is now. Throws OFFSET_OUT_OF_RANGE, COORDINATOR_LOADING, LOG_CORRUPT. */
  static async open(options: StreamReaderOptions): Promise<StreamReader> {
    const { index, query } = options;
    const view = await viewOf(index, query.stream);
    try {
      const info = await infoOf(index, view);
      index.requireGeneration(view.generation);
      return new StreamReader(options, view, info);
    } catch (error) {
      throw index.explained(error);
    }
  }

  async next(): Promise<readonly StreamEvent[] | undefined> {
    const { index, slots, query } = this.#options;
    const common = { index, slots, stream: this.#stream };
    const snapshot = this.#snapshot;
    if (snapshot !== undefined) {
      this.#snapshot = undefined;
      const bytesMax = PAGE_BYTES_MAX;
      return fetchEvents({ ...common, bytesMax, direction: "forwards", places: [snapshot] });
    }
    let bytesMax = PAGE_BYTES_MAX;
    for (const event of this.#ready) bytesMax -= sizeOfEvent(event);
    while (this.#ready.length === 0 || this.#isRoom(bytesMax)) {
      await this.#lookUp();
      const places = this.#places;
      if (places.length === 0) break;
      const events = await fetchEvents({ ...common, bytesMax, direction: query.direction, places });
      for (const event of events) bytesMax -= sizeOfEvent(event);
      this.#ready.push(...events);
      this.#places = places.slice(events.length);
    }
    return this.#ready.length === 0 ? undefined : this.#takePage();
  }

  #isRoom(bytes: number): boolean {
    return this.#ready.length < PAGE_EVENTS_MAX && this.#options.index.readSize.isRoom(bytes);
  }

  /** What fits a page, at least one event. */
  #takePage(): StreamEvent[] {
    let bytes = 0;
    const end = this.#ready.findIndex((event, at) => {
      bytes += sizeOfEvent(event);
      return at > 0 && bytes > PAGE_BYTES_MAX;
    });
    return this.#ready.splice(0, end === -1 ? this.#ready.length : end);
  }

  async #lookUp(): Promise<void> {
    try {
      while (this.#places.length < PAGE_EVENTS_MAX && this.#left > 0) {
        const run = this.#run ?? (await this.#nextRun());
        if (run === undefined) return;
        this.#run = this.#take(run);
      }
    } catch (error) {
      throw this.#options.index.explained(error);
    }
  }

  /** The next run, undefined at the end. Throws if what is between was dropped. */
  async #nextRun(): Promise<EventRun | undefined> {
    const { index, query, skipsGone = false } = this.#options;
    const { runs, sequence, to } = this.#found;
    const run = await runs.next();
    index.requireGeneration(this.#generation);
    const missing = sequence.missingBefore(run);
    if (missing === undefined || skipsGone) return run;
    const first = query.direction === "forwards" ? (run?.revision ?? to + 1) : missing + 1;
    throw revisionGone(missing, first, to);
  }

  /** Takes as many events of a run as there is room for, and returns the rest. */
  #take({ revision, offset, count }: EventRun): EventRun | undefined {
    const taken = Math.min(count, this.#left, PAGE_EVENTS_MAX - this.#places.length);
    this.#left -= taken;
    const isForwards = this.#options.query.direction === "forwards";
    for (let i = 0; i < taken; i++) {
      const at = isForwards ? i : count - 1 - i;
      this.#places.push({ revision: revision + at, offset: offset + at });
    }
    if (taken === count) return undefined;
    const skipped = isForwards ? taken : 0;
    return { revision: revision + skipped, offset: offset + skipped, count: count - taken };
  }
}

/** The stream with all that is readable now. */
async function viewOf(index: PartitionIndex, stream: Uint8Array): Promise<StreamView> {
  const head = await index.pin(stream);
  try {
    const { log, generation } = index;
    const { highWatermark } = log;
    const readable = head.tail.filter(({ offset, count }) => offset + count <= highWatermark);
    const events = readable.filter(({ snapshotRevision }) => snapshotRevision === undefined);
    const placed = events.map(({ first, offset, count }) => ({
      revision: head.revisionOf(first),
      offset,
      count,
    }));
    const tail = [...head.stored.recent, ...placed];
    return { streamId: head.id, generation, ...head.after(readable, log.logStartOffset), tail };
  } finally {
    index.heads.unpin(head);
  }
}

async function infoOf(index: PartitionIndex, view: StreamView): Promise<StreamInfo> {
  const { nextRevision, snapshot } = view;
  const { store, keys, log } = index;
  const { logStartOffset } = log;
  const isKept = snapshot !== undefined && snapshot.offset >= logStartOffset;
  return {
    exists: nextRevision > 0,
    firstRevision: await findFirstKept({ ...view, store, keys, logStartOffset }),
    lastRevision: nextRevision > 0 ? nextRevision - 1 : undefined,
    snapshotRevision: isKept ? snapshot.revision : undefined,
  };
}

/** Where the read begins and ends. Throws OFFSET_OUT_OF_RANGE. */
function find(
  { index, query, skipsGone = false }: StreamReaderOptions,
  view: StreamView,
  info: StreamInfo,
): Found {
  const { direction, fromSnapshot, fromRevision } = query;
  const { firstRevision, lastRevision = -1, snapshotRevision } = info;
  const snapshot = fromSnapshot && snapshotRevision !== undefined ? view.snapshot : undefined;
  const wanted = snapshot === undefined ? fromRevision : snapshot.revision + 1;
  const isGone = wanted !== undefined && wanted < firstRevision && wanted <= lastRevision;
  if (isGone && !skipsGone) throw revisionGone(wanted, firstRevision, lastRevision);
  const isForwards = direction === "forwards";
  const from = isForwards ? Math.max(wanted ?? 0, firstRevision) : firstRevision;
  // Where the index was lost, the stream may have got further by a snapshot than by events.
  const newest = view.tail.at(-1);
  const last = newest === undefined ? -1 : newest.revision + newest.count - 1;
  const to = isForwards ? last : Math.min(wanted ?? last, last);
  const { store, keys } = index;
  const runs = new EventRuns({ ...view, store, keys, from, to, direction });
  return { runs, sequence: new RunSequence({ from, to, direction }), to, snapshot };
}
