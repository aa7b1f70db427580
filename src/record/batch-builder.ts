import { BATCH_BYTES_MAX, sizeOfVarint, sizeOfVarlong, writeVarint, writeVarlong } from "../base/index.ts";
import { MillraceError } from "../errors/index.ts";
import { BATCH_HEADER_BYTES, type Compression } from "./batch-format.ts";
import { type BatchProducer, writeBatchHeader } from "./batch-header-writer.ts";
import { compress } from "./compression/codecs.ts";
import type { RecordContent, RecordHeader } from "./record.ts";
import { requireHeaders, writeContent, writeHeaders } from "./record-encoder.ts";
import { contentLength, sizeOfHeaders } from "./record-size.ts";

/** What a builder builds. */
export interface BatchBuilderOptions {
  /** Most bytes of the batch, its header included, before compression: 62 to BATCH_BYTES_MAX. */
  readonly bytesMax: number;
  /** Default: "none". */
  readonly compression?: Compression;
}

const NO_HEADERS: readonly RecordHeader[] = [];
const BUFFER_BYTES_MIN = 4_096;

/**
 * Builds one batch after another. Records are encoded as they come, into one growing buffer; no objects are kept.
 * A batch that compression would not make smaller is left uncompressed, so that `bytesMax` holds in any case.
 */
export class BatchBuilder {
  private readonly bytesMax: number;
  private readonly compression: Compression;
  private buffer: Buffer;
  /** Bytes of the buffer that may be used: a buffer given may be larger than a batch. */
  private capacity: number;
  private position = BATCH_HEADER_BYTES;
  private count = 0;
  private baseTimestampMs = 0;
  private maxTimestampMs = 0;
  /** The batch handed out is a view of the buffer. */
  private isHandedOut = false;

  constructor(options: BatchBuilderOptions) {
    const { bytesMax, compression = "none" } = options;
    if (!(bytesMax > BATCH_HEADER_BYTES && bytesMax <= BATCH_BYTES_MAX)) {
      throw new TypeError(
        `bytesMax is ${bytesMax}: ${BATCH_HEADER_BYTES + 1} to ${BATCH_BYTES_MAX} are allowed`,
      );
    }
    this.bytesMax = bytesMax;
    this.compression = compression;
    this.buffer = Buffer.allocUnsafeSlow(Math.min(bytesMax, BUFFER_BYTES_MIN));
    this.capacity = this.buffer.length;
  }

  /** Records appended since the last reset. */
  get recordCount(): number {
    return this.count;
  }

  /** Bytes of the batch so far, its header included, before compression. */
  get sizeInBytes(): number {
    return this.position;
  }

  /**
   * Appends a record; returns false, with nothing appended, if it does not fit beside those that are there: build,
   * reset and append again. Text becomes UTF-8. Throws BATCH_TOO_LARGE if it would not fit an empty batch either,
   * INVALID_REQUEST for a timestamp outside 0 to 2^53 − 1, more than HEADERS_PER_RECORD_MAX headers or a header name
   * of more than HEADER_KEY_BYTES_MAX bytes.
   */
  append(
    key: RecordContent,
    value: RecordContent,
    timestampMs: number,
    headers: readonly RecordHeader[] = NO_HEADERS,
  ): boolean {
    if (!(Number.isSafeInteger(timestampMs) && timestampMs >= 0)) throw badTimestamp(timestampMs);
    const count = this.count;
    const timestampDelta = count === 0 ? 0 : timestampMs - this.baseTimestampMs;
    const keyLength = contentLength(key);
    const valueLength = contentLength(value);
    const bodyLength =
      1 + // attributes
      sizeOfVarlong(timestampDelta) +
      sizeOfVarint(count) +
      sizeOfContent(keyLength) +
      sizeOfContent(valueLength) +
      (headers.length === 0 ? 1 : sizeOfVarint(headers.length) + sizeOfHeaders(headers));
    const end = this.position + sizeOfVarint(bodyLength) + bodyLength;
    if (end > this.capacity && !this.makeRoom(end)) return false;
    if (headers.length > 0) requireHeaders(headers);

    const target = this.buffer;
    let position = writeVarint(target, this.position, bodyLength);
    target[position++] = 0; // attributes: none are in use
    position = writeVarlong(target, position, timestampDelta);
    position = writeVarint(target, position, count);
    position = writeContent(target, position, key, keyLength);
    position = writeContent(target, position, value, valueLength);
    position = writeVarint(target, position, headers.length);
    if (headers.length > 0) writeHeaders(target, position, headers);

    if (count === 0) this.baseTimestampMs = this.maxTimestampMs = timestampMs;
    else if (timestampMs > this.maxTimestampMs) this.maxTimestampMs = timestampMs;
    this.count = count + 1;
    this.position = end;
    return true;
  }

  /**
   * The batch of all records appended since the last reset, with base offset 0 and no leader epoch. It may be a view
   * of the builder's buffer: append nothing more before a reset. May be called again, as with another producer
   * epoch; that writes into the same bytes. Throws TypeError if there is no record, UNSUPPORTED_COMPRESSION if this
   * platform lacks the codec.
   */
  build(producer: BatchProducer = {}): Buffer {
    if (this.count === 0) throw new TypeError("a batch needs at least one record: append before build");
    const compressed = this.compressSmaller();
    const batch = compressed ?? this.buffer.subarray(0, this.position);
    this.isHandedOut ||= compressed === undefined;
    writeBatchHeader(batch, {
      compression: compressed === undefined ? "none" : this.compression,
      recordCount: this.count,
      baseTimestampMs: this.baseTimestampMs,
      maxTimestampMs: this.maxTimestampMs,
      producer,
    });
    return batch;
  }

  /**
   * Forgets all records and starts the next batch: in `buffer` if one is given (grown if need be; it belongs to the
   * builder until the reset after), else in memory that no batch handed out uses.
   */
  reset(buffer?: Buffer): void {
    if (buffer !== undefined) this.buffer = buffer;
    else if (this.isHandedOut) this.buffer = Buffer.allocUnsafeSlow(this.capacity);
    this.capacity = Math.min(this.buffer.length, this.bytesMax);
    this.isHandedOut = false;
    this.position = BATCH_HEADER_BYTES;
    this.count = 0;
  }

  private makeRoom(end: number): boolean {
    if (end > this.bytesMax) {
      if (this.count > 0) return false;
      throw tooLarge(end, this.bytesMax);
    }
    const capacity = Math.min(this.bytesMax, Math.max(end, 2 * this.capacity));
    const larger = Buffer.allocUnsafeSlow(capacity);
    this.buffer.copy(larger, 0, 0, this.position);
    this.buffer = larger;
    this.capacity = capacity;
    return true;
  }

  /** The batch with compressed records and room for its header; undefined if it is not worth it. */
  private compressSmaller(): Buffer | undefined {
    if (this.compression === "none") return undefined;
    const records = compress(this.compression, this.buffer.subarray(BATCH_HEADER_BYTES, this.position));
    const size = BATCH_HEADER_BYTES + records.length;
    if (size >= this.position) return undefined;
    const batch = Buffer.allocUnsafeSlow(size);
    records.copy(batch, BATCH_HEADER_BYTES);
    return batch;
  }
}

function sizeOfContent(length: number): number {
  return length < 0 ? 1 : sizeOfVarint(length) + length;
}

function tooLarge(size: number, bytesMax: number): MillraceError {
  const text = `the record makes a batch of ${size} bytes, at most ${bytesMax} are allowed`;
  return new MillraceError("BATCH_TOO_LARGE", `${text}: send a smaller record or raise the limit`, {
    details: { size, max: bytesMax },
  });
}

function badTimestamp(timestampMs: number): MillraceError {
  const text = `timestamp ${timestampMs} is not allowed: it must be whole milliseconds, 0 to 2^53 − 1`;
  return new MillraceError("INVALID_REQUEST", text, {
    details: { field: "timestamp_ms", value: timestampMs },
  });
}
