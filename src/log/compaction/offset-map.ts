/**
 * The newest offset of each key, in a fixed amount of memory: a hash of 128 bits stands for the key, and slots are
 * searched one after another from where the hash points (Kafka: SkimpyOffsetMap). A slot is five words: four of hash,
 * one of the offset relative to the first, plus one so that 0 marks an empty slot.
 */
import { KeyHash } from "./key-hash.ts";

const SLOT_WORDS = 5;
const SLOT_BYTES = 4 * SLOT_WORDS;
/** Slots that may be used: beyond that searches grow long. */
const LOAD_MAX = 0.75;
const SLOTS_MIN = 64;
/** Offsets that a map can tell apart. */
const RELATIVE_OFFSET_MAX = 2 ** 32 - 2;

/** How large a map may become, and its secret. */
export interface OffsetMapOptions {
  /** Most bytes of memory; at least 1,280. */
  readonly bytesMax: number;
  /** 32 hexadecimal digits, drawn at random: see KeyHash. */
  readonly secret: string;
}

/** Maps keys to offsets for one cleaning after another; never for two at once. */
export class OffsetMap {
  readonly #hash: KeyHash;
  readonly #slotsMax: number;
  #words = new Uint32Array(0);
  #slotMask = 0;
  #keysMax = 0;
  #keyCount = 0;
  #firstOffset = 0;

  constructor({ bytesMax, secret }: OffsetMapOptions) {
    const slots = 2 ** Math.floor(Math.log2(bytesMax / SLOT_BYTES));
    if (!(slots >= SLOTS_MIN)) {
      throw new TypeError(
        `an offset map of ${bytesMax} bytes: at least ${SLOTS_MIN * SLOT_BYTES} are needed`,
      );
    }
    this.#hash = new KeyHash(secret);
    this.#slotsMax = slots;
  }

  /** Keys in the map. */
  get keyCount(): number {
    return this.#keyCount;
  }

  /** Begins anew for offsets from the first on, with room for so many keys or for as many as memory allows. */
  begin(firstOffset: number, keys: number): void {
    let slots = SLOTS_MIN;
    while (slots < this.#slotsMax && slots * LOAD_MAX < keys) slots *= 2;
    this.#words = new Uint32Array(slots * SLOT_WORDS);
    this.#slotMask = slots - 1;
    this.#keysMax = Math.floor(slots * LOAD_MAX);
    this.#keyCount = 0;
    this.#firstOffset = firstOffset;
  }

  /** Bytes in use. */
  get bytes(): number {
    return this.#words.byteLength;
  }

  /** Forgets all keys and gives most of the memory back. */
  clear(): void {
    this.begin(0, 0);
  }

  /** Notes the offset of a key, which must be above those noted before; false if there is no room for it. */
  put(bytes: Uint8Array, keyAt: number, keyLength: number, offset: number): boolean {
    const relative = offset - this.#firstOffset;
    if (relative > RELATIVE_OFFSET_MAX) return false;
    const at = this.#find(bytes, keyAt, keyLength);
    const words = this.#words;
    if (words[at + 4] === 0) {
      if (this.#keyCount >= this.#keysMax) return false;
      this.#keyCount++;
      words[at] = this.#hash.a;
      words[at + 1] = this.#hash.b;
      words[at + 2] = this.#hash.c;
      words[at + 3] = this.#hash.d;
    }
    words[at + 4] = relative + 1;
    return true;
  }

  /** The newest offset of a key, or undefined if it was not noted. */
  get(bytes: Uint8Array, keyAt: number, keyLength: number): number | undefined {
    const stored = this.#words[this.#find(bytes, keyAt, keyLength) + 4]!;
    return stored === 0 ? undefined : this.#firstOffset + stored - 1;
  }

  /** Where the slot of a key begins, or the empty one where it belongs. */
  #find(bytes: Uint8Array, keyAt: number, keyLength: number): number {
    const hash = this.#hash;
    hash.update(bytes, keyAt, keyLength);
    const words = this.#words;
    const a = hash.a >>> 0;
    const b = hash.b >>> 0;
    const c = hash.c >>> 0;
    const d = hash.d >>> 0;
    for (let slot = a & this.#slotMask; ; slot = (slot + 1) & this.#slotMask) {
      const at = slot * SLOT_WORDS;
      if (words[at + 4] === 0) return at;
      if (words[at] === a && words[at + 1] === b && words[at + 2] === c && words[at + 3] === d) return at;
    }
  }
}
