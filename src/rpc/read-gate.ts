/** Something whose reading can be held back. */
interface Pausable {
  pause(): void;
  resume(): void;
}

/** Holds reading back for as long as there is a reason. */
export class ReadGate<Reason extends string> {
  readonly #stream: Pausable;
  readonly #reasons = new Set<Reason>();

  constructor(stream: Pausable) {
    this.#stream = stream;
  }

  /** Gives a reason to hold back, or takes it away. */
  set(reason: Reason, holds: boolean): void {
    const was = this.#reasons.size > 0;
    if (holds) this.#reasons.add(reason);
    else this.#reasons.delete(reason);
    const is = this.#reasons.size > 0;
    if (is && !was) this.#stream.pause();
    if (was && !is) this.#stream.resume();
  }
}
