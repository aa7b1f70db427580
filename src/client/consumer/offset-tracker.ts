import { Fifo } from "../fifo.ts";

/**
 * Knows which records of a partition were handed out and which of them are done, and so how far all of them are: what
 * may be committed. Offsets need not follow one another, as compaction leaves holes. Takes two numbers for each record
 * that is not done, or done behind one that is not.
 *
 *     handed out   4   5   8   9        offset of the next: 10
 *     done         x       x
 *     watermark        5                8 counts once 5 is done
 */
export class OffsetTracker {
  /** Offsets handed out and not yet below the watermark, ascending. */
  readonly #offsets = new Fifo<number>();
  /** Done, and behind one that is not. */
  readonly #done = new Set<number>();
  #end: number;

  /** Everything below `position` is done. */
  constructor(position: number) {
    this.#end = position;
  }

  /** Offset below which everything was handed out, or passed over. */
  get end(): number {
    return this.#end;
  }

  /** Offset below which everything is done. */
  get watermark(): number {
    return this.#offsets.peek() ?? this.#end;
  }

  /** Records handed out that lie above the watermark. */
  get size(): number {
    return this.#offsets.size;
  }

  /** A record was handed out. Records come in the order of their offsets. */
  started(offset: number): void {
    if (offset < this.#end) throw new TypeError(`offset ${offset} was handed out after ${this.#end - 1}`);
    this.#offsets.push(offset);
    this.#end = offset + 1;
  }

  /** There is nothing to hand out below `offset`. */
  passed(offset: number): void {
    this.#end = Math.max(this.#end, offset);
  }

  /** A record that was handed out is done. Harmless if said again. */
  finished(offset: number): void {
    if (offset !== this.#offsets.peek()) {
      if (offset > this.watermark && offset < this.#end) this.#done.add(offset);
      return;
    }
    do this.#offsets.shift();
    while (this.#done.delete(this.#offsets.peek() ?? -1));
  }
}
