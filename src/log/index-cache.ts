/** Whoever holds indexes that can be loaded again. */
export interface IndexHolder {
  dropIndexes(): void;
}

/** Bounds the memory of loaded indexes of sealed segments: those unused for longest are dropped. */
export class IndexCache {
  readonly #bytesMax: number;
  /** In order of use. */
  readonly #held = new Map<IndexHolder, number>();
  #bytes = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  /** Notes that the holder's indexes of this size were just used. */
  touch(holder: IndexHolder, bytes: number): void {
    this.forget(holder);
    this.#held.set(holder, bytes);
    this.#bytes += bytes;
    for (const oldest of this.#held.keys()) {
      if (this.#bytes <= this.#bytesMax || oldest === holder) break;
      this.forget(oldest);
      oldest.dropIndexes();
    }
  }

  /** Notes that the holder no longer has indexes, or needs them for good. */
  forget(holder: IndexHolder): void {
    this.#bytes -= this.#held.get(holder) ?? 0;
    this.#held.delete(holder);
  }
}
