import { readInt16, readInt32, readInt64, readUint32 } from "../base/index.ts";
import {
  APPEND_TIME_BIT,
  ATTRIBUTES_AT,
  BASE_OFFSET_AT,
  BASE_SEQUENCE_AT,
  BASE_TIMESTAMP_AT,
  BATCH_HEADER_BYTES,
  BATCH_LENGTH_AT,
  CODEC_MASK,
  COMPRESSIONS,
  CONTROL_BIT,
  CRC_AT,
  type Compression,
  DELETE_HORIZON_BIT,
  LAST_OFFSET_DELTA_AT,
  LEADER_EPOCH_AT,
  LENGTH_OVERHEAD_BYTES,
  MAGIC_AT,
  MAX_TIMESTAMP_AT,
  PRODUCER_EPOCH_AT,
  PRODUCER_ID_AT,
  RECORD_COUNT_AT,
  type TimestampType,
  TRANSACTIONAL_BIT,
} from "./batch-format.ts";
import { invalidBatch } from "./batch-fault.ts";

/** What stands before the records of a batch. Nothing is checked: see checkBatch and probeBatch. */
export interface BatchHeader {
  readonly baseOffset: number;
  /** Bytes of the whole batch with its header. */
  readonly sizeInBytes: number;
  /** Undefined before a leader stamped one. */
  readonly leaderEpoch: number | undefined;
  readonly magic: number;
  readonly crc: number;
  readonly attributes: number;
  /** Undefined if the attributes name a codec that does not exist. */
  readonly compression: Compression | undefined;
  readonly timestampType: TimestampType;
  readonly isTransactional: boolean;
  readonly isControl: boolean;
  /** Last offset − base offset. */
  readonly lastOffsetDelta: number;
  /** Milliseconds that the records' timestamp deltas count from. */
  readonly baseTimestampMs: number;
  /** From when on compaction may remove the tombstones of the batch; undefined if it has not met them yet. */
  readonly deleteHorizonMs: number | undefined;
  /** Largest timestamp of the records; the append time for timestamp type "append". */
  readonly maxTimestampMs: number;
  /** Undefined: the producer is not idempotent, and so epoch and sequence are undefined too. */
  readonly producerId: number | undefined;
  readonly producerEpoch: number | undefined;
  /** Sequence of the first record; wraps after 2^31 − 1 to 0. */
  readonly baseSequence: number | undefined;
  readonly recordCount: number;
}

/** Reads the header of the batch at `position`. Throws INVALID_BATCH if fewer than 61 bytes are there. */
export function readBatchHeader(buffer: Uint8Array, position = 0): BatchHeader {
  if (buffer.length - position < BATCH_HEADER_BYTES) {
    const problem = `only ${Math.max(0, buffer.length - position)} of ${BATCH_HEADER_BYTES} header bytes are there`;
    throw invalidBatch(problem, { field: "header", position });
  }
  const attributes = readInt16(buffer, position + ATTRIBUTES_AT);
  const producerId = readInt64(buffer, position + PRODUCER_ID_AT);
  const hasProducer = producerId >= 0;
  const baseTimestampMs = readInt64(buffer, position + BASE_TIMESTAMP_AT);
  return {
    baseOffset: readBaseOffset(buffer, position),
    sizeInBytes: readInt32(buffer, position + BATCH_LENGTH_AT) + LENGTH_OVERHEAD_BYTES,
    leaderEpoch: absentIfNegative(readInt32(buffer, position + LEADER_EPOCH_AT)),
    magic: (buffer[position + MAGIC_AT]! << 24) >> 24,
    crc: readUint32(buffer, position + CRC_AT),
    attributes,
    compression: COMPRESSIONS[attributes & CODEC_MASK],
    timestampType: (attributes & APPEND_TIME_BIT) === 0 ? "create" : "append",
    isTransactional: (attributes & TRANSACTIONAL_BIT) !== 0,
    isControl: (attributes & CONTROL_BIT) !== 0,
    lastOffsetDelta: readInt32(buffer, position + LAST_OFFSET_DELTA_AT),
    baseTimestampMs,
    deleteHorizonMs: (attributes & DELETE_HORIZON_BIT) === 0 ? undefined : baseTimestampMs,
    maxTimestampMs: readMaxTimestamp(buffer, position),
    producerId: hasProducer ? producerId : undefined,
    producerEpoch: hasProducer
      ? absentIfNegative(readInt16(buffer, position + PRODUCER_EPOCH_AT))
      : undefined,
    baseSequence: hasProducer ? absentIfNegative(readInt32(buffer, position + BASE_SEQUENCE_AT)) : undefined,
    recordCount: readRecordCount(buffer, position),
  };
}

function absentIfNegative(value: number): number | undefined {
  return value < 0 ? undefined : value;
}

/**
 * Size in bytes of the batch at `position` by its length field, which may lie; undefined if fewer than the 12 bytes
 * that tell are there.
 */
export function readBatchSize(buffer: Uint8Array, position: number): number | undefined {
  if (buffer.length - position < LENGTH_OVERHEAD_BYTES) return undefined;
  return readInt32(buffer, position + BATCH_LENGTH_AT) + LENGTH_OVERHEAD_BYTES;
}

/** Offset of the first record. Like the readers below: allocates nothing and checks nothing. */
export function readBaseOffset(buffer: Uint8Array, position: number): number {
  return readInt64(buffer, position + BASE_OFFSET_AT);
}

/** Offset of the last record, inclusive. */
export function readLastOffset(buffer: Uint8Array, position: number): number {
  return readBaseOffset(buffer, position) + readInt32(buffer, position + LAST_OFFSET_DELTA_AT);
}

/** Number of records. */
export function readRecordCount(buffer: Uint8Array, position: number): number {
  return readInt32(buffer, position + RECORD_COUNT_AT);
}

/** Largest timestamp of the records, in milliseconds since the Unix epoch. */
export function readMaxTimestamp(buffer: Uint8Array, position: number): number {
  return readInt64(buffer, position + MAX_TIMESTAMP_AT);
}
