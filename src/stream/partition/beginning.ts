import type { Logger } from "../../base/index.ts";
import type { PartitionLog } from "../../log/index.ts";
import { iterateBatches, readBatchHeader } from "../../record/index.ts";
import type { IndexKeys } from "../store/index-keys.ts";
import type { IndexStore } from "../store/index-store.ts";
import { type AppliedState, decodeState } from "../store/index-values.ts";

/** Where to look for the beginning. */
export interface BeginningOptions {
  readonly name: string;
  readonly log: PartitionLog;
  readonly keys: IndexKeys;
  readonly store: IndexStore;
  readonly logger: Logger;
  /** What the index holds is wrong. */
  readonly mustRebuild: boolean;
  /** Called before the index is emptied. */
  readonly clearing: () => void;
}

/**
 * How far the index has the log. One that is missing, wrong, or of a log that was longer or other than this one is
 * emptied. Throws IndexDamage, and what reading log and store throws.
 */
export async function beginningOf(options: BeginningOptions): Promise<AppliedState> {
  const { name: partition, log, keys, store, logger, mustRebuild } = options;
  const value = mustRebuild ? undefined : await store.get(keys.state);
  let state = value === undefined ? undefined : decodeState(value);
  if (state !== undefined && !(await isOfLog(state, log))) {
    logger.warn({ partition, ...state }, "stream index is not of this log; building it again");
    state = undefined;
  }
  if (state === undefined) {
    options.clearing();
    await store.clear(keys.first, keys.end);
  }
  const { logStartOffset } = log;
  if (state !== undefined && state.appliedOffset >= logStartOffset) return state;
  if (logStartOffset > 0) {
    const from = state?.appliedOffset ?? 0;
    const fields = { partition, from, logStartOffset };
    logger.warn(fields, "records are gone that the stream index lacks; some revisions may be counted anew");
  }
  return { appliedOffset: logStartOffset, leaderEpoch: 0 };
}

/** Whether the log ends at or behind what was taken in, and the last batch taken in is still the same. */
async function isOfLog({ appliedOffset, leaderEpoch }: AppliedState, log: PartitionLog): Promise<boolean> {
  if (appliedOffset > log.logEndOffset) return false;
  const lastOffset = appliedOffset - 1;
  if (lastOffset < log.logStartOffset || appliedOffset > log.highWatermark) return true;
  const { chunks, release } = await log.read(lastOffset, 1);
  try {
    for (const chunk of chunks) {
      for (const position of iterateBatches(chunk)) {
        const header = readBatchHeader(chunk, position);
        if (header.baseOffset + header.lastOffsetDelta < lastOffset) continue;
        return header.leaderEpoch === leaderEpoch;
      }
    }
    return false;
  } finally {
    release?.();
  }
}
