import { MillraceError } from "../../errors/index.ts";
import type { millrace } from "../../gen/millrace.js";
import {
  probeBatch,
  readBaseOffset,
  readBatchSize,
  readLastOffset,
  readRecordCount,
  RecordCursor,
} from "../../record/index.ts";
import type { ConsumedBatch, ConsumedRecord, ConsumedRecordCursor } from "../api/reader.ts";
import { DeliveryCursor } from "./delivery-cursor.ts";

/** The batches of one delivery; see ConsumedBatch. */
export class DeliveredBatch implements ConsumedBatch {
  readonly topic: string;
  readonly partition: number;
  readonly firstOffset: number;
  readonly nextOffset: number;
  readonly logStartOffset: number;
  readonly highWatermark: number;
  readonly recordCount: number;
  readonly #bytes: Buffer;

  /**
   * Looks at the frames of all batches, and at their checksums if told so. `position` is the offset wanted: records
   * below it are skipped. Throws CHECKSUM_MISMATCH and INVALID_BATCH.
   */
  constructor(delivery: millrace.v1.Delivery.$Properties, position: number, verifyChecksums: boolean) {
    this.topic = delivery.topic ?? "";
    this.partition = delivery.partition ?? 0;
    this.firstOffset = position;
    this.nextOffset = delivery.nextOffset ?? 0;
    this.logStartOffset = delivery.logStartOffset ?? 0;
    this.highWatermark = delivery.highWatermark ?? 0;
    this.#bytes = asBuffer(delivery.batches);
    this.recordCount = this.#countRecords(verifyChecksums);
  }

  get bytes(): number {
    return this.#bytes.length;
  }

  records(): ConsumedRecordCursor {
    return new DeliveryCursor(this.#bytes, this.firstOffset);
  }

  toArray(): ConsumedRecord[] {
    return [...this];
  }

  *[Symbol.iterator](): Generator<ConsumedRecord, void, undefined> {
    const cursor = this.records();
    while (cursor.next()) yield recordAt(this, cursor);
  }

  #countRecords(verifyChecksums: boolean): number {
    const bytes = this.#bytes;
    let count = 0;
    let position = 0;
    while (position < bytes.length) {
      const size = verifyChecksums ? this.#probe(position) : readBatchSize(bytes, position);
      if (size === undefined || size <= 0 || position + size > bytes.length) {
        throw this.#damaged("INVALID_BATCH", "its batches are cut off", position);
      }
      count += this.#countFrom(position);
      position += size;
    }
    return count;
  }

  /** Records of the batch at a position that are wanted. */
  #countFrom(position: number): number {
    const bytes = this.#bytes;
    const endOffset = readLastOffset(bytes, position) + 1;
    const baseOffset = readBaseOffset(bytes, position);
    const recordCount = readRecordCount(bytes, position);
    if (baseOffset >= this.firstOffset) return recordCount;
    if (recordCount === endOffset - baseOffset) return Math.max(0, endOffset - this.firstOffset);
    // Compaction took some: which of them are left below the offset wanted, only the records tell.
    const cursor = new RecordCursor();
    cursor.reset(bytes, position);
    let count = 0;
    while (cursor.next()) if (cursor.offset >= this.firstOffset) count++;
    return count;
  }

  #probe(position: number): number {
    const probe = probeBatch(this.#bytes, position);
    if (probe.ok) return probe.header.sizeInBytes;
    const reason = probe.fault === "bad-crc" ? "CHECKSUM_MISMATCH" : "INVALID_BATCH";
    throw this.#damaged(reason, probe.problem, position);
  }

  #damaged(reason: "CHECKSUM_MISMATCH" | "INVALID_BATCH", problem: string, position: number): MillraceError {
    const { topic, partition, firstOffset } = this;
    const text = `what was read of partition ${partition} of topic "${topic}" from offset ${firstOffset} on is damaged at byte ${position}: ${problem}; assign the partition again to read it anew`;
    return new MillraceError(reason, text, {
      details: { topic, partition, offset: firstOffset, position },
    });
  }
}

/** The record where a cursor stands, as an object. */
export function recordAt(
  batch: { readonly topic: string; readonly partition: number },
  cursor: ConsumedRecordCursor,
): ConsumedRecord {
  return {
    topic: batch.topic,
    partition: batch.partition,
    offset: cursor.offset,
    timestampMs: cursor.timestampMs,
    key: cursor.key,
    value: cursor.value,
    headers: cursor.headers,
  };
}

function asBuffer(bytes: Uint8Array | null | undefined): Buffer {
  if (Buffer.isBuffer(bytes)) return bytes;
  return bytes ? Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength) : Buffer.alloc(0);
}
