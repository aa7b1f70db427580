import type { Clock, Timer } from "../../src/base/index.ts";

/** A clock that a test moves. */
export class ManualClock implements Clock {
  #now = 0;
  #timers: { readonly dueMs: number; readonly callback: () => void }[] = [];

  nowMs(): number {
    return this.#now;
  }

  monotonicMs(): number {
    return this.#now;
  }

  schedule(delayMs: number, callback: () => void): Timer {
    const timer = { dueMs: this.#now + delayMs, callback };
    this.#timers.push(timer);
    return {
      cancel: () => {
        this.#timers = this.#timers.filter((other) => other !== timer);
      },
    };
  }

  /** Timers that are due in the future. */
  get timers(): number {
    return this.#timers.length;
  }

  /** Lets time pass and calls back what is due, in order. */
  advance(ms: number): void {
    this.#now += ms;
    const due = this.#timers.filter((timer) => timer.dueMs <= this.#now).sort((a, b) => a.dueMs - b.dueMs);
    this.#timers = this.#timers.filter((timer) => timer.dueMs > this.#now);
    for (const timer of due) timer.callback();
  }
}
