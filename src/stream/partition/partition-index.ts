import { MillraceError } from "../../errors/index.ts";
import type { PartitionLog } from "../../log/index.ts";
import { IndexKeys } from "../store/index-keys.ts";
import { IndexDamage } from "../store/index-damage.ts";
import type { IndexStore } from "../store/index-store.ts";
import { IndexStoreError } from "../store/index-store-error.ts";
import { indexDamaged, indexUnusable, notFollowed, stillLoading } from "../stream-errors.ts";
import { ReadSize } from "../read/read-size.ts";
import type { StreamHead } from "../stream-head.ts";
import { beginningOf } from "./beginning.ts";
import { Bell } from "./bell.ts";
import { HeadMap } from "./head-map.ts";
import type { IndexedPartition, IndexEnvironment } from "./index-environment.ts";
import { IndexWriter } from "./index-writer.ts";
import { Joining } from "./joining.ts";
import { NoteWriter } from "./note-writer.ts";
import { Progress } from "./progress.ts";
import { StreamGuard } from "./stream-guard.ts";
import { Sweep } from "./sweep.ts";
import { Tail } from "./tail.ts";
import { Waiters } from "./waiters.ts";

/** Longest wait for the index, after which the caller is told to come again. */
const WAIT_MS_MAX = 5_000;
const RETRY_MS_MIN = 500;
const RETRY_MS_MAX = 30_000;

/**
 * The streams of one partition: catches up with the log by reading it, then goes live, which is to note every batch as
 * it is placed and to write the notes once they are readable. After any failure it begins again from what is written.
 */
export class PartitionIndex {
  readonly name: string;
  readonly log: PartitionLog;
  readonly partition: number;
  readonly keys: IndexKeys;
  readonly store: IndexStore;
  readonly heads: HeadMap;
  readonly guard: StreamGuard;
  readonly readSize = new ReadSize();
  readonly #env: IndexEnvironment;
  readonly #tail: Tail;
  readonly #joining: Joining;
  readonly #notes: NoteWriter;
  readonly #bell = new Bell();
  readonly #waiters: Waiters;
  readonly #progress: Progress;
  readonly #news = (): void => this.#changed();
  #failure: MillraceError | undefined;
  #mustRebuild = false;
  #generation = 0;
  /** Lets the log's writer ask again. */
  #openRoom = (): void => undefined;
  #isClosing = false;
  #isClosed = false;
  #running: Promise<void> = Promise.resolve();

  constructor(env: IndexEnvironment, { name, topicId, partition, leaderEpoch, log }: IndexedPartition) {
    this.#env = env;
    this.name = name;
    this.log = log;
    this.partition = partition;
    this.store = env.store;
    this.keys = new IndexKeys(topicId, partition);
    this.heads = new HeadMap({ store: env.store, keys: this.keys, budget: env.heads });
    this.#tail = new Tail(env.tail);
    const writer = new IndexWriter({ log, store: env.store, keys: this.keys, heads: this.heads });
    this.#waiters = new Waiters(env.clock);
    this.#progress = new Progress(this.#waiters);
    this.guard = new StreamGuard({
      heads: this.heads,
      tail: this.#tail,
      leaderEpoch,
      room: () => this.#room(),
      release: (beforeOffset) => this.#release(beforeOffset),
      fallBehind: () => this.#fallBehind(),
      changed: this.#news,
    });
    const common = { env, log, guard: this.guard, writer, progress: this.#progress, bell: this.#bell };
    this.#joining = new Joining({
      ...common,
      name,
      heads: this.heads,
      isOver: () => this.#isClosing || this.#mustRebuild,
      changed: () => this.#checkWaiters(),
    });
    this.#notes = new NoteWriter({
      ...common,
      tail: this.#tail,
      sweep: new Sweep({ name, store: env.store, keys: this.keys, log, logger: env.logger }),
      waiters: this.#waiters,
      written: () => this.#checkWaiters(),
    });
  }

  /** Follows the log from now on, as soon as `before` has ended. */
  start(before: Promise<void>): void {
    this.log.guard = this.guard;
    this.log.listen(this.#news);
    this.#running = before.then(() => this.#run());
  }

  /**
   * Follows the log no more; what is readable by now is written first, if the index is live. Nobody may write what the
   * index stands on until `detach`.
   */
  async close(): Promise<void> {
    this.#isClosing = true;
    this.#notes.end();
    this.#changed();
    await this.#running;
    this.#fallBehind();
    this.log.unlisten(this.#news);
    this.#isClosed = true;
    this.#changed();
  }

  /** The log has no streams any more. To be called after `close`. */
  detach(): void {
    if (this.log.guard === this.guard) this.log.guard = undefined;
  }

  /** The head of a stream at the end of the log, to be given back with `heads.unpin`. Waits until there is one. */
  async pin(key: Uint8Array): Promise<StreamHead> {
    for (;;) {
      await this.ready();
      const head = await this.heads.pin(key).catch((error: unknown) => {
        throw this.explained(error);
      });
      if (this.guard.isLive && this.heads.has(head)) return head;
      this.heads.unpin(head);
    }
  }

  /** Resolves when the index is live. Throws COORDINATOR_LOADING with how far it is, or why it cannot be. */
  async ready(): Promise<void> {
    const isInTime = await this.#waiters.until(() => this.guard.isLive || this.#isClosed, WAIT_MS_MAX);
    if (!isInTime || this.#isClosed) throw this.#unready(this.log.highWatermark);
  }

  /** Resolves when what lies below the offset is in the index; the offset must be readable. Throws as `ready`. */
  async whenApplied(offset: number): Promise<void> {
    if (!(await this.#applies(offset))) throw this.#unready(offset);
  }

  /** Resolves when the offset is readable, or a write was taken back since. Throws why it never will be. */
  async whenReadable(offset: number): Promise<void> {
    const { discardCount } = this.guard;
    const isSettled = () =>
      this.log.highWatermark >= offset ||
      this.guard.discardCount !== discardCount ||
      !this.guard.isLive ||
      this.log.failure !== undefined;
    const isInTime = await this.#waiters.until(isSettled, WAIT_MS_MAX);
    if (this.log.failure !== undefined) throw this.log.failure;
    if (!isInTime) throw stillLoading(this.name, this.log.highWatermark, offset);
  }

  /** Counts how often rows were removed of events that are still in the log. */
  get generation(): number {
    return this.#generation;
  }

  /** Throws if rows that were there in a generation may be gone by now, so that the caller begins again. */
  requireGeneration(generation: number): void {
    if (generation !== this.#generation || this.#isClosed) throw this.#unready(this.log.highWatermark);
  }

  /** A failure of the index as callers are told it; if it is damaged, it begins to be built again. */
  explained(error: unknown): unknown {
    if (error instanceof IndexDamage) return this.damaged(error.message, error);
    return error instanceof IndexStoreError ? indexUnusable(this.name, error) : error;
  }

  /** The index says what cannot be: begins to build it again, and returns what to tell. */
  damaged(problem: string, cause?: unknown): MillraceError {
    const { logger } = this.#env;
    logger.error({ partition: this.name, problem }, "stream index damaged; building it again from the log");
    this.#mustRebuild = true;
    this.#fallBehind();
    return indexDamaged(this.name, problem, cause);
  }

  async #run(): Promise<void> {
    for (let retryMs = RETRY_MS_MIN; !this.#isClosing; retryMs = Math.min(retryMs * 2, RETRY_MS_MAX)) {
      try {
        await this.#env.opened();
        await this.#begin();
        await this.#joining.run();
        this.#failure = undefined;
        retryMs = RETRY_MS_MIN;
        await this.#notes.run();
      } catch (error) {
        this.#failed(error);
        await this.#waiters.until(() => this.#isClosing, retryMs);
      }
    }
  }

  async #begin(): Promise<void> {
    this.#fallBehind();
    const { store, logger } = this.#env;
    const options = {
      name: this.name,
      log: this.log,
      keys: this.keys,
      store,
      logger,
      clearing: () => this.#generation++,
    };
    const mustRebuild = this.#mustRebuild;
    // Damage that is told of meanwhile counts.
    this.#mustRebuild = false;
    try {
      this.#progress.state = await beginningOf({ ...options, mustRebuild });
    } catch (error) {
      this.#mustRebuild ||= mustRebuild;
      throw error;
    }
  }

  #applies(offset: number): Promise<boolean> {
    return this.#progress.reaches(offset, WAIT_MS_MAX, () => this.#isClosed);
  }

  #room(): Promise<void> | undefined {
    if (this.#isClosing || this.log.failure !== undefined) return undefined;
    const isFull = this.#env.tail.isSpent && !this.#tail.isEmpty;
    const mustWait = this.guard.isLive ? isFull : this.#joining.holdsWriters;
    if (!mustWait) return undefined;
    return new Promise((resolve) => {
      this.#openRoom = resolve;
    });
  }

  /** A trim waits for the index. Where that cannot be written, the space matters more than old revisions. */
  async #release(beforeOffset: number): Promise<number> {
    if (this.#failure !== undefined) return beforeOffset;
    if (this.guard.isLive) await this.#applies(beforeOffset);
    return Math.min(beforeOffset, this.#progress.offset);
  }

  /** Why nobody can be served. */
  #unready(wantedOffset: number): MillraceError {
    if (this.#isClosed) return notFollowed(this.name);
    return this.#failure ?? stillLoading(this.name, this.#progress.offset, wantedOffset);
  }

  /** Lets go of all that is noted: it is read from the log again. */
  #fallBehind(): void {
    this.guard.stopLive();
    this.heads.clear();
    this.#tail.clear();
    this.#changed();
  }

  #failed(error: unknown): void {
    const explained = this.explained(error);
    this.#failure = explained instanceof MillraceError ? explained : indexUnusable(this.name, error);
    const fields = { partition: this.name, error: String(error) };
    this.#env.logger.warn(fields, "stream index not up to date; it is tried again");
    this.#fallBehind();
  }

  /** Something about log, writes or index has changed. */
  #changed(): void {
    this.#bell.ring();
    this.#checkWaiters();
  }

  #checkWaiters(): void {
    this.#openRoom();
    this.#waiters.check();
  }
}
