import { assert } from "../base/index.ts";
import { MillraceError } from "../errors/index.ts";
import { FileSystemError } from "../fs/index.ts";
import { type BatchHeader, stampAppendTime, stampBatch } from "../record/index.ts";
import type { PooledFile } from "./file-pool.ts";
import type { GroupCommit } from "./group-commit.ts";
import type { LeaderEpochs } from "./leader-epochs.ts";
import type { LogState } from "./log-state.ts";
import type { ProducerState } from "./producer-state.ts";
import { Segment } from "./segment.ts";
import type { LogTail } from "./tail-cache.ts";
import type { AppendResult, Durability, LogConfig, LogEnvironment } from "./types.ts";
import { offlineError, passingRefusal } from "./write-failures.ts";

/** Most bytes and buffers of one vectored write. */
const GROUP_BYTES_MAX = 4 * 1_048_576;
const GROUP_BATCHES_MAX = 512;
/** Most bytes that may wait for their write in one log. */
const PENDING_BYTES_MAX = 32 * 1_048_576;
const RELATIVE_OFFSET_MAX = 2 ** 31 - 1;

/** A checked batch that waits to be written. */
interface Pending {
  readonly batch: Buffer;
  readonly header: BatchHeader;
  readonly durability: Durability;
  readonly resolve: (result: AppendResult) => void;
  readonly reject: (error: MillraceError) => void;
}

/** A batch with its place in the log. */
interface Placed {
  readonly pending: Pending;
  readonly header: BatchHeader;
  readonly baseOffset: number;
  readonly duplicate: boolean;
}

/** What a writer works on. */
export interface WriterParts {
  readonly env: LogEnvironment;
  readonly state: LogState;
  readonly commit: GroupCommit;
  readonly epochs: LeaderEpochs;
  readonly producers: ProducerState;
  readonly tail: LogTail;
  readonly leaderEpoch: number;
  readonly config: () => LogConfig;
  /** Takes the log offline, failing all who wait. */
  readonly takeOffline: (failure: MillraceError) => void;
}

/**
 * The one writer of a log. Batches queue here; whatever waits is placed, stamped and written with one vectored write,
 * rolling to a new segment first where one is due. A write that fails for lack of space is rolled back whole and
 * refused; any other failed write takes the log offline.
 */
export class LogWriter {
  readonly #parts: WriterParts;
  #pending: Pending[] = [];
  #pendingBytes = 0;
  /** Work that waits to run between two writes. */
  #jobs: (() => Promise<void>)[] = [];
  #isRunning = false;
  #pinned: PooledFile | undefined;

  constructor(parts: WriterParts) {
    this.#parts = parts;
  }

  /** Queues a checked batch. Throws OVERLOADED if too much waits, STORAGE_OFFLINE or LOG_CORRUPT if the log is. */
  append(batch: Buffer, header: BatchHeader, durability: Durability): Promise<AppendResult> {
    const { failure, name } = this.#parts.state;
    if (failure !== undefined) throw failure;
    if (this.#pendingBytes + batch.length > PENDING_BYTES_MAX) {
      throw new MillraceError(
        "OVERLOADED",
        `partition ${name} has ${this.#pendingBytes} bytes waiting to be written, at most ${PENDING_BYTES_MAX} allowed; send more slowly`,
      );
    }
    return new Promise((resolve, reject) => {
      this.#pending.push({ batch, header, durability, resolve, reject });
      this.#pendingBytes += batch.length;
      this.#start();
    });
  }

  /** Runs work that changes segments between two writes. */
  exclusively<T>(work: () => Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      this.#jobs.push(() => work().then(resolve, reject));
      this.#start();
    });
  }

  /** Seals the active segment and begins a new one; everything before is durable then. Only within `exclusively`. */
  async roll(): Promise<void> {
    const { env, state, commit, config } = this.#parts;
    const sealed = state.activeSegment;
    if (sealed !== undefined) await commit.flush();
    const segment = new Segment(env, state.folder, state.logEndOffset, () => config().indexIntervalBytes);
    await segment.create();
    await sealed?.seal();
    state.segments.push(segment);
  }

  /** Fails everything that waits: the log went offline. */
  abandon(error: MillraceError): void {
    const pending = this.#pending;
    this.#pending = [];
    this.#pendingBytes = 0;
    for (const { reject } of pending) reject(error);
  }

  /** To be told when the durable offset moved. */
  durableAdvanced(): void {
    const { state } = this.#parts;
    if (this.#pinned === undefined || state.durableOffset < state.logEndOffset) return;
    this.#pinned.unpin();
    this.#pinned = undefined;
  }

  #start(): void {
    if (this.#isRunning) return;
    this.#isRunning = true;
    void this.#run().finally(() => {
      this.#isRunning = false;
    });
  }

  /** Never throws: whatever goes wrong answers the batches or jobs that it concerns. */
  async #run(): Promise<void> {
    for (;;) {
      const job = this.#jobs.shift();
      if (job !== undefined) await job();
      else if (this.#pending.length > 0) await this.#writeNext();
      else return;
    }
  }

  async #writeNext(): Promise<void> {
    const first = this.#pending[0]!;
    try {
      if (this.#mustRoll(first.batch.length, first.header.recordCount)) await this.roll();
      await this.#parts.epochs.begin(this.#parts.leaderEpoch, this.#parts.state.logEndOffset);
    } catch (error) {
      this.#refuseFirst(error);
      return;
    }
    await this.#writeGroup();
  }

  /** A new segment or epoch could not be begun. Nothing was written; what cannot be mended takes the log offline. */
  #refuseFirst(error: unknown): void {
    const pending = this.#pending.shift();
    const refusal =
      passingRefusal(error, `partition ${this.#parts.state.name}`) ?? this.#fail(error, "begin a segment");
    if (pending === undefined) return; // the log went offline, and everything was refused
    this.#pendingBytes -= pending.batch.length;
    pending.reject(refusal);
  }

  #mustRoll(batchBytes: number, recordCount: number): boolean {
    const { state, env } = this.#parts;
    const config = this.#parts.config();
    const active = state.activeSegment;
    if (active === undefined) return true;
    if (active.sizeBytes === 0) return false;
    if (active.sizeBytes + batchBytes > config.segmentBytes) return true;
    if (active.offsetIndexBytes + 8 > config.segmentIndexBytes) return true;
    if (state.logEndOffset + recordCount - active.baseOffset > RELATIVE_OFFSET_MAX) return true;
    return env.clock.nowMs() - (active.firstAppendMs ?? env.clock.nowMs()) >= config.segmentMs;
  }

  async #writeGroup(): Promise<void> {
    const { state, producers } = this.#parts;
    const segment = state.activeSegment!;
    const position = segment.sizeBytes;
    const placed = this.#placeGroup();
    const buffers = placed.filter((p) => !p.duplicate).map((p) => p.pending.batch);
    try {
      if (buffers.length > 0) await this.#write(segment, buffers, position);
    } catch (error) {
      producers.discard();
      const refusal = passingRefusal(error, `partition ${state.name}`) ?? this.#fail(error, "write");
      for (const { pending } of placed) pending.reject(refusal);
      return;
    }
    producers.commit();
    this.#account(segment, placed);
    for (const item of placed) this.#acknowledge(item);
  }

  /** Takes what fits one write off the queue, gives it offsets and stamps it. Refused batches are answered here. */
  #placeGroup(): Placed[] {
    const { state, producers, env } = this.#parts;
    const config = this.#parts.config();
    const placed: Placed[] = [];
    let nextOffset = state.logEndOffset;
    let bytes = 0;
    let taken = 0;
    for (const pending of this.#pending) {
      const size = pending.batch.length;
      const fits =
        taken < GROUP_BATCHES_MAX &&
        (bytes === 0 ||
          (bytes + size <= GROUP_BYTES_MAX &&
            state.activeSegment!.sizeBytes + bytes + size <= config.segmentBytes));
      if (!fits) break;
      taken++;
      this.#pendingBytes -= size;
      try {
        const verdict = producers.check(pending.header);
        if (verdict !== undefined) {
          const { baseOffset, timestampMs } = verdict.duplicateOf;
          const header = { ...pending.header, maxTimestampMs: timestampMs };
          placed.push({ pending, header, baseOffset, duplicate: true });
          continue;
        }
      } catch (error) {
        pending.reject(MillraceError.from(error));
        continue;
      }
      const header = this.#stamp(pending, nextOffset, config, env.clock.nowMs());
      producers.stage(header, nextOffset, header.maxTimestampMs);
      placed.push({ pending, header, baseOffset: nextOffset, duplicate: false });
      nextOffset += header.recordCount;
      bytes += size;
    }
    this.#pending = this.#pending.slice(taken);
    return placed;
  }

  #stamp(pending: Pending, baseOffset: number, config: LogConfig, nowMs: number): BatchHeader {
    const { batch, header } = pending;
    stampBatch(batch, 0, baseOffset, this.#parts.leaderEpoch);
    if (config.timestampType === "create") return header;
    stampAppendTime(batch, 0, nowMs);
    return { ...header, timestampType: "append", maxTimestampMs: nowMs };
  }

  /** Writes everything or, having cut the file back to `position`, throws. */
  async #write(segment: Segment, buffers: readonly Buffer[], position: number): Promise<void> {
    if (this.#pinned !== segment.log) {
      this.#pinned?.unpin();
      this.#pinned = segment.log;
      segment.log.pin();
    }
    await segment.log.use(async (file) => {
      let rest = buffers;
      let at = position;
      try {
        while (rest.length > 0) {
          const written = await file.write(rest, at);
          if (written === 0) throw new FileSystemError("ENOSPC", "write", segment.log.path);
          at += written;
          rest = skipBytes(rest, written);
        }
      } catch (error) {
        if (passingRefusal(error, `partition ${this.#parts.state.name}`) === undefined) throw error;
        await file.truncate(position).catch((truncation: unknown) => {
          throw new AggregateError([error, truncation], "a failed write could not be rolled back");
        });
        throw error;
      }
    });
  }

  #account(segment: Segment, placed: readonly Placed[]): void {
    const { state, tail, env } = this.#parts;
    const config = this.#parts.config();
    const nowMs = env.clock.nowMs();
    for (const { pending, header, baseOffset, duplicate } of placed) {
      if (duplicate) continue;
      const lastOffset = baseOffset + header.recordCount - 1;
      assert(baseOffset === state.logEndOffset, `offsets of ${state.name} have no gaps`);
      segment.noteAppended(header, lastOffset, nowMs);
      tail.add(pending.batch, lastOffset, header.recordCount);
      state.logEndOffset = lastOffset + 1;
    }
    if (config.flushMode === "written") state.advanceHighWatermark(state.logEndOffset);
  }

  /** Answers when the batch is as durable as asked for. A duplicate waits as the original would. */
  #acknowledge({ pending, header, baseOffset, duplicate }: Placed): void {
    const result: AppendResult = {
      baseOffset,
      recordCount: header.recordCount,
      timestampMs: header.maxTimestampMs,
      durability: pending.durability,
      duplicate,
    };
    const { commit, config } = this.#parts;
    const endOffset = baseOffset + header.recordCount;
    if (pending.durability === "durable") {
      commit.whenDurable(endOffset, () => pending.resolve(result), pending.reject);
      return;
    }
    pending.resolve(result);
    if (config().flushMode === "durable") commit.request();
  }

  #fail(error: unknown, action: string): MillraceError {
    const failure = offlineError(this.#parts.state.name, action, error);
    this.#parts.takeOffline(failure);
    return failure;
  }
}

/** The buffers without their first `count` bytes. */
function skipBytes(buffers: readonly Buffer[], count: number): Buffer[] {
  const rest: Buffer[] = [];
  let skip = count;
  for (const buffer of buffers) {
    if (skip < buffer.length) rest.push(skip === 0 ? buffer : buffer.subarray(skip));
    skip = Math.max(0, skip - buffer.length);
  }
  return rest;
}
