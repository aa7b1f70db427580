/**
 * The check of a batch from outside, whole and before a byte of it is written: what passes here is trusted by every
 * reader. The walk over the records allocates nothing, so that it runs at memory speed.
 */
import { isUtf8 } from "node:buffer";
import {
  DECOMPRESSED_BYTES_FREE,
  DECOMPRESSED_RATIO_MAX,
  HEADERS_PER_RECORD_MAX,
  OFFSET_MAX,
} from "../base/index.ts";
import { MillraceError } from "../errors/index.ts";
import { computeChecksum } from "./batch-checksum.ts";
import { invalidBatch } from "./batch-fault.ts";
import {
  APPEND_TIME_BIT,
  CODEC_MASK,
  CONTROL_BIT,
  DELETE_HORIZON_BIT,
  MAGIC,
  TRANSACTIONAL_BIT,
} from "./batch-format.ts";
import { type BatchHeader, readBatchHeader } from "./batch-header.ts";
import { RecordWalker } from "./record-walker.ts";

/** Where a batch comes from, which decides what it may be. */
export type BatchOrigin =
  /** A producer: dense offset deltas from 0; no append time, control, transaction or compaction marks. */
  | "client"
  /** Stored before: append time, control, transactional and compacted (gaps, even empty) batches too. */
  | "log";

/** Bounds and rules of a check. */
export interface BatchLimits {
  /** Most bytes of the batch as it is; a topic's `max.message.bytes`. */
  readonly batchBytesMax: number;
  /**
   * Most bytes of its records after decompression. From producers, above DECOMPRESSED_BYTES_FREE also at most
   * DECOMPRESSED_RATIO_MAX times the size of the batch.
   */
  readonly decompressedBytesMax: number;
  /** Default: "client". */
  readonly origin?: BatchOrigin;
  /** The earliest timestamp that a record may have, Unix epoch in ms; default: 0. */
  readonly earliestMs?: number | undefined;
  /** Every record must have a key, as in a compacted topic. Default: false. */
  readonly keysRequired?: boolean;
}

const LOG_BITS = CODEC_MASK | APPEND_TIME_BIT | TRANSACTIONAL_BIT | CONTROL_BIT | DELETE_HORIZON_BIT;

/** Reused by every check: a check never waits, so no two overlap. */
const walker = new RecordWalker();

/**
 * Checks that `batch` is exactly one batch, every byte of it accounted for: length, magic, CRC, attributes, producer
 * fields, counts, the framing of each record and header, offset deltas, timestamps. Returns its header. Base offset
 * and leader epoch may be anything: the leader stamps them. Throws BATCH_TOO_LARGE, INVALID_BATCH,
 * CHECKSUM_MISMATCH or UNSUPPORTED_COMPRESSION with the field and position in its details.
 */
export function checkBatch(batch: Buffer, limits: BatchLimits): BatchHeader {
  if (batch.length > limits.batchBytesMax) {
    const text = `the record batch has ${batch.length} bytes, at most ${limits.batchBytesMax} are allowed`;
    throw new MillraceError("BATCH_TOO_LARGE", `${text}: send smaller batches or raise max.message.bytes`, {
      details: { size: batch.length, max: limits.batchBytesMax },
    });
  }
  const header = readBatchHeader(batch);
  const origin = limits.origin ?? "client";
  checkFrame(batch, header);
  checkAttributes(header, origin);
  checkCounts(header, origin);
  checkTimestamps(header);
  checkProducer(header);
  try {
    walker.open(batch, 0, header, decompressedBytesMax(batch.length, limits));
    checkRecords(header, limits);
  } finally {
    walker.close();
  }
  return header;
}

/** A bomb costs its sender little and the broker much; what was stored under another bound is read all the same. */
function decompressedBytesMax(bytes: number, limits: BatchLimits): number {
  if (limits.origin === "log") return limits.decompressedBytesMax;
  return Math.min(
    limits.decompressedBytesMax,
    Math.max(DECOMPRESSED_BYTES_FREE, DECOMPRESSED_RATIO_MAX * bytes),
  );
}

function checkFrame(batch: Buffer, header: BatchHeader): void {
  if (header.sizeInBytes !== batch.length) {
    const problem = `it makes the batch ${header.sizeInBytes} bytes, there are ${batch.length}`;
    throw invalidBatch(problem, { field: "batch length", position: 8 });
  }
  if (header.magic !== MAGIC) {
    throw invalidBatch(`${header.magic}, only ${MAGIC} is known`, { field: "magic", position: 16 });
  }
  const actual = computeChecksum(batch, 0, batch.length);
  if (actual !== header.crc) {
    const text = `the record batch says CRC-32C ${hex(header.crc)}, its bytes have ${hex(actual)}`;
    throw new MillraceError("CHECKSUM_MISMATCH", `${text}: it was damaged on its way, or built wrongly`, {
      details: { field: "crc", position: 17, expected: hex(header.crc), actual: hex(actual) },
    });
  }
}

function hex(crc: number): string {
  return `0x${crc.toString(16).padStart(8, "0")}`;
}

function checkAttributes(header: BatchHeader, origin: BatchOrigin): void {
  const allowed = origin === "client" ? CODEC_MASK : LOG_BITS;
  const others = header.attributes & ~allowed;
  if (others === 0) return;
  const problem =
    `bits 0x${(others & 0xffff).toString(16)} are set; from producers only the codec in bits 0 to 2 is taken ` +
    "(no append time, transactional, control or delete-horizon batches)";
  throw invalidBatch(problem, { field: "attributes", position: 21 });
}

function checkCounts(header: BatchHeader, origin: BatchOrigin): void {
  const { recordCount, lastOffsetDelta } = header;
  const isRight =
    origin === "client"
      ? recordCount > 0 && lastOffsetDelta === recordCount - 1
      : recordCount >= 0 && lastOffsetDelta >= 0 && recordCount <= lastOffsetDelta + 1;
  if (isRight) return;
  const problem = `${recordCount} records with a last offset delta of ${lastOffsetDelta}; there must be at least one record and the delta must be the count − 1`;
  throw invalidBatch(problem, { field: "record count", position: 57 });
}

function checkTimestamps(header: BatchHeader): void {
  checkTimestamp("base timestamp", header.baseTimestampMs, 27);
  checkTimestamp("max timestamp", header.maxTimestampMs, 35);
}

function checkTimestamp(field: string, timestampMs: number, position: number): void {
  if (timestampMs >= 0 && timestampMs <= Number.MAX_SAFE_INTEGER) return;
  throw invalidBatch(`${timestampMs}, allowed are 0 to 2^53 − 1 ms`, { field, position });
}

/**
 * Clients without idempotence fill epoch and sequence with what they like: both count only with an id. Control
 * batches have no sequence.
 */
function checkProducer(header: BatchHeader): void {
  const { producerId, producerEpoch, baseSequence, isControl } = header;
  if (producerId === undefined) return;
  const isSequenced = baseSequence !== undefined || isControl;
  if (producerId <= OFFSET_MAX && producerEpoch !== undefined && isSequenced) return;
  const problem = `${producerId} needs an epoch and a base sequence of 0 or more, and to be at most 2^53 − 1`;
  throw invalidBatch(problem, { field: "producer id", position: 43 });
}

function checkRecords(header: BatchHeader, limits: BatchLimits): void {
  const { baseTimestampMs, lastOffsetDelta } = header;
  const { origin = "client", keysRequired = false } = limits;
  const earliestMs = Math.max(0, limits.earliestMs ?? 0);
  const isDense = origin === "client";
  let offsetDelta = -1;
  let timestampDeltaMax = Number.NEGATIVE_INFINITY;
  while (walker.next()) {
    const expected = offsetDelta + 1;
    offsetDelta = walker.offsetDelta;
    if (isDense ? offsetDelta !== expected : offsetDelta < expected || offsetDelta > lastOffsetDelta) {
      walker.refuseField("offset delta", `${offsetDelta} instead of ${expected}`);
    }
    const delta = walker.timestampDelta;
    if (delta > timestampDeltaMax) timestampDeltaMax = delta;
    if (baseTimestampMs + delta < earliestMs) refuseEarlier(baseTimestampMs + delta, earliestMs);
    if (walker.attributes !== 0 && isDense) {
      walker.refuseField("attributes", `${walker.attributes}, no bits of a record's attributes are in use`);
    }
    if (keysRequired && walker.keyLength < 0) {
      walker.refuseField("key", "null, but a compacted topic (cleanup.policy) keeps records by their key");
    }
    if (walker.headerCount !== 0) checkHeaders(origin);
  }
  if (header.timestampType === "create") checkMaxTimestamp(header, timestampDeltaMax, origin);
}

function refuseEarlier(timestampMs: number, earliestMs: number): never {
  const allowed =
    timestampMs < 0 ? "allowed is 0 or more" : `message.timestamp.before.max.ms allows ${earliestMs} or more`;
  return walker.refuseField("timestamp delta", `it makes the timestamp ${timestampMs}, ${allowed}`);
}

function checkHeaders(origin: BatchOrigin): void {
  if (walker.headerCount > HEADERS_PER_RECORD_MAX && origin === "client") {
    walker.refuseField("header count", `${walker.headerCount}, allowed are 0 to ${HEADERS_PER_RECORD_MAX}`);
  }
  walker.enterHeaders();
  for (let index = 0; index < walker.headerCount; index++) {
    walker.nextHeader(index);
    const keyAt = walker.headerKeyAt;
    if (!isText(walker.bytes, keyAt, keyAt + walker.headerKeyLength)) {
      walker.refuseField("header key", "it is not UTF-8");
    }
  }
}

function isText(bytes: Buffer, start: number, end: number): boolean {
  for (let at = start; at < end; at++) {
    if (bytes[at]! > 0x7f) return isUtf8(bytes.subarray(at, end));
  }
  return true;
}

function checkMaxTimestamp(header: BatchHeader, timestampDeltaMax: number, origin: BatchOrigin): void {
  const largest = header.baseTimestampMs + timestampDeltaMax;
  const { maxTimestampMs } = header;
  if (origin === "client" ? maxTimestampMs === largest : maxTimestampMs >= largest) return;
  const problem = `${maxTimestampMs}, but the largest timestamp of its records is ${largest}`;
  throw invalidBatch(problem, { field: "max timestamp", position: 35 });
}
