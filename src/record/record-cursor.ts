import { DECOMPRESSED_BYTES_MAX } from "../base/index.ts";
import { BATCH_HEADER_BYTES, MAGIC } from "./batch-format.ts";
import { invalidBatch } from "./batch-fault.ts";
import { type BatchHeader, readBatchHeader } from "./batch-header.ts";
import type { RecordHeader } from "./record.ts";
import { RecordWalker } from "./record-walker.ts";

/**
 * Reads the records of a batch lazily, for any number of batches in turn:
 *
 *     cursor.reset(batch);
 *     while (cursor.next()) use(cursor.offset, cursor.value);
 *
 * Nothing is allocated per record but the views that are asked for. Views share memory with the batch (or, if it was
 * compressed, with its decompressed records): they hold as long as that memory is not written to, whatever the
 * cursor does meanwhile. The CRC is not checked here: see probeBatch. Frames that lie throw INVALID_BATCH, after
 * which the cursor must be reset.
 */
export class RecordCursor {
  private readonly walker = new RecordWalker();
  private baseOffset = 0;
  private baseTimestampMs = 0;
  /** Set if the broker's time counts for all records. */
  private appendTimestampMs: number | undefined;
  private lastOffsetDelta = -1;

  /**
   * Stands before the first record of the batch at `position`, which may be followed by others. Throws INVALID_BATCH
   * if the batch is not whole or its header is not that of a batch, BATCH_TOO_LARGE if it would unfold to more than
   * `decompressedBytesMax` bytes, UNSUPPORTED_COMPRESSION if its codec is unknown or not available.
   */
  reset(batch: Buffer, position = 0, decompressedBytesMax = DECOMPRESSED_BYTES_MAX): void {
    this.walker.close();
    const header = readBatchHeader(batch, position);
    requireWhole(header, batch.length - position);
    this.baseOffset = header.baseOffset;
    this.baseTimestampMs = header.baseTimestampMs;
    this.appendTimestampMs = header.timestampType === "append" ? header.maxTimestampMs : undefined;
    this.lastOffsetDelta = header.lastOffsetDelta;
    this.walker.open(batch, position, header, decompressedBytesMax);
  }

  /** Goes to the next record; false after the last. */
  next(): boolean {
    const walker = this.walker;
    const before = walker.index < 0 ? -1 : walker.offsetDelta;
    if (!walker.next()) return false;
    if (walker.offsetDelta <= before || walker.offsetDelta > this.lastOffsetDelta) {
      const allowed = `${before + 1} to ${this.lastOffsetDelta}`;
      walker.refuseField("offset delta", `${walker.offsetDelta}, allowed are ${allowed}`);
    }
    return true;
  }

  /** Records of the batch. */
  get recordCount(): number {
    return this.walker.count;
  }

  /** Bytes that the batch was decompressed to; 0 if it was not compressed. */
  get unfoldedBytes(): number {
    return this.walker.unfoldedBytes;
  }

  get offset(): number {
    return this.baseOffset + this.walker.offsetDelta;
  }

  /** Milliseconds since the Unix epoch: the producer's time, or the append time where the topic stamps that. */
  get timestampMs(): number {
    return this.appendTimestampMs ?? this.baseTimestampMs + this.walker.timestampDelta;
  }

  /** Bytes of the key; undefined if it is null. */
  get keyLength(): number | undefined {
    return this.walker.keyLength < 0 ? undefined : this.walker.keyLength;
  }

  /** Bytes of the value; undefined if it is null. */
  get valueLength(): number | undefined {
    return this.walker.valueLength < 0 ? undefined : this.walker.valueLength;
  }

  /** The memory in which the record lies, for those who look at many keys and want no view of each. */
  get memory(): Buffer {
    return this.walker.bytes;
  }

  /** Where in `memory` the key begins. */
  get keyAt(): number {
    return this.walker.keyAt;
  }

  /** A view of the key. */
  get key(): Buffer | null {
    const { keyLength, keyAt, bytes } = this.walker;
    return keyLength < 0 ? null : bytes.subarray(keyAt, keyAt + keyLength);
  }

  /** A view of the value. */
  get value(): Buffer | null {
    const { valueLength, valueAt, bytes } = this.walker;
    return valueLength < 0 ? null : bytes.subarray(valueAt, valueAt + valueLength);
  }

  /** Number of headers; nothing of them has been looked at. */
  get headerCount(): number {
    return this.walker.headerCount;
  }

  /** The headers in order, decoded anew at each call; their values are views. */
  get headers(): RecordHeader[] {
    const walker = this.walker;
    const headers: RecordHeader[] = [];
    walker.enterHeaders();
    for (let index = 0; index < walker.headerCount; index++) {
      walker.nextHeader(index);
      const { headerKeyAt, headerKeyLength, headerValueAt, headerValueLength, bytes } = walker;
      headers.push({
        key: bytes.toString("utf8", headerKeyAt, headerKeyAt + headerKeyLength),
        value:
          headerValueLength < 0 ? null : bytes.subarray(headerValueAt, headerValueAt + headerValueLength),
      });
    }
    return headers;
  }
}

function requireWhole(header: BatchHeader, bytesThere: number): void {
  if (header.magic !== MAGIC) {
    throw invalidBatch(`${header.magic}, only ${MAGIC} is known`, { field: "magic" });
  }
  if (header.sizeInBytes < BATCH_HEADER_BYTES || header.sizeInBytes > bytesThere) {
    const allowed = `${BATCH_HEADER_BYTES} to the ${bytesThere} that are there`;
    throw invalidBatch(`it makes the batch ${header.sizeInBytes} bytes, allowed are ${allowed}`, {
      field: "batch length",
    });
  }
  if (header.recordCount < 0) {
    throw invalidBatch(`${header.recordCount}, it must not be negative`, { field: "record count" });
  }
}
