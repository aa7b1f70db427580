import { assert } from "../base/index.ts";
import { MillraceError } from "../errors/index.ts";
import type { BatchHeader } from "../record/index.ts";
import { AppendAnswers } from "./append-answers.ts";
import type { AppendCondition, AppendGuard } from "./append-guard.ts";
import { isFailedFlush, offlineError, passingRefusal, untouched } from "./disk-failures.ts";
import type { PooledFile } from "./file-pool.ts";
import type { GroupCommit } from "./group-commit.ts";
import { GroupPlacer, type Pending, type Placed } from "./group-placer.ts";
import type { LeaderEpochs } from "./leader-epochs.ts";
import type { LogState } from "./log-state.ts";
import type { ProducerState } from "./producer-state.ts";
import { RefusalNotice } from "./refusal-notice.ts";
import { needsRoll } from "./roll-rule.ts";
import { Segment } from "./segment.ts";
import type { LogTail } from "./tail-cache.ts";
import type { AppendResult, Durability, LogConfig, LogEnvironment } from "./types.ts";
import { writeWhole } from "./write-whole.ts";

/** Most bytes that may wait for their write in one log. */
const PENDING_BYTES_MAX = 32 * 1_048_576;

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
  /** Who has a say in what is appended, if anybody. */
  readonly guard: () => AppendGuard | undefined;
  /** Takes the log offline, failing all who wait. */
  readonly takeOffline: (failure: MillraceError) => void;
}

/** On which terms a batch is appended. */
export interface AppendTerms {
  readonly durability: Durability;
  readonly condition: AppendCondition | undefined;
}

/**
 * The one writer of a log. Batches queue here; whatever waits is placed, stamped and written with one vectored write,
 * rolling to a new segment first where one is due. A write that fails for lack of space is rolled back whole and
 * refused; any other failed write takes the log offline.
 */
export class LogWriter {
  readonly #parts: WriterParts;
  readonly #placer: GroupPlacer;
  readonly #notice: RefusalNotice;
  readonly #answers: AppendAnswers;
  #pending: Pending[] = [];
  #pendingBytes = 0;
  /** Work that waits to run between two writes. */
  #jobs: (() => Promise<void>)[] = [];
  /** Ends the wait for room. */
  #wake = (): void => undefined;
  #isRunning = false;
  /** A roll has failed halfway: nothing may follow in the old segment once the file of a new one is there. */
  #isRollDue = false;
  #isWriting = false;
  /** The file with bytes that are not flushed. */
  #pinned: PooledFile | undefined;

  constructor(parts: WriterParts) {
    this.#parts = parts;
    this.#placer = new GroupPlacer(parts);
    this.#notice = new RefusalNotice(parts.env, parts.state.name);
    this.#answers = new AppendAnswers(parts);
  }

  /** Queues a checked batch. Throws OVERLOADED if too much waits, STORAGE_OFFLINE if the log is. */
  append(batch: Buffer, header: BatchHeader, terms: AppendTerms): Promise<AppendResult> {
    const { failure, name } = this.#parts.state;
    if (failure !== undefined) throw untouched(failure);
    if (this.#pendingBytes + batch.length > PENDING_BYTES_MAX) {
      throw new MillraceError(
        "OVERLOADED",
        `partition ${name} has ${this.#pendingBytes} bytes waiting to be written, at most ${PENDING_BYTES_MAX} allowed; send more slowly`,
      );
    }
    return new Promise((resolve, reject) => {
      this.#pending.push({ batch, header, ...terms, resolve, reject });
      this.#pendingBytes += batch.length;
      this.#start();
    });
  }

  /** Runs work that changes segments between two writes. */
  exclusively<T>(work: () => Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      this.#jobs.push(() => work().then(resolve, reject));
      this.#wake();
      this.#start();
    });
  }

  /**
   * Seals the active segment and begins a new one; everything before is durable then. Only between two writes: by the
   * writer itself, or within `exclusively`. Throws STORAGE_FULL or OVERLOADED with nothing changed, STORAGE_OFFLINE if the disk failed.
   */
  async roll(): Promise<void> {
    const { env, state, commit, config } = this.#parts;
    const sealed = state.activeSegment;
    try {
      if (sealed !== undefined) await commit.flush();
      this.#isRollDue = true;
      const segment = new Segment(env, state.folder, state.logEndOffset, () => config().indexIntervalBytes);
      await segment.create();
      await sealed?.seal();
      state.segments.push(segment);
      this.#isRollDue = false;
    } catch (error) {
      throw this.settle(error, "begin a segment");
    }
  }

  /** The answer to a failure: a refusal if it may pass; anything else takes the log offline. */
  settle(error: unknown, action: string): MillraceError {
    const { state, takeOffline } = this.#parts;
    if (error instanceof MillraceError) return error;
    const refusal = isFailedFlush(error) ? undefined : passingRefusal(error, `partition ${state.name}`);
    if (refusal !== undefined) return this.#notice.refused(refusal);
    const failure = offlineError(state.name, action, error);
    takeOffline(failure);
    return failure;
  }

  /** Fails everything that waits for its write, of which nothing was tried: the log went offline. */
  abandon(error: MillraceError): void {
    const pending = this.#pending;
    this.#pending = [];
    this.#pendingBytes = 0;
    for (const { reject } of pending) reject(untouched(error));
  }

  /** Refuses everything that waits and lets go of the file. Only within `exclusively`, once all is flushed that can be. */
  close(error: MillraceError): void {
    this.abandon(error);
    this.#parts.producers.clear();
    this.#unpin();
  }

  /** To be told when the durable offset moved. */
  durableAdvanced(): void {
    const { state } = this.#parts;
    if (!this.#isWriting && state.durableOffset === state.logEndOffset) this.#unpin();
  }

  #unpin(): void {
    this.#pinned?.unpin();
    this.#pinned = undefined;
  }

  #start(): void {
    if (!this.#isRunning) void this.#run();
  }

  /** Never throws: whatever goes wrong answers the batches or jobs that it concerns. */
  async #run(): Promise<void> {
    this.#isRunning = true;
    for (;;) {
      const job = this.#jobs.shift();
      if (job === undefined && this.#pending.length > 0) {
        await this.#writeNext();
        continue;
      }
      this.#answers.acknowledge();
      if (job === undefined) break;
      await job();
    }
    // In the same turn as the look at the queues: what comes from here on starts the next run.
    this.#isRunning = false;
  }

  async #writeNext(): Promise<void> {
    const room = this.#parts.guard()?.room();
    if (room !== undefined) {
      await this.#waitForRoom(room);
      return;
    }
    const first = this.#pending[0]!;
    try {
      if (this.#mustRoll(first)) {
        this.#answers.acknowledge();
        await this.roll();
      }
      const { epochs, leaderEpoch, state } = this.#parts;
      // A snapshot of producers at the base of the first segment is known by the epoch of the offset below it.
      const firstOffset = Math.max(0, state.segments[0]!.baseOffset - 1);
      await epochs.begin(leaderEpoch, state.logEndOffset, firstOffset);
    } catch (error) {
      this.#answers.acknowledge();
      this.#refuseFirst(first, this.settle(error, "begin a segment"));
      return;
    }
    if (this.#pending.length > 0) await this.#writeGroup();
  }

  /** A new segment or epoch could not be begun, and nothing was written. */
  #refuseFirst(first: Pending, refusal: MillraceError): void {
    if (this.#pending[0] !== first) return; // the log went offline, and everything was refused
    this.#pending.shift();
    this.#pendingBytes -= first.batch.length;
    const known = this.#placer.placeKnown(first);
    if (known === undefined) first.reject(refusal);
    else this.#answers.acknowledgeOne(known);
  }

  /** Waits for room or for work that runs between two writes: that must not wait as long. */
  #waitForRoom(room: Promise<void>): Promise<void> {
    this.#answers.acknowledge();
    return new Promise((resolve) => {
      this.#wake = resolve;
      void room.then(resolve);
    });
  }

  #mustRoll({ batch, header }: Pending): boolean {
    const { state, env, config } = this.#parts;
    const active = state.activeSegment;
    if (active === undefined || this.#isRollDue) return true;
    const endOffset = state.logEndOffset + header.recordCount;
    return needsRoll(active, { bytes: batch.length, endOffset }, config(), env.clock.nowMs());
  }

  async #writeGroup(): Promise<void> {
    const { state, producers } = this.#parts;
    const segment = state.activeSegment!;
    // One for the whole write: who comes meanwhile has not heard of what was placed, and reads it from the log.
    const guard = this.#parts.guard();
    const placed = this.#takeGroup(segment, guard);
    this.#isWriting = true;
    try {
      const writing = this.#write(segment, placed);
      // While the disk works: what the answers set off may take as long as the next write.
      this.#answers.acknowledge();
      await writing;
      // A flush may have failed meanwhile: then nothing more is acknowledged.
      if (state.failure !== undefined) throw state.failure;
      producers.commit();
      this.#account(segment, placed);
      guard?.commit();
    } catch (error) {
      producers.discard();
      guard?.discard();
      const refusal = this.settle(error, "write");
      for (const item of placed) this.#answers.refuse(item, refusal);
      return;
    } finally {
      this.#isWriting = false;
      this.durableAdvanced();
    }
    this.#answers.wrote(placed);
  }

  /** Takes what fits one write off the queue. */
  #takeGroup(segment: Segment, guard: AppendGuard | undefined): Placed[] {
    const { placed, taken } = this.#placer.place(this.#pending, segment, guard);
    // The config changed since the writer looked. A new segment takes any batch, so this cannot go round in circles.
    if (taken === 0) this.#isRollDue = true;
    for (const { batch } of this.#pending.slice(0, taken)) this.#pendingBytes -= batch.length;
    this.#pending = this.#pending.slice(taken);
    return placed;
  }

  async #write(segment: Segment, placed: readonly Placed[]): Promise<void> {
    const buffers = placed.filter((item) => !item.duplicate).map((item) => item.pending.batch);
    if (buffers.length === 0) return;
    await segment.log.use(async (file) => {
      await writeWhole(file, segment.log.path, buffers, segment.sizeBytes);
      if (this.#pinned === undefined) segment.log.pin();
      this.#pinned = segment.log;
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
}
