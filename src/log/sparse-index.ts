/**
 * The two sparse indexes of a segment, in Kafka's layouts (big-endian, entries back to back, nothing else):
 *
 *   .index      4 bytes relative offset of a batch's last record, 4 bytes position of that batch in the .log
 *   .timeindex  8 bytes timestamp, 4 bytes relative offset: the largest timestamp up to that offset
 *
 * They are derived: whatever looks damaged is rebuilt from the .log. In memory an index is one growing buffer of
 * exactly those bytes, so that persisting is a plain append of what is new.
 */

const INITIAL_ENTRIES = 64;

/** Entries of fixed size in one buffer, ordered by their first field. */
export abstract class SparseIndex {
  readonly #entryBytes: number;
  #buffer: Buffer;
  #bytes: number;
  /** How many of the bytes are in the file. */
  persistedBytes = 0;

  protected constructor(entryBytes: number, content: Buffer | undefined) {
    this.#entryBytes = entryBytes;
    this.#buffer = content ?? Buffer.alloc(0);
    this.#bytes = this.#buffer.length - (this.#buffer.length % entryBytes);
  }

  get entryCount(): number {
    return this.#bytes / this.#entryBytes;
  }

  /** Bytes of all entries: the size of the file once persisted. */
  get bytes(): number {
    return this.#bytes;
  }

  /** The entries that are not in the file yet. */
  unpersisted(): Buffer {
    return this.#buffer.subarray(this.persistedBytes, this.#bytes);
  }

  /** Keeps the first `count` entries. */
  protected truncate(count: number): void {
    this.#bytes = Math.min(this.#bytes, count * this.#entryBytes);
    this.persistedBytes = Math.min(this.persistedBytes, this.#bytes);
  }

  /** Room for one more entry: the buffer and the position to write it to. */
  protected extend(): { buffer: Buffer; at: number } {
    if (this.#bytes + this.#entryBytes > this.#buffer.length) {
      const grown = Buffer.alloc(Math.max(INITIAL_ENTRIES * this.#entryBytes, this.#buffer.length * 2));
      this.#buffer.copy(grown, 0, 0, this.#bytes);
      this.#buffer = grown;
    }
    const at = this.#bytes;
    this.#bytes += this.#entryBytes;
    return { buffer: this.#buffer, at };
  }

  protected field32(entry: number, byteInEntry: number): number {
    return this.#buffer.readInt32BE(entry * this.#entryBytes + byteInEntry);
  }

  protected field64(entry: number, byteInEntry: number): number {
    return Number(this.#buffer.readBigInt64BE(entry * this.#entryBytes + byteInEntry));
  }

  /** Number of entries for which `isBefore` holds; they must form a prefix. */
  protected countBefore(isBefore: (entry: number) => boolean): number {
    let low = 0;
    let high = this.entryCount;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (isBefore(middle)) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

/** Where a batch lies in its segment. */
export interface OffsetPosition {
  /** Last offset of the batch. */
  readonly lastOffset: number;
  /** Byte position of the batch in the .log. */
  readonly position: number;
}

/** Finds positions by offset. */
export class OffsetIndex extends SparseIndex {
  static readonly ENTRY_BYTES = 8;
  readonly #baseOffset: number;

  constructor(baseOffset: number, content?: Buffer) {
    super(OffsetIndex.ENTRY_BYTES, content);
    this.#baseOffset = baseOffset;
  }

  append(lastOffset: number, position: number): void {
    const { buffer, at } = this.extend();
    buffer.writeInt32BE(lastOffset - this.#baseOffset, at);
    buffer.writeInt32BE(position, at + 4);
  }

  entry(number: number): OffsetPosition {
    return { lastOffset: this.#baseOffset + this.field32(number, 0), position: this.field32(number, 4) };
  }

  /** The last batch known to hold `offset` or to end below it; undefined means: start at the segment's beginning. */
  lookup(offset: number): OffsetPosition | undefined {
    const count = this.countBefore((number) => this.field32(number, 0) <= offset - this.#baseOffset);
    return count === 0 ? undefined : this.entry(count - 1);
  }

  /** Drops the entries of batches that end above the offset. */
  truncateAbove(lastOffset: number): void {
    this.truncate(this.countBefore((number) => this.field32(number, 0) <= lastOffset - this.#baseOffset));
  }

  /** True if entries grow strictly and lie within the .log. */
  isSane(logBytes: number): boolean {
    let relative = -1;
    let position = -1;
    for (let number = 0; number < this.entryCount; number++) {
      if (this.field32(number, 0) <= relative || this.field32(number, 4) <= position) return false;
      relative = this.field32(number, 0);
      position = this.field32(number, 4);
    }
    return position < logBytes;
  }
}

/** The largest timestamp of a segment up to an offset. */
export interface TimestampOffset {
  readonly timestampMs: number;
  readonly offset: number;
}

/** Finds offsets by timestamp. */
export class TimeIndex extends SparseIndex {
  static readonly ENTRY_BYTES = 12;
  readonly #baseOffset: number;

  constructor(baseOffset: number, content?: Buffer) {
    super(TimeIndex.ENTRY_BYTES, content);
    this.#baseOffset = baseOffset;
  }

  /** Appends unless the newest entry is as late already. */
  append(timestampMs: number, offset: number): void {
    if (timestampMs <= (this.last()?.timestampMs ?? -1)) return;
    const { buffer, at } = this.extend();
    buffer.writeBigInt64BE(BigInt(timestampMs), at);
    buffer.writeInt32BE(offset - this.#baseOffset, at + 8);
  }

  entry(number: number): TimestampOffset {
    return { timestampMs: this.field64(number, 0), offset: this.#baseOffset + this.field32(number, 8) };
  }

  last(): TimestampOffset | undefined {
    return this.entryCount === 0 ? undefined : this.entry(this.entryCount - 1);
  }

  /** The newest entry earlier than the timestamp: no record up to its offset is as late. */
  lookupBefore(timestampMs: number): TimestampOffset | undefined {
    const count = this.countBefore((number) => this.field64(number, 0) < timestampMs);
    return count === 0 ? undefined : this.entry(count - 1);
  }

  /** Drops the entries of batches that end above the offset. */
  truncateAbove(lastOffset: number): void {
    this.truncate(this.countBefore((number) => this.field32(number, 8) <= lastOffset - this.#baseOffset));
  }

  /** True if timestamps grow strictly and offsets do not fall. */
  isSane(): boolean {
    for (let number = 1; number < this.entryCount; number++) {
      if (this.field64(number, 0) <= this.field64(number - 1, 0)) return false;
      if (this.field32(number, 8) < this.field32(number - 1, 8)) return false;
    }
    return this.entryCount === 0 || (this.field64(0, 0) >= 0 && this.field32(0, 8) >= 0);
  }
}
