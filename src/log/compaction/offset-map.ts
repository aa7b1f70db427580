/**
 * The newest offset of each key of a range, in a fixed amount of memory (Kafka: SkimpyOffsetMap). A hash stands for the
 * key, and slots are searched one after another from where the hash points. A slot is four words: three of hash and the
 * offset relative to the first, plus one so that 0 marks an empty slot. Beside it stands, for each offset of the range,
 * whether a later one has its key: what a second reading of the range needs, without looking for keys again.
 */
import { KeyHash } from "./key-hash.ts";
import { OffsetBits } from "./offset-bits.ts";

const SLOT_WORDS = 4;
const SLOT_BYTES = 4 * SLOT_WORDS;
/** Slots that may be used: beyond that searches grow long. */
const LOAD_MAX = 0.75;
const SLOTS_MIN = 64;
/** A log worth cleaning has at least so many records of a key: with fewer the map grows. */
const RECORDS_PER_KEY = 2;
/** Keys that wait to be looked for, so that the memory fetches for several of them overlap. */
const WAITING_MAX = 256;
/** Offsets of a block, as a power of two. */
const BLOCK_BITS = 6;

/** How large a map may become, and its secret. */
export interface OffsetMapOptions {
  /** Most bytes of memory: half of it for keys, a quarter to grow, a quarter for offsets; at least 2,048. */
  readonly bytesMax: number;
  /** 32 hexadecimal digits, drawn at random: see KeyHash. */
  readonly secret: string;
}

/** Maps keys to offsets for one cleaning after another; never for two at once. */
export class OffsetMap {
  readonly #hash: KeyHash;
  readonly #slotsMax: number;
  readonly #offsetsMax: number;
  #slots = new Int32Array(0);
  #slotMask = 0;
  #keysMax = 0;
  #keyCount = 0;
  #superseded = new OffsetBits(0, 0);
  /** Of each block of offsets, whether it has a tombstone. */
  #tombstones = new OffsetBits(0, 0);
  #offsetCount = 0;
  /** Hash and relative offset of each key that waits, and a place for what `#touch` saw. */
  readonly #waiting = new Int32Array(WAITING_MAX * SLOT_WORDS + 1);
  #waitingCount = 0;

  constructor({ bytesMax, secret }: OffsetMapOptions) {
    const slots = 2 ** Math.floor(Math.log2(bytesMax / 2 / SLOT_BYTES));
    if (!(slots >= SLOTS_MIN)) {
      throw new TypeError(
        `an offset map of ${bytesMax} bytes: at least ${2 * SLOTS_MIN * SLOT_BYTES} are needed`,
      );
    }
    this.#hash = new KeyHash(secret);
    this.#slotsMax = slots;
    this.#offsetsMax = Math.min(2 ** 31 - 2, 8 * Math.floor(bytesMax / 4));
    this.clear();
  }

  /** Keys in the map. */
  get keyCount(): number {
    return this.#keyCount;
  }

  /** Bytes in use for keys and offsets. */
  get bytes(): number {
    return this.#slots.byteLength + this.#superseded.bytes + this.#tombstones.bytes;
  }

  /** The offsets that have a later one of the same key, relative to the first. */
  get superseded(): OffsetBits {
    return this.#superseded;
  }

  /** Begins anew for a range of offsets, or for as much of it as memory allows. */
  begin(firstOffset: number, endOffset: number): void {
    this.#offsetCount = Math.min(this.#offsetsMax, endOffset - firstOffset);
    let slots = SLOTS_MIN;
    while (slots < this.#slotsMax && slots * RECORDS_PER_KEY < this.#offsetCount) slots *= 2;
    this.#setSlots(slots);
    this.#keyCount = 0;
    this.#waitingCount = 0;
    this.#superseded = new OffsetBits(firstOffset, this.#offsetCount);
    this.#tombstones = new OffsetBits(firstOffset, (this.#offsetCount >>> BLOCK_BITS) + 1);
  }

  /** Forgets all keys and gives most of the memory back. */
  clear(): void {
    this.begin(0, 0);
  }

  /**
   * Notes the offset of a key, above those noted before and within the range. Returns undefined, or the first offset
   * that there was no room for: it and those after it are not noted, and nothing more may be.
   */
  add(bytes: Uint8Array, keyAt: number, keyLength: number, offset: number): number | undefined {
    const relative = offset - this.#superseded.firstOffset;
    if (relative >= this.#offsetCount) return this.settle() ?? offset;
    const hash = this.#hash;
    hash.update(bytes, keyAt, keyLength);
    const at = this.#waitingCount * SLOT_WORDS;
    this.#waiting[at] = hash.a;
    this.#waiting[at + 1] = hash.b;
    this.#waiting[at + 2] = hash.c;
    this.#waiting[at + 3] = relative;
    this.#waitingCount++;
    return this.#waitingCount === WAITING_MAX ? this.settle() : undefined;
  }

  /** Takes over what was added: only then it counts. Returns what `add` returns. */
  settle(): number | undefined {
    const waiting = this.#waiting;
    const count = this.#waitingCount;
    this.#waitingCount = 0;
    if (this.#keyCount + count > this.#keysMax) this.#grow();
    const slots = this.#slots;
    this.#touch(count);
    for (let at = 0; at < count * SLOT_WORDS; at += SLOT_WORDS) {
      const a = waiting[at]!;
      const b = waiting[at + 1]!;
      const c = waiting[at + 2]!;
      const relative = waiting[at + 3]!;
      const slot = this.#find(a, b, c);
      const stored = slots[slot + 3]!;
      if (stored !== 0) this.#superseded.add(stored - 1);
      else {
        if (this.#keyCount >= this.#keysMax) return this.#superseded.firstOffset + relative;
        this.#keyCount++;
        slots[slot] = a;
        slots[slot + 1] = b;
        slots[slot + 2] = c;
      }
      slots[slot + 3] = relative + 1;
    }
    return undefined;
  }

  /** Notes that the record at an offset of the range, which was added, is a tombstone. */
  addTombstone(offset: number): void {
    const relative = offset - this.#superseded.firstOffset;
    if (relative < this.#offsetCount) this.#tombstones.add(relative >>> BLOCK_BITS);
  }

  /** False if there is certainly no tombstone from one offset up to another, exclusive, relative to the first. */
  mayHaveTombstone(from: number, to: number): boolean {
    return this.#tombstones.count(from >>> BLOCK_BITS, ((to - 1) >>> BLOCK_BITS) + 1) > 0;
  }

  /** True if the key was noted: a record of it below the range is superseded. */
  has(bytes: Uint8Array, keyAt: number, keyLength: number): boolean {
    const hash = this.#hash;
    hash.update(bytes, keyAt, keyLength);
    return this.#slots[this.#find(hash.a, hash.b, hash.c) + 3] !== 0;
  }

  /** Doubles the slots, if memory allows. */
  #grow(): void {
    const old = this.#slots;
    const slots = (2 * old.length) / SLOT_WORDS;
    if (slots > this.#slotsMax) return;
    this.#setSlots(slots);
    for (let at = 0; at < old.length; at += SLOT_WORDS) {
      if (old[at + 3] === 0) continue;
      const slot = this.#find(old[at]!, old[at + 1]!, old[at + 2]!);
      for (let word = 0; word < SLOT_WORDS; word++) this.#slots[slot + word] = old[at + word]!;
    }
  }

  #setSlots(count: number): void {
    this.#slots = new Int32Array(count * SLOT_WORDS);
    this.#slotMask = count - 1;
    this.#keysMax = Math.floor(count * LOAD_MAX);
  }

  /**
   * Looks at the slots of all keys that wait, one after another without deciding anything: the processor fetches many
   * of them from memory at once, and the search finds them near. Three times as fast as to wait for each.
   */
  #touch(count: number): void {
    const slots = this.#slots;
    const mask = this.#slotMask;
    let touched = 0;
    for (let at = 0; at < count * SLOT_WORDS; at += SLOT_WORDS) {
      touched ^= slots[(this.#waiting[at]! & mask) * SLOT_WORDS]!;
    }
    // A sum that nobody takes would not be computed.
    this.#waiting[WAITING_MAX * SLOT_WORDS] = touched;
  }

  /** Where the slot of a hash begins, or the empty one where it belongs. */
  #find(a: number, b: number, c: number): number {
    const slots = this.#slots;
    const mask = this.#slotMask;
    for (let slot = a & mask; ; slot = (slot + 1) & mask) {
      const at = slot * SLOT_WORDS;
      if (slots[at + 3] === 0) return at;
      if (slots[at] === a && slots[at + 1] === b && slots[at + 2] === c) return at;
    }
  }
}
