import { MillraceError } from "../errors/index.ts";
import { DECOMPRESSED_BYTES_MAX } from "../base/index.ts";
import { checkBatch } from "../record/index.ts";
import type { AppendCondition, AppendGuard } from "./append-guard.ts";
import { closedError, offlineError, readFailure, untouched } from "./disk-failures.ts";
import { LogCleaner } from "./compaction/log-cleaner.ts";
import { FlushSchedule } from "./flush-schedule.ts";
import { GroupCommit, syncEachSegment } from "./group-commit.ts";
import { LeaderEpochs } from "./leader-epochs.ts";
import { LogReader } from "./log-reader.ts";
import { type LogListener, LogState } from "./log-state.ts";
import { LogTrimmer } from "./log-trimmer.ts";
import { LogWriter } from "./log-writer.ts";
import type { OpenLogOptions } from "./open-log-options.ts";
import { ProducerSnapshots } from "./producer-snapshots.ts";
import { ProducerState } from "./producer-state.ts";
import { recoverLog } from "./recovery.ts";
import type { TimestampOffset } from "./sparse-index.ts";
import type { LogTail } from "./tail-cache.ts";
import { findByTimestamp } from "./time-search.ts";
import { earliestTimestamp, refuseLaterTimestamp } from "./timestamp-bounds.ts";
import type { AppendResult, Durability, LogConfig, ReadResult } from "./types.ts";

/** What opening found. */
interface Recovered {
  readonly epochs: LeaderEpochs;
  readonly producers: ProducerState;
  readonly snapshots: ProducerSnapshots;
}

/**
 * The log of one partition: an append-only sequence of record batches in segments, totally ordered by offset. Opened
 * once at a time; all methods may be called concurrently.
 */
export class PartitionLog {
  readonly #options: OpenLogOptions;
  readonly #state: LogState;
  readonly #writer: LogWriter;
  readonly #commit: GroupCommit;
  readonly #flushes: FlushSchedule;
  readonly #reader: LogReader;
  readonly #trimmer: LogTrimmer;
  readonly #tail: LogTail;
  readonly #epochs: LeaderEpochs;
  readonly #snapshots: ProducerSnapshots;
  /** Compaction, where the topic asks for it. */
  readonly cleaner: LogCleaner;
  /** Who follows the log and has a say in it, from the next write on. */
  guard: AppendGuard | undefined;
  #config: LogConfig;
  #isClosed = false;

  private constructor(options: OpenLogOptions, state: LogState, { epochs, producers, snapshots }: Recovered) {
    this.#options = options;
    this.#state = state;
    this.#config = options.config;
    this.#epochs = epochs;
    this.#snapshots = snapshots;
    this.#tail = options.env.cache.tail();
    this.#reader = new LogReader(state, { env: options.env, tail: this.#tail, epochs });
    this.#commit = new GroupCommit(state, options.durability ?? syncEachSegment, {
      onDurable: () => this.#durableAdvanced(),
      onFailure: (error) => this.#takeOffline(offlineError(state.name, "flush what was written", error)),
    });
    this.#flushes = new FlushSchedule(options.env, state, this.#commit);
    const common = {
      env: options.env,
      state,
      commit: this.#commit,
      epochs,
      producers,
      snapshots,
      config: () => this.#config,
      guard: () => this.guard,
      takeOffline: (failure: MillraceError) => this.#takeOffline(failure),
    };
    this.#writer = new LogWriter({ ...common, tail: this.#tail, leaderEpoch: options.leaderEpoch });
    const { persistLogStart, firstDirtyOffset = 0 } = options;
    this.#trimmer = new LogTrimmer({ ...common, writer: this.#writer, persistLogStart });
    this.cleaner = new LogCleaner({ ...common, writer: this.#writer, firstDirtyOffset });
  }

  /** Opens a log and recovers it. Throws LOG_CORRUPT for damage below the recovery point, FileSystemError otherwise. */
  static async open(options: OpenLogOptions): Promise<PartitionLog> {
    const { env, folder } = options;
    let log: PartitionLog | undefined;
    const { epochs, isDamaged } = await LeaderEpochs.load(env.fs, folder);
    const recovered = await recoverLog({
      ...options,
      indexIntervalBytes: () => log?.config.indexIntervalBytes ?? options.config.indexIntervalBytes,
      epochs,
      epochsLost: isDamaged,
    });
    const { segments, logStartOffset, logEndOffset } = recovered;
    const state = new LogState(options.name, folder, segments, logStartOffset, logEndOffset);
    const producers = new ProducerState(env.producers, env.producerExpirationMs);
    const snapshots = new ProducerSnapshots({
      env,
      state,
      epochs,
      producers,
      flush: async () => log?.flush(),
    });
    await snapshots.restore().catch((error: unknown) => {
      producers.clear();
      throw error;
    });
    log = new PartitionLog(options, state, { epochs, producers, snapshots });
    return log;
  }

  get config(): LogConfig {
    return this.#config;
  }

  /** First readable offset. */
  get logStartOffset(): number {
    return this.#state.logStartOffset;
  }

  /** End of what consumers may read, exclusive. */
  get highWatermark(): number {
    return this.#state.highWatermark;
  }

  /** Next offset to assign. */
  get logEndOffset(): number {
    return this.#state.logEndOffset;
  }

  /** Everything below is flushed: where recovery may begin. */
  get recoveryPoint(): number {
    return this.#state.durableOffset;
  }

  /** Bytes of all segments, indexes not counted. */
  get sizeBytes(): number {
    return this.#state.sizeBytes;
  }

  /** Why the log is offline, if it is. */
  get failure(): MillraceError | undefined {
    return this.#state.failure;
  }

  /** Obeys other configs from the next append on. */
  reconfigure(config: LogConfig): void {
    this.#config = config;
    if (this.#state.failure !== undefined) return;
    if (config.flushMode === "written") this.#state.advanceHighWatermark(this.#state.logEndOffset);
    else this.#commit.request();
  }

  /**
   * Appends one encoded batch, whose bytes are taken over and stamped in place. It is checked whole first. Resolves
   * when it is as durable as asked, or as the topic's flush mode says. Throws INVALID_BATCH, CHECKSUM_MISMATCH,
   * BATCH_TOO_LARGE, UNSUPPORTED_COMPRESSION, OUT_OF_ORDER_SEQUENCE, PRODUCER_FENCED, OVERLOADED and STORAGE_FULL
   * with nothing written; STORAGE_OFFLINE with the outcome unknown, or with effect "none" if its write was never tried;
   * and what the guard, who gets the condition, refuses it with.
   */
  async append(
    batch: Buffer,
    durability: Durability | undefined,
    condition?: AppendCondition,
  ): Promise<AppendResult> {
    this.#requireOpen();
    const config = this.#config;
    const nowMs = this.#options.env.clock.nowMs();
    const header = checkBatch(batch, {
      batchBytesMax: config.batchBytesMax,
      decompressedBytesMax: DECOMPRESSED_BYTES_MAX,
      earliestMs: earliestTimestamp(config, nowMs),
      keysRequired: config.compacts,
    });
    refuseLaterTimestamp(header, config, nowMs);
    const result = await this.#writer.append(batch, header, {
      durability: durability ?? config.flushMode,
      condition,
    });
    if (config.flushMode === "written") this.#flushes.written(config);
    return result;
  }

  /** Reads whole batches from `offset`; see LogReader.read. A log that is offline still serves what it acknowledged. */
  async read(offset: number, maxBytes: number): Promise<ReadResult> {
    this.#requireOpen();
    return this.#reader.read(offset, maxBytes);
  }

  /** The first readable record at or after the timestamp, by offset; undefined if none is as late. */
  async findByTimestamp(timestampMs: number): Promise<TimestampOffset | undefined> {
    this.#requireOpen();
    try {
      return await findByTimestamp(this.#state, this.#epochs, timestampMs);
    } catch (error) {
      throw readFailure(error, this.#state.name);
    }
  }

  /** Calls back at each change: more to read, less to read, offline, closed. */
  listen(listener: LogListener): void {
    this.#state.listen(listener);
  }

  unlisten(listener: LogListener): void {
    this.#state.unlisten(listener);
  }

  /** Runs work between two writes: everything that got an offset is in the log then, or never will be. */
  betweenWrites<T>(work: () => T): Promise<T> {
    return this.#writer.exclusively(async () => work());
  }

  /** Flushes everything written so far. */
  flush(): Promise<void> {
    return this.#commit.flush();
  }

  /**
   * Raises the log start offset, durably; whole segments below it go. Returns the new one. Throws OFFSET_OUT_OF_RANGE
   * above the high watermark; below the present one nothing changes.
   */
  async trim(beforeOffset: number): Promise<number> {
    this.#requireOpen();
    if (this.#state.failure !== undefined) throw untouched(this.#state.failure);
    return this.#trimmer.trim(beforeOffset);
  }

  /** Deletes the segments that have expired and returns how many. */
  async applyRetention(nowMs: number): Promise<number> {
    if (this.#isClosed || this.#state.failure !== undefined) return 0;
    return this.#trimmer.applyRetention(nowMs);
  }

  /** Writes what the index files lack and, if much was written, what is known of producers: a restart reads less. */
  async persistDerived(): Promise<void> {
    if (this.#isClosed) return;
    await this.#writer.exclusively(async () => {
      await this.#state.activeSegment?.persistIndexes();
      await this.#snapshots.takeIfDue();
    });
  }

  /**
   * Refuses what waits to be written, flushes what was, completes the indexes and closes. Returns false if the log
   * was offline, so that the next start has to recover it.
   */
  async close(): Promise<boolean> {
    if (!this.#isClosed) {
      this.#isClosed = true;
      await this.cleaner.close();
      await this.#writer.exclusively(() => this.#finish());
    }
    return this.#state.failure === undefined;
  }

  async #finish(): Promise<void> {
    const state = this.#state;
    this.#trimmer.close();
    this.#flushes.close();
    this.#writer.abandon(closedError(this.#state.name));
    if (state.failure === undefined) {
      // A flush that fails takes the log offline and is reported by that; closing goes on.
      await this.#commit.flush().catch((error: unknown) => MillraceError.from(error));
    }
    if (state.failure === undefined) {
      await state.activeSegment?.persistIndexes();
      await this.#snapshots.take();
    }
    this.#writer.close(closedError(this.#state.name));
    this.#tail.clear();
    state.notify();
    for (const segment of state.segments) await segment.close();
  }

  #durableAdvanced(): void {
    this.#writer.durableAdvanced();
    this.#state.advanceHighWatermark(this.#state.durableOffset);
  }

  #takeOffline(failure: MillraceError): MillraceError {
    this.#options.env.logger.error(
      { partition: this.#state.name, error: String(failure.cause ?? failure.message) },
      "partition taken offline",
    );
    this.#state.fail(failure);
    this.#writer.abandon(failure);
    this.#commit.abandon(failure);
    return failure;
  }

  #requireOpen(): void {
    if (this.#isClosed) throw closedError(this.#state.name);
  }
}
