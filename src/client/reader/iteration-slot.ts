import type { EndWatch } from "./end-watch.ts";

/** Lets one iteration at a time take from a reader: two would take each other's batches. Iterations are told apart by their end watches. */
export class IterationSlot {
  #holder: EndWatch | undefined;
  #isTaking = false;

  /** Before each take. Throws a TypeError while another iteration, or another `next` of this one, is under way. */
  enter(end: EndWatch): void {
    if (this.#holder !== undefined && this.#holder !== end) {
      throw new TypeError(
        "another iteration of this reader is under way: leave its loop (or call its return()) first, or read with a second reader",
      );
    }
    if (this.#isTaking) {
      throw new TypeError("next() was called before the one before it had settled: await each");
    }
    this.#holder = end;
    this.#isTaking = true;
  }

  /** After each take. */
  taken(end: EndWatch): void {
    if (this.isHeldBy(end)) this.#isTaking = false;
  }

  /** The iteration is over, be it in the middle of a take; another may begin. */
  leave(end: EndWatch): void {
    if (!this.isHeldBy(end)) return;
    this.#holder = undefined;
    this.#isTaking = false;
  }

  isHeldBy(end: EndWatch): boolean {
    return this.#holder === end;
  }
}
