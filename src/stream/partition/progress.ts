import type { AppliedState } from "../store/index-values.ts";
import type { Waiters } from "./waiters.ts";

/** How far the index has the log, and how far somebody needs it at once. */
export class Progress {
  readonly #waiters: Waiters;
  state: AppliedState = { appliedOffset: 0, leaderEpoch: 0 };
  #wantedOffset = 0;

  constructor(waiters: Waiters) {
    this.#waiters = waiters;
  }

  /** What lies below is in the index. */
  get offset(): number {
    return this.state.appliedOffset;
  }

  /** Somebody waits for more. */
  get isUrgent(): boolean {
    return this.#wantedOffset > this.offset;
  }

  /** Resolves with whether it has come to the offset, after `timeoutMs` or once `isOver` at the latest. */
  async reaches(offset: number, timeoutMs: number, isOver: () => boolean): Promise<boolean> {
    if (this.offset >= offset) return true;
    this.#wantedOffset = Math.max(this.#wantedOffset, offset);
    this.#waiters.check();
    await this.#waiters.until(() => this.offset >= offset || isOver(), timeoutMs);
    return this.offset >= offset;
  }
}
