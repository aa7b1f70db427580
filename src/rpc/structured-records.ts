/** Record batches as structured records: encoded as fields of their message, record by record, without objects. */
import { RPC_MESSAGE_BYTES_MAX } from "../base/index.ts";
import type { ReadResult } from "../broker/index.ts";
import { MillraceError } from "../errors/index.ts";
import { iterateBatches, readLastOffset, RecordCursor, type RecordHeader } from "../record/index.ts";
import { delimitedLength, FieldWriter, varintLength } from "../wire/index.ts";

/** Most bytes of structured records in one answer or delivery. */
export const STRUCTURED_BYTES_MAX = 3 * 1_048_576;

/** Encoded records and the offset that follows them. */
export interface RecordPiece {
  readonly fields: Buffer;
  readonly recordCount: number;
  readonly nextOffset: number;
  /** Nothing is left. */
  readonly last: boolean;
}

/** Takes the records of what was read, from an offset on, in pieces of a bounded size. */
export class StructuredRecords {
  readonly #read: ReadResult;
  readonly #fromOffset: number;
  readonly #field: number;
  readonly #cursor = new RecordCursor();
  #unfoldedBytes = 0;
  #chunk = -1;
  /** Positions of the batches of the present chunk that are still to come. */
  #batches: Iterator<number, void> | undefined;
  #inBatch = false;
  /** The cursor stands on a record that did not fit the piece before. */
  #pending = false;

  /** `field` is the number of the repeated Record field in the message that will hold the records. */
  constructor(read: ReadResult, fromOffset: number, field: number) {
    this.#read = read;
    this.#fromOffset = fromOffset;
    this.#field = field;
  }

  /** Bytes that compressed batches were decompressed to, so far. */
  get unfoldedBytes(): number {
    return this.#unfoldedBytes;
  }

  /**
   * The next records, at most `bytesMax` bytes of them and perhaps none. Throws INVALID_REQUEST if the
   * next is too large for this form, and what RecordCursor throws.
   */
  take(bytesMax: number): RecordPiece {
    const writer = new FieldWriter(Math.min(bytesMax, this.#read.bytes + 1_024));
    let recordCount = 0;
    while (this.#pending || this.#advance()) {
      const headers = this.#cursor.headerCount > 0 ? this.#cursor.headers : [];
      const length = recordLength(this.#cursor, headers);
      const room = bytesMax - writer.length;
      this.#pending = delimitedLength(length) > room;
      if (this.#pending) {
        const never = writer.length === 0 && delimitedLength(length) > STRUCTURED_BYTES_MAX;
        if (never) throw tooLarge(this.#cursor.offset, length);
        return { fields: writer.finish(), recordCount, nextOffset: this.#cursor.offset, last: false };
      }
      writer.lengthPrefix(this.#field, length);
      writeRecord(writer, this.#cursor, headers);
      recordCount++;
    }
    return { fields: writer.finish(), recordCount, nextOffset: this.#read.nextOffset, last: true };
  }

  /** Goes to the next record at or above the offset asked for; false at the end. */
  #advance(): boolean {
    for (;;) {
      while (this.#inBatch && this.#cursor.next()) {
        if (this.#cursor.offset >= this.#fromOffset) return true;
      }
      this.#inBatch = false;
      if (!this.#openBatch()) return false;
    }
  }

  /** Opens the next batch that has something at or above the offset asked for. */
  #openBatch(): boolean {
    for (;;) {
      const next = this.#batches?.next();
      if (next === undefined || next.done) {
        if (this.#chunk + 1 >= this.#read.chunks.length) return false;
        this.#batches = iterateBatches(this.#read.chunks[++this.#chunk]!);
        continue;
      }
      const chunk = this.#read.chunks[this.#chunk]!;
      if (readLastOffset(chunk, next.value) < this.#fromOffset) continue;
      this.#cursor.reset(chunk, next.value);
      this.#unfoldedBytes += this.#cursor.unfoldedBytes;
      this.#inBatch = true;
      return true;
    }
  }
}

/** Bytes of a millrace.v1.Record. */
function recordLength(cursor: RecordCursor, headers: readonly RecordHeader[]): number {
  let length = 1 + varintLength(cursor.timestampMs);
  if (cursor.keyLength !== undefined) length += delimitedLength(cursor.keyLength);
  if (cursor.valueLength !== undefined) length += delimitedLength(cursor.valueLength);
  for (const header of headers) length += delimitedLength(headerLength(header));
  if (cursor.offset > 0) length += 1 + varintLength(cursor.offset);
  return length;
}

function writeRecord(writer: FieldWriter, cursor: RecordCursor, headers: readonly RecordHeader[]): void {
  const { key, value } = cursor;
  if (key !== null) writer.bytes(1, key);
  if (value !== null) writer.bytes(2, value);
  for (const header of headers) {
    writer.lengthPrefix(3, headerLength(header));
    writer.string(1, header.key);
    if (header.value !== null) writer.bytes(2, header.value);
  }
  writer.int(4, cursor.timestampMs);
  writer.intUnlessZero(5, cursor.offset);
}

function headerLength({ key, value }: RecordHeader): number {
  const keyLength = key === "" ? 0 : delimitedLength(Buffer.byteLength(key));
  return keyLength + (value === null ? 0 : delimitedLength(value.length));
}

function tooLarge(offset: number, size: number): MillraceError {
  return new MillraceError(
    "INVALID_REQUEST",
    `the record at offset ${offset} has ${size} bytes, too many for RECORD_FORMAT_RECORDS ` +
      `(${STRUCTURED_BYTES_MAX} of a message's ${RPC_MESSAGE_BYTES_MAX}); ask for RECORD_FORMAT_BATCHES`,
    { details: { field: "format", offset, size, allowed: "RECORD_FORMAT_BATCHES" } },
  );
}
