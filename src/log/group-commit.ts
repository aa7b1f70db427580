import type { MillraceError } from "../errors/index.ts";
import type { PooledFile } from "./file-pool.ts";
import type { LogState } from "./log-state.ts";

/**
 * "Make these appends durable": the one place that decides how. Today each segment is flushed by itself; a journal
 * shared by many partitions would be another implementation.
 */
export interface DurabilityPort {
  /** Resolves when everything written to the file so far is on the disk. A failure means that it may never be. */
  makeDurable(file: PooledFile): Promise<void>;
}

/** fdatasync of the segment's own file. */
export const syncEachSegment: DurabilityPort = {
  makeDurable: (file) => file.use((handle) => handle.datasync()),
};

interface Waiter {
  readonly endOffset: number;
  readonly resolve: () => void;
  readonly reject: (error: MillraceError) => void;
}

/**
 * Group commit: at most one flush in flight for each log, and everything written before it started becomes durable
 * with it. A failed flush fails the log: nothing that waited is acknowledged, and nothing is tried again.
 */
export class GroupCommit {
  readonly #state: LogState;
  readonly #port: DurabilityPort;
  readonly #onFailure: (error: unknown) => MillraceError;
  readonly #onDurable: () => void;
  /** In the order in which they came. */
  #waiters: Waiter[] = [];
  /** Everything below is to be flushed: somebody waits for it, or asked for it. */
  #wantedOffset = 0;
  /** The durable offset has moved, and nobody was told yet. */
  #isNews = false;
  #isRunning = false;

  constructor(
    state: LogState,
    port: DurabilityPort,
    hooks: { onDurable: () => void; onFailure: (error: unknown) => MillraceError },
  ) {
    this.#state = state;
    this.#port = port;
    this.#onDurable = hooks.onDurable;
    this.#onFailure = hooks.onFailure;
  }

  /** Calls back when everything below `endOffset` is durable, starting a flush if none is under way. */
  whenDurable(endOffset: number, resolve: () => void, reject: (error: MillraceError) => void): void {
    const { failure, durableOffset } = this.#state;
    if (failure !== undefined) reject(failure);
    else if (endOffset <= durableOffset) resolve();
    else {
      this.#waiters.push({ endOffset, resolve, reject });
      this.#want(endOffset);
    }
  }

  /** Flushes everything written so far. Throws if the log is or goes offline. */
  async flush(): Promise<void> {
    await new Promise<void>((resolve, reject) => this.whenDurable(this.#state.logEndOffset, resolve, reject));
  }

  /** Sees to a flush of what is written, without waiting for it. */
  request(): void {
    this.#want(this.#state.logEndOffset);
  }

  /** Fails all who wait: the log went offline. */
  abandon(error: MillraceError): void {
    const waiters = this.#waiters;
    this.#waiters = [];
    for (const waiter of waiters) waiter.reject(error);
  }

  #want(endOffset: number): void {
    this.#wantedOffset = Math.max(this.#wantedOffset, endOffset);
    if (!this.#isRunning) void this.#run();
  }

  async #run(): Promise<void> {
    this.#isRunning = true;
    for (;;) {
      const { activeSegment, durableOffset, failure } = this.#state;
      const isWanted = failure === undefined && this.#wantedOffset > durableOffset;
      if (!this.#isNews && (!isWanted || activeSegment === undefined)) break;
      const flushing = isWanted && activeSegment ? this.#flushOnce(activeSegment.log) : undefined;
      // While the disk works: what the answers set off may take as long as the next flush.
      this.#tellDurable();
      await flushing;
    }
    // In the same turn as the look at what is wanted: what is wanted from here on starts the next run.
    this.#isRunning = false;
  }

  async #flushOnce(file: PooledFile): Promise<void> {
    const target = this.#state.logEndOffset;
    try {
      await this.#port.makeDurable(file);
    } catch (error) {
      this.abandon(this.#onFailure(error));
      return;
    }
    // The log may have failed meanwhile (a bad write): then nothing more is acknowledged.
    if (this.#state.failure !== undefined) return;
    this.#state.durableOffset = target;
    this.#isNews = true;
  }

  /** Answers those who waited for what has become durable. */
  #tellDurable(): void {
    if (!this.#isNews) return;
    this.#isNews = false;
    if (this.#state.failure !== undefined) return;
    this.#onDurable();
    let done = 0;
    while (done < this.#waiters.length && this.#waiters[done]!.endOffset <= this.#state.durableOffset) done++;
    const resolved = this.#waiters.slice(0, done);
    this.#waiters = this.#waiters.slice(done);
    for (const waiter of resolved) waiter.resolve();
  }
}
