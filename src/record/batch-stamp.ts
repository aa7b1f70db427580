/** What a leader writes into a batch that it accepted, in place. */
import { readInt32, writeInt16, writeInt32, writeInt64, readInt16 } from "../base/index.ts";
import {
  APPEND_TIME_BIT,
  ATTRIBUTES_AT,
  BASE_OFFSET_AT,
  BATCH_LENGTH_AT,
  LEADER_EPOCH_AT,
  LENGTH_OVERHEAD_BYTES,
  MAX_TIMESTAMP_AT,
} from "./batch-format.ts";
import { writeChecksum } from "./batch-checksum.ts";

/** Stamps the offset of the first record and the leader epoch. Both lie outside the CRC, so it stays right. */
export function stampBatch(
  buffer: Uint8Array,
  position: number,
  baseOffset: number,
  leaderEpoch: number,
): void {
  writeInt64(buffer, position + BASE_OFFSET_AT, baseOffset);
  writeInt32(buffer, position + LEADER_EPOCH_AT, leaderEpoch);
}

/**
 * Gives all records of a checked batch the broker's time: sets the timestamp type and the max timestamp, and
 * computes the CRC anew. The records keep the producer's deltas, which readers then ignore.
 */
export function stampAppendTime(buffer: Buffer, position: number, timestampMs: number): void {
  const attributes = readInt16(buffer, position + ATTRIBUTES_AT);
  writeInt16(buffer, position + ATTRIBUTES_AT, attributes | APPEND_TIME_BIT);
  writeInt64(buffer, position + MAX_TIMESTAMP_AT, timestampMs);
  const size = readInt32(buffer, position + BATCH_LENGTH_AT) + LENGTH_OVERHEAD_BYTES;
  writeChecksum(buffer, position, position + size);
}
