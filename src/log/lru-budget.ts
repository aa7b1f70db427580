/** Whoever holds memory that can be done without. */
export interface Evictable {
  /** Lets go of it. */
  evict(): void;
}

/** Bounds the memory of many holders together: those unused for longest lose theirs. */
export class LruBudget {
  readonly #bytesMax: number;
  /** In order of use. */
  readonly #held = new Map<Evictable, number>();
  #bytes = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  /** What all holders have together. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Notes that what the holder has, of this size, was just used. */
  touch(holder: Evictable, bytes: number): void {
    this.forget(holder);
    this.#held.set(holder, bytes);
    this.#bytes += bytes;
    for (const oldest of this.#held.keys()) {
      if (this.#bytes <= this.#bytesMax || oldest === holder) break;
      this.forget(oldest);
      oldest.evict();
    }
  }

  /** Notes that the holder no longer has anything, or needs it for good. */
  forget(holder: Evictable): void {
    this.#bytes -= this.#held.get(holder) ?? 0;
    this.#held.delete(holder);
  }
}
