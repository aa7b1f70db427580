/**
 * Chaskey (Mouha et al., 2014), a MAC of 128 bits made for 32-bit arithmetic, which is what JavaScript has; here with the
 * eight rounds of its authors. Two keys with one hash would be one key to compaction, and a record would be lost. By
 * chance that does not happen, and nobody who does not know the secret can bring it about.
 */
const ROUNDS = 8;

/** Hashes one key after another into its fields. */
export class KeyHash {
  /** The words of the hash computed last. */
  a = 0;
  b = 0;
  c = 0;
  d = 0;
  readonly #key: Int32Array;
  /** The subkeys for a last block that is whole, and for one that is padded. */
  readonly #wholeKey: Int32Array;
  readonly #paddedKey: Int32Array;

  /** The secret as 32 hexadecimal digits. Throws TypeError for anything else. */
  constructor(secret: string) {
    if (!/^[0-9a-f]{32}$/.test(secret)) {
      throw new TypeError("the secret of a hash must be 32 hexadecimal digits");
    }
    const bytes = Buffer.from(secret, "hex");
    this.#key = Int32Array.from({ length: 4 }, (_, index) => bytes.readInt32LE(4 * index));
    this.#wholeKey = timesTwo(this.#key);
    this.#paddedKey = timesTwo(this.#wholeKey);
  }

  /** Computes the hash of `length` bytes from `start` on. */
  update(bytes: Uint8Array, start: number, length: number): void {
    const key = this.#key;
    this.a = key[0]!;
    this.b = key[1]!;
    this.c = key[2]!;
    this.d = key[3]!;
    let at = start;
    let left = length;
    for (; left > 16; left -= 16, at += 16) {
      this.#permute(word(bytes, at), word(bytes, at + 4), word(bytes, at + 8), word(bytes, at + 12));
    }
    const last = left === 16 ? this.#wholeKey : this.#paddedKey;
    const k0 = last[0]!;
    const k1 = last[1]!;
    const k2 = last[2]!;
    const k3 = last[3]!;
    this.#permute(
      k0 ^ (left >= 4 ? word(bytes, at) : padded(bytes, at, left)),
      k1 ^ (left >= 8 ? word(bytes, at + 4) : padded(bytes, at + 4, left - 4)),
      k2 ^ (left >= 12 ? word(bytes, at + 8) : padded(bytes, at + 8, left - 8)),
      k3 ^ (left >= 16 ? word(bytes, at + 12) : padded(bytes, at + 12, left - 12)),
    );
    this.a ^= k0;
    this.b ^= k1;
    this.c ^= k2;
    this.d ^= k3;
  }

  /** Mixes a block in. */
  #permute(w0: number, w1: number, w2: number, w3: number): void {
    let a = this.a ^ w0;
    let b = this.b ^ w1;
    let c = this.c ^ w2;
    let d = this.d ^ w3;
    for (let round = 0; round < ROUNDS; round++) {
      a = (a + b) | 0;
      b = ((b << 5) | (b >>> 27)) ^ a;
      a = (a << 16) | (a >>> 16);
      c = (c + d) | 0;
      d = ((d << 8) | (d >>> 24)) ^ c;
      a = (a + d) | 0;
      d = ((d << 13) | (d >>> 19)) ^ a;
      c = (c + b) | 0;
      b = ((b << 7) | (b >>> 25)) ^ c;
      c = (c << 16) | (c >>> 16);
    }
    this.a = a;
    this.b = b;
    this.c = c;
    this.d = d;
  }
}

/** The word at a place, lowest byte first. */
function word(bytes: Uint8Array, at: number): number {
  return bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
}

/** The word at a place of which only `left` bytes are there, fewer than four: a byte 1 follows them, then zeros. */
function padded(bytes: Uint8Array, at: number, left: number): number {
  if (left <= 0) return left < 0 ? 0 : 1;
  if (left === 1) return bytes[at]! | 0x100;
  if (left === 2) return bytes[at]! | (bytes[at + 1]! << 8) | 0x1_0000;
  return bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | 0x100_0000;
}

/** Doubling in the field of 2^128 elements, lowest word first. */
function timesTwo(words: Int32Array): Int32Array {
  const [a, b, c, d] = words as unknown as readonly [number, number, number, number];
  return Int32Array.of(
    (a << 1) ^ (d < 0 ? 0x87 : 0),
    (b << 1) | (a >>> 31),
    (c << 1) | (b >>> 31),
    (d << 1) | (c >>> 31),
  );
}
