/**
 * Walks the records of a batch, one frame after another:
 *
 *     length varint | attributes int8 | timestamp delta varlong | offset delta varint
 *     | key length varint, −1: null | key | value length varint, −1: null | value
 *     | header count varint | header …
 *     header: key length varint | key | value length varint, −1: null | value
 *
 * RecordCursor and checkBatch stand on it. It checks all that it passes, so that a lying frame never leads outside
 * of its record, and allocates nothing; what is in the headers is looked at only when asked.
 */
import { HEADER_KEY_BYTES_MAX, VarintReader } from "../base/index.ts";
import { BATCH_HEADER_BYTES } from "./batch-format.ts";
import { invalidBatch } from "./batch-fault.ts";
import type { BatchHeader } from "./batch-header.ts";
import { decompress } from "./compression/codecs.ts";
import { unknownCodec } from "./compression/codec.ts";

/** Attributes, two deltas, two lengths and the header count, a byte each. */
const RECORD_BODY_BYTES_MIN = 6;
const NOTHING = Buffer.alloc(0);

export class RecordWalker extends VarintReader {
  override bytes: Buffer = NOTHING;
  /** Records of the batch. */
  count = 0;
  /** The record walked last; −1 before the first. */
  index = -1;
  attributes = 0;
  timestampDelta = 0;
  offsetDelta = 0;
  /** Where the key's length begins: all that follows the two deltas. */
  keyLengthAt = 0;
  /** −1: null. */
  keyLength = -1;
  keyAt = 0;
  /** −1: null. */
  valueLength = -1;
  valueAt = 0;
  headerCount = 0;
  /** Bytes that the batch was decompressed to; 0 if it was not compressed. */
  unfoldedBytes = 0;
  /** The header walked last. */
  headerKeyLength = 0;
  headerKeyAt = 0;
  /** −1: null. */
  headerValueLength = -1;
  headerValueAt = 0;
  private headersAt = 0;
  private recordEnd = 0;

  /** Stands before the first record of the batch at `position`; decompresses, if need be, to at most `bytesMax`. */
  open(batch: Buffer, position: number, header: BatchHeader, bytesMax: number): void {
    const start = position + BATCH_HEADER_BYTES;
    const end = position + header.sizeInBytes;
    if (header.compression === undefined) throw unknownCodec(header.attributes);
    if (header.compression === "none") {
      this.unfoldedBytes = 0;
      this.begin(batch, start, end, header.recordCount);
    } else {
      const records = decompress(header.compression, batch.subarray(start, end), bytesMax);
      this.unfoldedBytes = records.length;
      this.begin(records, 0, records.length, header.recordCount);
    }
  }

  /** Stands before the first of the records that fill the bytes from `position` to `end`; their number is not known. */
  openRun(bytes: Buffer, position: number, end: number): void {
    this.begin(bytes, position, end, Number.POSITIVE_INFINITY);
  }

  /** Lets go of the bytes. */
  close(): void {
    this.begin(NOTHING, 0, 0, 0);
  }

  private begin(bytes: Buffer, position: number, end: number, count: number): void {
    this.bytes = bytes;
    this.position = position;
    this.end = end;
    this.count = count;
    this.index = -1;
  }

  /** Walks over the next record; false after the last, where the bytes must end too. */
  next(): boolean {
    const index = this.index + 1;
    if (index >= this.count) return this.finish();
    this.index = index;
    if (this.position >= this.end)
      this.refuseField("length", `the bytes end before all ${this.count} records`);
    const length = this.readVarint();
    const recordEnd = this.position + length;
    if (length < RECORD_BODY_BYTES_MIN || recordEnd > this.end) {
      this.refuseField("length", `${length}, allowed are 6 to the ${this.end - this.position} bytes left`);
    }
    this.recordEnd = recordEnd;
    this.attributes = this.bytes[this.position++]!;
    this.timestampDelta = this.readVarlong();
    this.offsetDelta = this.readVarint();
    this.keyLengthAt = this.position;
    const keyLength = this.readVarint();
    const keyAt = this.position;
    if (keyLength < -1 || keyLength > recordEnd - keyAt) this.refuseLength("key length", keyLength);
    this.keyLength = keyLength;
    this.keyAt = keyAt;
    if (keyLength > 0) this.position = keyAt + keyLength;
    const valueLength = this.readVarint();
    const valueAt = this.position;
    if (valueLength < -1 || valueLength > recordEnd - valueAt) this.refuseLength("value length", valueLength);
    this.valueLength = valueLength;
    this.valueAt = valueAt;
    if (valueLength > 0) this.position = valueAt + valueLength;
    this.headerCount = this.readVarint();
    this.headersAt = this.position;
    if (
      this.headerCount !== 0 ? this.headerCount < 0 || this.position > recordEnd : this.position !== recordEnd
    ) {
      this.refuseField("header count", `${this.headerCount}, which does not fit the record's length`);
    }
    this.position = recordEnd;
    return true;
  }

  /** As `next`, but looks at nothing of the record except its length. */
  skip(): boolean {
    const index = this.index + 1;
    if (index >= this.count) return this.finish();
    this.index = index;
    if (this.position >= this.end)
      this.refuseField("length", `the bytes end before all ${this.count} records`);
    const length = this.readVarint();
    const recordEnd = this.position + length;
    if (length < RECORD_BODY_BYTES_MIN || recordEnd > this.end) {
      this.refuseField("length", `${length}, allowed are 6 to the ${this.end - this.position} bytes left`);
    }
    this.position = recordEnd;
    return true;
  }

  /** Goes to the headers of the record walked last: then `nextHeader` walks each, and `next` goes on as before. */
  enterHeaders(): void {
    this.position = this.headersAt;
  }

  /** Walks over one header; called once for each of `headerCount`. */
  nextHeader(headerIndex: number): void {
    const keyLength = this.readVarint();
    this.headerKeyAt = this.position;
    const left = Math.min(HEADER_KEY_BYTES_MAX, this.recordEnd - this.position);
    if (keyLength < 0 || keyLength > left) {
      this.refuseField("header key length", `${keyLength}, allowed are 0 to ${left}`);
    }
    this.headerKeyLength = keyLength;
    this.position += keyLength;
    const valueLength = this.readVarint();
    this.headerValueAt = this.position;
    if (valueLength < -1 || valueLength > this.recordEnd - this.position) {
      this.refuseLength("header value length", valueLength);
    }
    this.headerValueLength = valueLength;
    if (valueLength > 0) this.position += valueLength;
    const isLast = headerIndex === this.headerCount - 1;
    if (isLast ? this.position !== this.recordEnd : this.position > this.recordEnd) {
      this.refuseField("headers", `they end at byte ${this.position}, the record at ${this.recordEnd}`);
    }
  }

  /** Throws INVALID_BATCH about a field of the record walked last. */
  refuseField(field: string, problem: string): never {
    throw invalidBatch(problem, { field, position: this.position, index: this.index });
  }

  protected override refuse(problem: string, position: number): never {
    throw invalidBatch(problem, { field: "varint", position, index: this.index });
  }

  private refuseLength(field: string, length: number): never {
    const left = Math.max(0, this.recordEnd - this.position);
    return this.refuseField(
      field,
      `${length}, allowed are −1 (null) to the ${left} bytes left in the record`,
    );
  }

  private finish(): false {
    if (this.position !== this.end) {
      const problem = `${this.end - this.position} bytes follow the last of ${this.count} records`;
      throw invalidBatch(problem, { field: "records", position: this.position });
    }
    return false;
  }
}
