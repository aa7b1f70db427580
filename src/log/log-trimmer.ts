import { TIMER_MS_MAX } from "../base/index.ts";
import { MillraceError } from "../errors/index.ts";
import type { AppendGuard } from "./append-guard.ts";
import { isFailedFlush, passingRefusal } from "./disk-failures.ts";
import type { GroupCommit } from "./group-commit.ts";
import { outOfRange } from "./log-reader.ts";
import type { LogState } from "./log-state.ts";
import type { LogWriter } from "./log-writer.ts";
import type { ProducerSnapshots } from "./producer-snapshots.ts";
import { countExpired } from "./retention.ts";
import type { Segment } from "./segment.ts";
import type { LogConfig, LogEnvironment } from "./types.ts";

/** What a trimmer works on. */
export interface TrimmerParts {
  readonly env: LogEnvironment;
  readonly state: LogState;
  readonly writer: LogWriter;
  readonly commit: GroupCommit;
  readonly snapshots: ProducerSnapshots;
  readonly config: () => LogConfig;
  readonly guard: () => AppendGuard | undefined;
  /** Makes the log start offset durable. */
  readonly persistLogStart: () => Promise<void>;
}

/**
 * Shortens a log at its start: on demand and by retention. The log start offset is durable before the first segment
 * below it goes, or recovery would take the gap for damage; and before that what is known of producers is, because a start
 * that finds it raised removes those segments. All work runs between two writes.
 */
export class LogTrimmer {
  readonly #parts: TrimmerParts;
  /** The log start offset as it is on the disk. */
  #durableStart: number;
  #isClosed = false;

  constructor(parts: TrimmerParts) {
    this.#parts = parts;
    this.#durableStart = parts.state.logStartOffset;
  }

  /** See PartitionLog.trim. */
  async trim(beforeOffset: number): Promise<number> {
    const { state, writer, commit, snapshots, config, env } = this.#parts;
    if (!(Number.isSafeInteger(beforeOffset) && beforeOffset >= 0 && beforeOffset <= state.highWatermark)) {
      throw outOfRange(state, beforeOffset);
    }
    const limit = await this.#released(beforeOffset);
    if (limit < beforeOffset) throw stillNeeded(state, beforeOffset, limit);
    return writer.exclusively(async () => {
      // After a power loss the log must not end below its start.
      if (beforeOffset > state.durableOffset) await commit.flush();
      await snapshots.outlive(firstKept(state, beforeOffset));
      await this.#raiseStart(beforeOffset);
      const limits = { retentionMs: undefined, retentionBytes: undefined };
      await this.#deleteExpired({ ...config(), ...limits }, env.clock.nowMs(), limit);
      return state.logStartOffset;
    });
  }

  /** Deletes the segments that have expired and returns how many. */
  async applyRetention(nowMs: number): Promise<number> {
    const { state, writer, config } = this.#parts;
    const count = this.#countExpired(config(), nowMs, state.highWatermark);
    if (count === 0) return 0;
    const limit = await this.#released(state.segments[count - 1]!.nextOffset);
    return writer.exclusively(() => this.#deleteExpired(config(), nowMs, limit));
  }

  /** Leaves the files still to be removed to the next start. */
  close(): void {
    this.#isClosed = true;
  }

  /** Up to where whoever follows the log lets records go. Not between two writes: it may take long. */
  async #released(beforeOffset: number): Promise<number> {
    const guard = this.#parts.guard();
    return guard === undefined ? Number.POSITIVE_INFINITY : guard.release(beforeOffset);
  }

  #countExpired(config: LogConfig, nowMs: number, limit: number): number {
    const { segments, logStartOffset, highWatermark } = this.#parts.state;
    const end = Math.min(highWatermark, limit);
    return countExpired({ segments, config, nowMs, logStartOffset, highWatermark: end });
  }

  async #deleteExpired(config: LogConfig, nowMs: number, limit: number): Promise<number> {
    const { state, writer, snapshots, env } = this.#parts;
    const { segments } = state;
    const count = this.#countExpired(config, nowMs, limit);
    if (count === 0) return 0;
    const expired = segments.slice(0, count);
    const { nextOffset } = expired.at(-1)!;
    await snapshots.outlive(nextOffset);
    if (count === segments.length) await writer.roll();
    await this.#raiseStart(nextOffset);
    for (const segment of expired) {
      await segment.markDeleted().catch((error: unknown) => {
        throw writer.settle(error, "delete segments");
      });
      segments.shift();
    }
    env.logger.info(
      { partition: state.name, segments: count, logStartOffset: state.logStartOffset },
      "deleted segments",
    );
    const delayMs = Math.min(config.fileDeleteDelayMs, TIMER_MS_MAX);
    env.clock.schedule(delayMs, () => void this.#removeFiles(expired));
    return count;
  }

  /**
   * Raises the log start offset, durably. A refusal that changed nothing leaves it where it was; after any other
   * failure it may be raised on the disk, so it stays raised here, and the next attempt makes it durable.
   */
  async #raiseStart(offset: number): Promise<void> {
    const { state, persistLogStart } = this.#parts;
    const before = state.logStartOffset;
    const start = Math.max(before, offset);
    if (start <= this.#durableStart) return;
    state.logStartOffset = start;
    try {
      await persistLogStart();
    } catch (error) {
      const refusal = isFailedFlush(error)
        ? undefined
        : passingRefusal(error, `the log start of ${state.name}`);
      if (refusal !== undefined) state.logStartOffset = before;
      else state.notify();
      throw refusal ?? notPersisted(state, error);
    }
    this.#durableStart = start;
    state.notify();
  }

  async #removeFiles(segments: readonly Segment[]): Promise<void> {
    if (this.#isClosed) return;
    try {
      for (const segment of segments) await segment.removeFiles();
    } catch (error) {
      const { env, state } = this.#parts;
      env.logger.warn({ partition: state.name, error: String(error) }, "deleted segments not removed yet");
    }
  }
}

/** Base offset of the first segment that a start would keep if this were the log start; a roll may come before it. */
function firstKept(state: LogState, logStartOffset: number): number {
  const isEnd = logStartOffset === state.logEndOffset;
  return isEnd ? logStartOffset : (state.segmentFor(logStartOffset)?.baseOffset ?? 0);
}

function notPersisted({ name, logStartOffset }: LogState, cause: unknown): MillraceError {
  return new MillraceError(
    "STORAGE_OFFLINE",
    `the log start ${logStartOffset} of partition ${name} could not be made durable; check the disk, then try again`,
    { details: { partition: name }, cause },
  );
}

function stillNeeded({ name }: LogState, beforeOffset: number, limit: number): MillraceError {
  return new MillraceError(
    "COORDINATOR_LOADING",
    `partition ${name} cannot be trimmed to ${beforeOffset} yet: its index has only what lies below ${limit}; try again`,
    { details: { partition: name, offset: beforeOffset, allowed: limit } },
  );
}
