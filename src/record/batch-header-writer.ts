import { writeInt16, writeInt32, writeInt64 } from "../base/index.ts";
import { writeChecksum } from "./batch-checksum.ts";
import {
  ATTRIBUTES_AT,
  BASE_OFFSET_AT,
  BASE_SEQUENCE_AT,
  BASE_TIMESTAMP_AT,
  BATCH_LENGTH_AT,
  COMPRESSIONS,
  type Compression,
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

/** The idempotence key of a batch; all absent for a producer without. */
export interface BatchProducer {
  readonly producerId?: number | undefined;
  readonly producerEpoch?: number | undefined;
  /** Sequence of the first record. */
  readonly baseSequence?: number | undefined;
}

/** What a producer says in the header; the rest follows from the bytes. */
export interface NewBatchHeader {
  readonly compression: Compression;
  readonly recordCount: number;
  /** Default: that of as many records without a gap. */
  readonly lastOffsetDelta?: number;
  readonly baseTimestampMs: number;
  readonly maxTimestampMs: number;
  readonly producer: BatchProducer;
}

/** What the format writes for absent fields. */
const ABSENT = -1;

/** Writes the header, CRC included, of the batch that fills `batch`, with base offset 0 and no leader epoch. */
export function writeBatchHeader(batch: Buffer, header: NewBatchHeader): void {
  const { producerId, producerEpoch, baseSequence } = header.producer;
  writeInt64(batch, BASE_OFFSET_AT, 0);
  writeInt32(batch, BATCH_LENGTH_AT, batch.length - LENGTH_OVERHEAD_BYTES);
  writeInt32(batch, LEADER_EPOCH_AT, ABSENT);
  batch[MAGIC_AT] = MAGIC;
  writeInt16(batch, ATTRIBUTES_AT, COMPRESSIONS.indexOf(header.compression));
  writeInt32(batch, LAST_OFFSET_DELTA_AT, header.lastOffsetDelta ?? header.recordCount - 1);
  writeInt64(batch, BASE_TIMESTAMP_AT, header.baseTimestampMs);
  writeInt64(batch, MAX_TIMESTAMP_AT, header.maxTimestampMs);
  writeInt64(batch, PRODUCER_ID_AT, producerId ?? ABSENT);
  writeInt16(batch, PRODUCER_EPOCH_AT, producerEpoch ?? ABSENT);
  writeInt32(batch, BASE_SEQUENCE_AT, baseSequence ?? ABSENT);
  writeInt32(batch, RECORD_COUNT_AT, header.recordCount);
  writeChecksum(batch, 0, batch.length);
}
