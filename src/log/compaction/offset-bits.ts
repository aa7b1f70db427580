/** A set of offsets in a range, a bit each. */
export class OffsetBits {
  readonly firstOffset: number;
  readonly #words: Uint32Array;

  /** For `count` offsets from the first on. */
  constructor(firstOffset: number, count: number) {
    this.firstOffset = firstOffset;
    this.#words = new Uint32Array((count + 31) >>> 5);
  }

  get bytes(): number {
    return this.#words.byteLength;
  }

  /** Adds the offset that lies so far above the first. */
  add(relative: number): void {
    this.#words[relative >>> 5]! |= 1 << (relative & 31);
  }

  /** True if the offset that lies so far above the first was added. */
  has(relative: number): boolean {
    return ((this.#words[relative >>> 5]! >>> (relative & 31)) & 1) !== 0;
  }

  /** How many were added of those from one on up to another, exclusive. */
  count(from: number, to: number): number {
    let count = 0;
    for (let at = from; at < to; ) {
      const bit = at & 31;
      const bits = Math.min(32 - bit, to - at);
      const mask = bits === 32 ? -1 : ((1 << bits) - 1) << bit;
      count += bitsIn(this.#words[at >>> 5]! & mask);
      at += bits;
    }
    return count;
  }
}

/** Bits that are set in a word of 32. */
function bitsIn(word: number): number {
  let pairs = word - ((word >>> 1) & 0x5555_5555);
  pairs = (pairs & 0x3333_3333) + ((pairs >>> 2) & 0x3333_3333);
  return Math.imul((pairs + (pairs >>> 4)) & 0x0f0f_0f0f, 0x0101_0101) >>> 24;
}
