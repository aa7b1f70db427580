import type { IndexKeys } from "../store/index-keys.ts";
import type { IndexRow, IndexStore } from "../store/index-store.ts";
import type { EventRun } from "../store/index-values.ts";
import { runsOf } from "./event-runs.ts";

/** Where to look for the first event that is kept. */
export interface FirstKeptOptions {
  readonly store: IndexStore;
  readonly keys: IndexKeys;
  readonly streamId: Buffer;
  /** The newest events, in order; all before them are in values of their own. */
  readonly tail: readonly EventRun[];
  /** Of the event that would be next. */
  readonly nextRevision: number;
  readonly logStartOffset: number;
}

/**
 * Revision of the first event at or above the log start; the next revision if none is kept. Offsets grow with
 * revisions, so what a sweep has not removed yet is passed over by halving.
 */
export async function findFirstKept(options: FirstKeptOptions): Promise<number> {
  const { tail, nextRevision, logStartOffset } = options;
  const row = await firstKeptRow(options);
  for (const run of row === undefined ? tail : runsOf(row)) {
    const gone = Math.max(0, logStartOffset - run.offset);
    if (gone < run.count) return run.revision + gone;
  }
  return nextRevision;
}

/** The first value with an event that is kept, if there is one in the index. */
async function firstKeptRow(options: FirstKeptOptions): Promise<IndexRow | undefined> {
  const { store, keys, streamId, nextRevision, logStartOffset } = options;
  const from = keys.events(streamId, 0);
  const isKept = (row: IndexRow) => {
    const { offset, count } = runsOf(row).at(-1)!;
    return offset + count > logStartOffset;
  };
  /** The value that begins at or before a revision. */
  const rowAt = async (revision: number): Promise<IndexRow | undefined> => {
    const [row] = await store.range({
      from,
      to: keys.events(streamId, revision + 1),
      isReverse: true,
      limit: 1,
    });
    return row;
  };
  const [first] = await store.range({ from, to: keys.events(streamId, nextRevision), limit: 1 });
  if (first === undefined || isKept(first)) return first;
  let kept = await rowAt(nextRevision - 1);
  if (kept === undefined || !isKept(kept)) return undefined;
  // Values that begin at or before `low` are gone, `kept` is not.
  let low = runsOf(first)[0]!.revision;
  for (;;) {
    const high = runsOf(kept)[0]!.revision;
    if (high - low <= 1) return kept;
    const middle = Math.floor((low + high) / 2);
    const row = await rowAt(middle);
    if (row !== undefined && isKept(row)) kept = row;
    else low = middle;
  }
}
