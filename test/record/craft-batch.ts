/**
 * Builds batches that lie, field by field and with a right CRC, so that only the lie is left to be found. It shares
 * no code with the encoder: varints come from BigInt, the header from DataView, the CRC from the table.
 */
import { crc32cByTable } from "../../src/base/index.ts";

/** A record's frame; what is absent is right. */
export interface CraftedRecord {
  /** Instead of the length of what follows. */
  readonly length?: number;
  readonly attributes?: number;
  readonly timestampDelta?: number | bigint;
  readonly offsetDelta?: number;
  readonly key?: string | null;
  readonly keyLength?: number;
  readonly value?: string | null;
  readonly valueLength?: number;
  readonly headerCount?: number;
  /** The headers' bytes. */
  readonly headers?: Buffer;
  /** Bytes after the headers, within the record's length. */
  readonly extra?: Buffer;
}

/** A batch; what is absent is right for `records`. */
export interface CraftedBatch {
  readonly records?: readonly CraftedRecord[];
  /** Instead of the bytes of `records`, for what else may stand there. */
  readonly payload?: Buffer;
  readonly baseOffset?: bigint;
  readonly batchLength?: number;
  readonly magic?: number;
  readonly crc?: number;
  readonly attributes?: number;
  readonly lastOffsetDelta?: number;
  readonly baseTimestamp?: bigint;
  readonly maxTimestamp?: bigint;
  readonly producerId?: bigint;
  readonly producerEpoch?: number;
  readonly baseSequence?: number;
  readonly recordCount?: number;
}

/** Zigzag varint of any length. */
export function zigzag(value: number | bigint): Buffer {
  const whole = BigInt(value);
  let rest = whole >= 0n ? 2n * whole : -2n * whole - 1n;
  const bytes: number[] = [];
  for (; rest >= 128n; rest >>= 7n) bytes.push(Number(rest & 127n) | 128);
  return Buffer.from([...bytes, Number(rest)]);
}

/** A nullable run of bytes behind its length. */
export function nullable(content: string | null, length?: number): Buffer {
  const bytes = Buffer.from(content ?? "");
  return Buffer.concat([zigzag(length ?? (content === null ? -1 : bytes.length)), bytes]);
}

export function craftRecord(record: CraftedRecord, index: number): Buffer {
  const { key = "k", value = "v" } = record;
  const body = Buffer.concat([
    Buffer.from([record.attributes ?? 0]),
    zigzag(record.timestampDelta ?? 0),
    zigzag(record.offsetDelta ?? index),
    nullable(key, record.keyLength),
    nullable(value, record.valueLength),
    zigzag(record.headerCount ?? 0),
    record.headers ?? Buffer.alloc(0),
    record.extra ?? Buffer.alloc(0),
  ]);
  return Buffer.concat([zigzag(record.length ?? body.length), body]);
}

export function craftBatch(batch: CraftedBatch = {}): Buffer {
  const { records = [{}, {}, {}] } = batch;
  const payload = batch.payload ?? Buffer.concat(records.map(craftRecord));
  const bytes = Buffer.concat([Buffer.alloc(61), payload]);
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  view.setBigInt64(0, batch.baseOffset ?? 0n);
  view.setInt32(8, batch.batchLength ?? bytes.length - 12);
  view.setInt32(12, -1);
  view.setInt8(16, batch.magic ?? 2);
  view.setInt16(21, batch.attributes ?? 0);
  view.setInt32(23, batch.lastOffsetDelta ?? records.length - 1);
  view.setBigInt64(27, batch.baseTimestamp ?? 1_000n);
  view.setBigInt64(35, batch.maxTimestamp ?? 1_000n);
  view.setBigInt64(43, batch.producerId ?? -1n);
  view.setInt16(51, batch.producerEpoch ?? -1);
  view.setInt32(53, batch.baseSequence ?? -1);
  view.setInt32(57, batch.recordCount ?? records.length);
  view.setUint32(17, batch.crc ?? crc32cByTable(bytes.subarray(21)));
  return bytes;
}

/** Puts the right CRC on bytes that were changed. */
export function mendChecksum(batch: Buffer): Buffer {
  batch.writeUInt32BE(crc32cByTable(batch.subarray(21)), 17);
  return batch;
}
