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

  /** Resolves with true once it was so, or with false after `timeoutMs`. */
  async until(isMet: () => boolean, timeoutMs: number): Promise<boolean> {
    if (isMet()) return true;
    return new Promise<boolean>((resolve) => {
      const end = (wasMet: boolean): void => {
        timer.cancel();
        this.#waiting.delete(waiter);
        resolve(wasMet);
      };
      const waiter: Waiter = { isMet, done: () => end(true) };
      const timer = this.#clock.schedule(timeoutMs, () => end(false));
      this.#waiting.add(waiter);
    });
  }

  /** To be called whenever something has changed. */
  check(): void {
    for (const waiter of this.#waiting) if (waiter.isMet()) waiter.done();
  }
}
