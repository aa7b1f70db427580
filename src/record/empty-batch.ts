import { BATCH_HEADER_BYTES } from "./batch-format.ts";
import { type BatchProducer, writeBatchHeader } from "./batch-header-writer.ts";
import { stampBatch } from "./batch-stamp.ts";

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

/** A batch without records, which keeps the place of offsets that compaction emptied. Kafka's readers know them too. */
export function encodeEmptyBatch(empty: EmptyBatch): Buffer {
  const { baseOffset, lastOffset, leaderEpoch, maxTimestampMs, producer = {} } = empty;
  const batch = Buffer.alloc(BATCH_HEADER_BYTES);
  writeBatchHeader(batch, {
    compression: "none",
    recordCount: 0,
    lastOffsetDelta: lastOffset - baseOffset,
    baseTimestampMs: maxTimestampMs,
    maxTimestampMs,
    producer,
  });
  stampBatch(batch, 0, baseOffset, leaderEpoch);
  return batch;
}
