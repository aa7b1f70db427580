import { type Clock, type Timer, TIMER_MS_MAX } from "../../base/index.ts";

/** A timer this late was held up with the whole process, milliseconds. */
const LATE_MS = 100;
/** Time for what members said meanwhile, and for their new connections, to be read, milliseconds. */
const GRACE_MS = 1_000;

/** The one timer of a group: for the nearest deadline of any of its members. */
export class GroupTimer {
  readonly #clock: Clock;
  readonly #due: () => void;
  #timer: Timer | undefined;
  #deadlineMs: number | undefined;

  constructor(clock: Clock, due: () => void) {
    this.#clock = clock;
    this.#due = due;
  }

  /**
   * Calls back at this time of `monotonicMs`, and at no other; undefined is never. A little later if the process stood
   * still: whoever was in time meanwhile must be heard first.
   */
  set(deadlineMs: number | undefined): void {
    if (deadlineMs === this.#deadlineMs) return;
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#deadlineMs = deadlineMs;
    if (deadlineMs === undefined) return;
    const delayMs = Math.max(0, Math.ceil(deadlineMs - this.#clock.monotonicMs()));
    const dueMs = this.#clock.monotonicMs() + delayMs;
    this.#wait(Math.min(delayMs, TIMER_MS_MAX), () => {
      if (this.#clock.monotonicMs() - dueMs < LATE_MS) this.#fire();
      else this.#wait(GRACE_MS, () => this.#fire());
    });
  }

  stop(): void {
    this.set(undefined);
  }

  #wait(delayMs: number, then: () => void): void {
    this.#timer = this.#clock.schedule(delayMs, then);
  }

  #fire(): void {
    this.#deadlineMs = undefined;
    this.#due();
  }
}
