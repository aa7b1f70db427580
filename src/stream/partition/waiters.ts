import type { Clock } from "../../base/index.ts";

interface Waiter {
  readonly isMet: () => boolean;
  readonly done: () => void;
}

/** Those who wait until something is so, for a bounded time. */
export class Waiters {
  readonly #clock: Clock;
  readonly #waiting = new Set<Waiter>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Resolves with true once it is so, or with false after `timeoutMs`. */
  async until(isMet: () => boolean, timeoutMs: number): Promise<boolean> {
    if (isMet()) return true;
    await new Promise<void>((resolve) => {
      const waiter: Waiter = {
        isMet,
        done: () => {
          timer.cancel();
          this.#waiting.delete(waiter);
          resolve();
        },
      };
      const timer = this.#clock.schedule(timeoutMs, waiter.done);
      this.#waiting.add(waiter);
    });
    return isMet();
  }

  /** To be called whenever something has changed. */
  check(): void {
    for (const waiter of this.#waiting) if (waiter.isMet()) waiter.done();
  }
}
