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
  /** By end offset. */
  #waiters: Waiter[] = [];
  #running: Promise<void> | undefined;

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
    if (endOffset <= this.#state.durableOffset) {
      resolve();
      return;
    }
    this.#waiters.push({ endOffset, resolve, reject });
    this.#start();
  }

  /** Flushes everything written so far. Throws if the log is or goes offline. */
  async flush(): Promise<void> {
    await new Promise<void>((resolve, reject) => this.whenDurable(this.#state.logEndOffset, resolve, reject));
  }

  /** Starts a flush of what is written, without waiting for it. */
  request(): void {
    if (this.#state.durableOffset < this.#state.logEndOffset) this.#start();
  }

  /** Fails all who wait: the log went offline. */
  abandon(error: MillraceError): void {
    const waiters = this.#waiters;
    this.#waiters = [];
    for (const waiter of waiters) waiter.reject(error);
  }

  #start(): void {
    if (this.#running !== undefined) return;
    this.#running = this.#run().finally(() => {
      this.#running = undefined;
      if (this.#waiters.length > 0 && this.#state.failure === undefined) this.#start();
    });
  }

  async #run(): Promise<void> {
    do {
      const segment = this.#state.activeSegment;
      const target = this.#state.logEndOffset;
      if (segment === undefined || this.#state.failure !== undefined) return;
      try {
        await this.#port.makeDurable(segment.log);
      } catch (error) {
        this.abandon(this.#onFailure(error));
        return;
      }
      // The log may have failed meanwhile (a bad write): then nothing more is acknowledged.
      if (this.#state.failure !== undefined) return;
      this.#state.durableOffset = Math.max(this.#state.durableOffset, target);
      this.#onDurable();
      this.#resolveDurable();
    } while (this.#waiters.length > 0);
  }

  #resolveDurable(): void {
    let done = 0;
    while (done < this.#waiters.length && this.#waiters[done]!.endOffset <= this.#state.durableOffset) done++;
    const resolved = this.#waiters.slice(0, done);
    this.#waiters = this.#waiters.slice(done);
    for (const waiter of resolved) waiter.resolve();
  }
}
