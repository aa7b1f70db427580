import { TIMER_MS_MAX } from "../../base/index.ts";
import { MillraceError } from "../../errors/index.ts";
import { FileSystemError } from "../../fs/index.ts";
import type { BatchHeader } from "../../record/index.ts";
import { offlineError, passingRefusal } from "../disk-failures.ts";
import { RELATIVE_OFFSET_MAX } from "../group-placer.ts";
import type { LeaderEpochs } from "../leader-epochs.ts";
import type { LogState } from "../log-state.ts";
import type { LogWriter } from "../log-writer.ts";
import type { ProducerSnapshots } from "../producer-snapshots.ts";
import type { ProducerState } from "../producer-state.ts";
import { segmentAgeMax } from "../roll-rule.ts";
import type { Segment } from "../segment.ts";
import type { BatchVisitor } from "../segment-scan.ts";
import type { LogConfig, LogEnvironment } from "../types.ts";
import { BatchCleaner, type CleaningRule } from "./batch-cleaner.ts";
import { type CleanableRange, cleanableRange, dirtyRatio, isCleaningDue } from "./cleanable.ts";
import { CleanedFile } from "./cleaned-file.ts";
import { buildOffsetMap } from "./build-offset-map.ts";
import type { OffsetMap } from "./offset-map.ts";
import { ReadAhead } from "./read-ahead.ts";
import { CleaningStopped, readSegment, SegmentGone } from "./read-segment.ts";
import { areInService, swapIn } from "./swap.ts";

/** Most segments that are merged into one: all of them are renamed between two writes to the log. */
const GROUP_SEGMENTS_MAX = 64;
const LEFT_TEXT = "left a batch as it was: without what is superseded it would be too large, compressed here";

/** What a cleaner works on. */
export interface CleanerParts {
  readonly env: LogEnvironment;
  readonly state: LogState;
  readonly writer: LogWriter;
  readonly epochs: LeaderEpochs;
  readonly producers: ProducerState;
  readonly snapshots: ProducerSnapshots;
  readonly config: () => LogConfig;
  /** Everything below was cleaned before; 0 if nothing is known. */
  readonly firstDirtyOffset: number;
  /** Takes the log offline, failing all who wait. */
  readonly takeOffline: (failure: MillraceError) => void;
}

/** What one cleaning needs. */
export interface CleaningOptions {
  /** Used by nobody else meanwhile; it decides how many keys are cleaned at once. */
  readonly offsets: OffsetMap;
  /** Awaited again and again, some hundred KiB apart: others get their turn there. Default: goes on at once. */
  readonly pause?: () => Promise<void>;
}

/** What a cleaning under way needs. */
interface RunningOptions extends CleaningOptions {
  readonly ahead: ReadAhead;
}

/** What one cleaning did. */
export interface CleaningReport {
  /** Everything below is clean now. */
  readonly firstDirtyOffset: number;
  /** Bytes of the segments before and after. */
  readonly bytesBefore: number;
  readonly bytesAfter: number;
  readonly removedRecords: number;
}

/**
 * Compaction of one log: keeps of each key the newest record, at its offset, and removes tombstones in time. What is
 * cleaned goes into new segments, which take the place of the old ones; a failure on the way leaves those as they were.
 */
export class LogCleaner {
  readonly #parts: CleanerParts;
  #firstDirtyOffset: number;
  #running: Promise<unknown> | undefined;
  #isClosed = false;
  /** Ends a pause under way. */
  #wake: (() => void) | undefined;

  constructor(parts: CleanerParts) {
    this.#parts = parts;
    this.#firstDirtyOffset = Math.min(parts.firstDirtyOffset, parts.state.logEndOffset);
  }

  /** Everything below was cleaned: what a checkpoint keeps, so that a restart does not clean it again. */
  get firstDirtyOffset(): number {
    return this.#firstDirtyOffset;
  }

  /**
   * The share of dirty bytes, above 0 to 1, if cleaning is due: for that share or for the age of a record. Seals the
   * active segment first if `max.compaction.lag.ms` asks for it. Throws what reading the log throws.
   */
  async due(): Promise<number | undefined> {
    if (this.#mustStop) return undefined;
    await this.#rollIfOld();
    const range = this.#range();
    const isDue = range !== undefined && (await isCleaningDue(range, this.#parts.config(), this.#nowMs));
    return isDue ? dirtyRatio(range) : undefined;
  }

  /**
   * Cleans once what may be cleaned, as far as the offset map has room; undefined if there was nothing, or it was
   * stopped. Throws LOG_CORRUPT for damage, STORAGE_FULL or OVERLOADED if the disk has no room now, STORAGE_OFFLINE if it failed:
   * the segments that were not replaced yet stay as they were.
   */
  async clean(options: CleaningOptions): Promise<CleaningReport | undefined> {
    if (this.#running !== undefined) throw new TypeError("a log is cleaned by one at a time");
    const running = this.#clean(options);
    this.#running = running.catch(() => undefined);
    try {
      return await running;
    } catch (error) {
      if (error instanceof CleaningStopped) return undefined;
      throw this.#failure(error);
    } finally {
      this.#running = undefined;
      options.offsets.clear();
    }
  }

  /** Stops a cleaning under way. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#wake?.();
    await this.#running;
  }

  get #nowMs(): number {
    return this.#parts.env.clock.nowMs();
  }

  get #mustStop(): boolean {
    const { state, config } = this.#parts;
    return this.#isClosed || state.failure !== undefined || !config().compacts;
  }

  #range(): CleanableRange | undefined {
    const { state, config } = this.#parts;
    return cleanableRange(state, config(), this.#firstDirtyOffset, this.#nowMs);
  }

  async #rollIfOld(): Promise<void> {
    const { state, writer, config } = this.#parts;
    const isOld = () => {
      const active = state.activeSegment;
      if (active === undefined || active.sizeBytes === 0 || this.#mustStop) return false;
      return this.#nowMs - (active.firstAppendMs ?? this.#nowMs) >= segmentAgeMax(config());
    };
    if (config().compactionLagMaxMs === undefined || !isOld()) return;
    await writer.exclusively(async () => {
      if (isOld()) await writer.roll();
    });
  }

  async #clean(given: CleaningOptions): Promise<CleaningReport | undefined> {
    const range = this.#mustStop ? undefined : this.#range();
    if (range === undefined) return undefined;
    const { env, state, producers, config } = this.#parts;
    const options = { ...given, ahead: new ReadAhead() };
    const endOffset = await buildOffsetMap(range, options.offsets, (segment, visit) =>
      this.#read(segment, visit, options),
    );
    const { offsets } = options;
    const { firstDirtyOffset } = range;
    const { deleteRetentionMs } = config();
    const always = { offsets, firstDirtyOffset, endOffset, nowMs: this.#nowMs, deleteRetentionMs };
    const tally = { bytesBefore: 0, bytesAfter: 0, removedRecords: 0 };
    let hasLeft = false;
    let left = range.segments.filter(({ baseOffset }) => baseOffset < endOffset);
    for (;;) {
      // Retention may take the first ones away meanwhile.
      left = left.filter(({ isGone }) => !isGone);
      if (left.length === 0) break;
      const producerBatches = producers.newestBaseOffsets();
      const cleaned = await this.#cleanGroup(left, { ...always, producerBatches, hasLeft }, options);
      if (cleaned === undefined) continue;
      left = left.slice(cleaned.segments);
      hasLeft ||= cleaned.hasLeft;
      for (const name of ["bytesBefore", "bytesAfter", "removedRecords"] as const) {
        tally[name] += cleaned[name];
      }
    }
    this.#firstDirtyOffset = endOffset;
    env.logger.info({ partition: state.name, ...tally, firstDirtyOffset: endOffset }, "cleaned a log");
    return { ...tally, firstDirtyOffset: endOffset };
  }

  /** Cleans as many of the first segments as fit one; undefined if one of them was deleted meanwhile. */
  async #cleanGroup(left: readonly Segment[], rule: CleaningRule, options: RunningOptions) {
    const { env, state, config } = this.#parts;
    const { indexIntervalBytes, segmentBytes } = config();
    const { baseOffset } = left[0]!;
    const target = await CleanedFile.create(env, { folder: state.folder, baseOffset, indexIntervalBytes });
    try {
      const cleaner = new BatchCleaner(rule, target);
      const group: Segment[] = [];
      let bytesBefore = 0;
      for (const next of left.slice(0, GROUP_SEGMENTS_MAX)) {
        const isTooFar = next.nextOffset - baseOffset > RELATIVE_OFFSET_MAX;
        if (group.length > 0 && (isTooFar || target.sizeBytes + next.sizeBytes > segmentBytes)) break;
        group.push(next);
        bytesBefore += next.sizeBytes;
        const visit = (header: BatchHeader, _position: number, bytes: Buffer): undefined => {
          cleaner.add(header, bytes);
        };
        await this.#read(next, visit, options, () => target.flush());
      }
      cleaner.end();
      const { removedRecords, leftOffset } = cleaner;
      const hasLeft = leftOffset !== undefined;
      if (hasLeft) env.logger.warn({ partition: state.name, offset: leftOffset }, LEFT_TEXT);
      const isSame = group.length === 1 && !cleaner.hasChanged;
      if (isSame) await target.discard();
      else await this.#replace(group, target);
      const bytesAfter = isSame ? bytesBefore : target.sizeBytes;
      return { segments: group.length, bytesBefore, bytesAfter, removedRecords, hasLeft };
    } catch (error) {
      await target.discard();
      if (error instanceof SegmentGone) return undefined;
      throw error;
    }
  }

  /** Visits the batches of a segment; between some of them what follows is awaited, and then the pause. */
  #read(
    segment: Segment,
    visit: BatchVisitor,
    options: RunningOptions,
    afterSlice?: () => Promise<void>,
  ): Promise<void> {
    const { state, epochs } = this.#parts;
    const { ahead, pause } = options;
    const between = async () => {
      if (this.#mustStop) throw new CleaningStopped();
      await afterSlice?.();
      if (pause === undefined) return;
      await new Promise<void>((resolve, reject) => {
        this.#wake = resolve;
        pause().then(resolve, reject);
      });
      if (this.#mustStop) throw new CleaningStopped();
    };
    return readSegment({ state, epochs, ahead, afterSlice: between }, segment, visit);
  }

  /** Makes the cleaned segment durable and puts it in the place of the old ones. */
  async #replace(old: readonly Segment[], cleaned: CleanedFile): Promise<void> {
    const { env, state, writer, snapshots, config, takeOffline } = this.#parts;
    await cleaned.finish();
    await writer.exclusively(async () => {
      if (this.#mustStop) throw new CleaningStopped();
      if (!areInService(state, old)) throw new SegmentGone();
      // The newest batches of producers stay, but not of those that had to be forgotten: an older snapshot has them.
      await snapshots.outlive(cleaned.nextOffset);
      const parts = { env, state, indexIntervalBytes: () => config().indexIntervalBytes };
      await swapIn(parts, old, cleaned).catch((error: unknown) => {
        if (!(error instanceof FileSystemError)) throw error;
        const failure = offlineError(state.name, "replace segments by a cleaned one", error);
        takeOffline(failure);
        throw failure;
      });
    });
    this.#removeLater(old);
  }

  #removeLater(segments: readonly Segment[]): void {
    const { env, state, config } = this.#parts;
    env.clock.schedule(Math.min(config().fileDeleteDelayMs, TIMER_MS_MAX), async () => {
      if (this.#isClosed) return;
      try {
        for (const segment of segments) await segment.removeFiles();
      } catch (error) {
        env.logger.warn({ partition: state.name, error: String(error) }, "replaced segments not removed yet");
      }
    });
  }

  /** What the operator is told: nothing was lost, and most failures pass. */
  #failure(error: unknown): unknown {
    if (!(error instanceof FileSystemError)) return error;
    const { name } = this.#parts.state;
    const text = `partition ${name} could not be cleaned: ${error.message}; its segments stay as they are; check the disk`;
    return (
      passingRefusal(error, `a cleaned segment of partition ${name}`) ??
      new MillraceError("STORAGE_OFFLINE", text, {
        details: { partition: name },
        cause: error,
        effect: "none",
      })
    );
  }
}
