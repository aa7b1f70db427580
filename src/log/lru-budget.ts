/** Whoever holds memory that can be done without. */
export interface Evictable {
  /** Lets go of it. */
  evict(): void;
}

/** A holder in the order of use. */
interface Place {
  readonly holder: Evictable;
  bytes: number;
  before: Place | undefined;
  after: Place | undefined;
}

/**
 * Bounds the memory of many holders together: those unused for longest lose theirs. The order is a list of its own: a
 * Map keeps it too, but is slow to begin anew behind thousands that were taken out of it.
 */
export class LruBudget {
  readonly #bytesMax: number;
  readonly #places = new Map<Evictable, Place>();
  #oldest: Place | undefined;
  #newest: Place | undefined;
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
    const known = this.#places.get(holder);
    const place = known ?? { holder, bytes: 0, before: undefined, after: undefined };
    if (known === undefined) this.#places.set(holder, place);
    else this.#unlink(known);
    this.#bytes += bytes - place.bytes;
    place.bytes = bytes;
    this.#link(place);
    while (this.#bytes > this.#bytesMax && this.#oldest !== undefined && this.#oldest !== place) {
      const { holder: oldest } = this.#oldest;
      this.forget(oldest);
      oldest.evict();
    }
  }

  /** Notes that the holder no longer has anything, or needs it for good. */
  forget(holder: Evictable): void {
    const place = this.#places.get(holder);
    if (place === undefined) return;
    this.#places.delete(holder);
    this.#unlink(place);
    this.#bytes -= place.bytes;
  }

  #link(place: Place): void {
    place.before = this.#newest;
    place.after = undefined;
    if (this.#newest === undefined) this.#oldest = place;
    else this.#newest.after = place;
    this.#newest = place;
  }

  #unlink({ before, after }: Place): void {
    if (before === undefined) this.#oldest = after;
    else before.after = after;
    if (after === undefined) this.#newest = before;
    else after.before = before;
  }
}
