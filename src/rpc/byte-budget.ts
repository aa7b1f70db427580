import { assert } from "../base/index.ts";
import { MillraceError } from "../errors/index.ts";

/** A bound on bytes held at one time by all calls together. */
export class ByteBudget {
  readonly #bytesMax: number;
  #bytes = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  /** Bytes held now. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Takes bytes, to be released when they are no longer held. Throws OVERLOADED if they exceed the bound. */
  acquire(bytes: number): void {
    if (this.#bytes + bytes > this.#bytesMax) {
      throw new MillraceError(
        "OVERLOADED",
        `the broker holds ${this.#bytes} bytes of unanswered batches and cannot take ${bytes} more ` +
          `(at most ${this.#bytesMax}); try again later, or raise the broker's produce budget`,
        { details: { size: bytes, held: this.#bytes, max: this.#bytesMax } },
      );
    }
    this.#bytes += bytes;
  }

  /** Gives bytes back. */
  release(bytes: number): void {
    this.#bytes -= bytes;
    assert(this.#bytes >= 0, "no more bytes are released than were acquired");
  }
}
