import { type Clock, type Timer, TIMER_MS_MAX } from "../../base/index.ts";

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

  /** Calls back at this time of `monotonicMs`, and at no other; undefined is never. */
  set(deadlineMs: number | undefined): void {
    if (deadlineMs === this.#deadlineMs) return;
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#deadlineMs = deadlineMs;
    if (deadlineMs === undefined) return;
    const delayMs = Math.max(0, Math.ceil(deadlineMs - this.#clock.monotonicMs()));
    this.#timer = this.#clock.schedule(Math.min(delayMs, TIMER_MS_MAX), () => {
      this.#deadlineMs = undefined;
      this.#due();
    });
  }

  stop(): void {
    this.set(undefined);
  }
}
