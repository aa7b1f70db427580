import { writeInt16, writeInt32, writeInt64 } from "../base/index.ts";
import { writeChecksum } from "./batch-checksum.ts";
import {
  ATTRIBUTES_AT,
  BASE_OFFSET_AT,
  BASE_SEQUENCE_AT,
  BASE_TIMESTAMP_AT,
  BATCH_HEADER_BYTES,
  BATCH_LENGTH_AT,
  LAST_OFFSET_DELTA_AT,
  LEADER_EPOCH_AT,
  LENGTH_OVERHEAD_BYTES,
  MAGIC,
  MAGIC_AT,
  MAX_TIMESTAMP_AT,
  PRODUCER_EPOCH_AT,
  PRODUCER_ID_AT,
  RECORD_COUNT_AT,
} from "./batch-format.ts";
import type { BatchProducer } from "./batch-header-writer.ts";

/** What is still known of offsets that have no records any more. */
export interface EmptyBatch {
  readonly baseOffset: number;
  /** Inclusive; at most 2^31 − 1 above the base offset. */
  readonly lastOffset: number;
  readonly leaderEpoch: number;
  /** Largest timestamp that the records had, milliseconds since the Unix epoch. */
  readonly maxTimestampMs: number;
  /** Whose batch it was, where that is still of use. */
  readonly producer?: BatchProducer;
}

const ABSENT = -1;

/** A batch without records, which keeps the place of offsets that compaction emptied. Kafka's readers know them too. */
export function encodeEmptyBatch(empty: EmptyBatch): Buffer {
  const { baseOffset, lastOffset, leaderEpoch, maxTimestampMs, producer = {} } = empty;
  const batch = Buffer.alloc(BATCH_HEADER_BYTES);
  writeInt64(batch, BASE_OFFSET_AT, baseOffset);
  writeInt32(batch, BATCH_LENGTH_AT, BATCH_HEADER_BYTES - LENGTH_OVERHEAD_BYTES);
  writeInt32(batch, LEADER_EPOCH_AT, leaderEpoch);
  batch[MAGIC_AT] = MAGIC;
  writeInt16(batch, ATTRIBUTES_AT, 0);
  writeInt32(batch, LAST_OFFSET_DELTA_AT, lastOffset - baseOffset);
  writeInt64(batch, BASE_TIMESTAMP_AT, maxTimestampMs);
  writeInt64(batch, MAX_TIMESTAMP_AT, maxTimestampMs);
  writeInt64(batch, PRODUCER_ID_AT, producer.producerId ?? ABSENT);
  writeInt16(batch, PRODUCER_EPOCH_AT, producer.producerEpoch ?? ABSENT);
  writeInt32(batch, BASE_SEQUENCE_AT, producer.baseSequence ?? ABSENT);
  writeInt32(batch, RECORD_COUNT_AT, 0);
  writeChecksum(batch, 0, batch.length);
  return batch;
}
