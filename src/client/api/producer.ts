/** Producing: records are encoded into batches as they come, and sent in order, partition by partition. */
import type { MillraceError } from "../../errors/index.ts";
import type { Compression, RecordHeader } from "../../record/index.ts";

/** How far an append had got when it was acknowledged: in the page cache, or flushed with fdatasync. */
export type Durability = "written" | "durable";

/** What to append. `write` copies the bytes; `send` may need them until its promise settles. */
export interface ProducerRecord {
  /** Strings are encoded as UTF-8. Absent or null: no key. */
  readonly key?: Uint8Array | string | null;
  /** Strings are encoded as UTF-8. Absent or null: a null value (a tombstone in compacted topics). */
  readonly value?: Uint8Array | string | null;
  /** In order; names may repeat. */
  readonly headers?: readonly RecordHeader[];
  /** Milliseconds since the Unix epoch. Default: now. */
  readonly timestampMs?: number;
  /** Partition to append to, instead of asking the partitioner. */
  readonly partition?: number;
}

/** Where a record is and how safe it is. */
export interface RecordReceipt {
  readonly partition: number;
  readonly offset: number;
  /** The record's timestamp: its own, or the append time where the topic stamps that. */
  readonly timestampMs: number;
  /** Durability that was reached when the broker answered. */
  readonly durability: Durability;
  /** The broker had the batch already, from a try whose answer was lost; `offset` is the original. */
  readonly duplicate: boolean;
}

/**
 * Chooses the partition of a record, 0 to `partitionCount` − 1. Returning undefined leaves it to the producer, which
 * then keeps to one partition until a batch is sent (as for records without key).
 */
export type Partitioner = (
  record: ProducerRecord,
  topic: string,
  partitionCount: number,
) => number | undefined;

/** Records that were given up. */
export interface FailedRecords {
  readonly topic: string;
  /** Undefined if the topic's partitions never became known. */
  readonly partition: number | undefined;
  readonly recordCount: number;
  readonly error: MillraceError;
}

/** How to produce. */
export interface ProducerOptions {
  /** "default": murmur2 of the key as Kafka's clients do, without key one partition a batch. */
  readonly partitioner?: "default" | Partitioner;
  /**
   * Longest time a batch waits for more records, milliseconds, 0 to 60,000. Default 0: a batch leaves at the end of the
   * turn of the event loop, or collects while `maxInFlightBatches` are under way; waiting longer pays only for
   * trickles over many partitions.
   */
  readonly lingerMs?: number;
  /** Bytes at which a batch is closed, 1,024 to 3,145,728; the topic's `max.message.bytes` bounds it too. Default 262,144. */
  readonly batchBytes?: number;
  /** Compression of batches. Default "none". */
  readonly compression?: Compression;
  /** Bytes of records that may wait or be under way, at least 2 × `batchBytes`. Default 33,554,432. */
  readonly bufferBytes?: number;
  /** Longest time `send` and `ready` wait for room or metadata, milliseconds. Default 60,000. */
  readonly maxBlockMs?: number;
  /** Longest time from taking a record to its receipt or failure, retries included, milliseconds. Default 120,000. */
  readonly deliveryTimeoutMs?: number;
  /** Durability to wait for. Default: the topic's `flush.mode`. */
  readonly durability?: Durability;
  /**
   * Whether batches carry a producer id and sequences, so that the broker drops what a retry repeats. Default true.
   * Without it a retry after a broken connection may append a batch twice. The broker knows the newest 32 batches of
   * a producer in a partition; where it has lost them with a restart, a retry across that may append twice as well.
   */
  readonly idempotent?: boolean;
  /**
   * Batches of one partition that may be under way, 1 to 32. Default 32. Without idempotence always 1: a second could be
   * appended while the first is refused and sent again, out of order.
   */
  readonly maxInFlightBatches?: number;
  /** Hears of records that `write` took and that were given up, and what `send` rejects with as well. */
  readonly onError?: (failed: FailedRecords) => void;
  /** Hears of failures that are retried, so that trouble is not silent. */
  readonly onRetry?: (error: MillraceError) => void;
}

/** Counts since the producer was made. */
export interface ProducerStats {
  /** Records taken. */
  readonly records: number;
  /** Records acknowledged. */
  readonly recordsAcknowledged: number;
  /** Records acknowledged as flushed to disk; the other acknowledged ones were written. */
  readonly recordsDurable: number;
  /** Records given up. */
  readonly recordsFailed: number;
  /** Batches sent, retries included. */
  readonly batchesSent: number;
  /** Bytes of batches acknowledged, as encoded. */
  readonly bytesAcknowledged: number;
  /** Batches sent again. */
  readonly retries: number;
  /** Bytes of buffers in use now. */
  readonly bufferedBytes: number;
}

/**
 * Appends records. Records of one partition are appended in the order they were given and stay in it across retries;
 * what could not be appended fails together with what must not overtake it.
 */
export interface Producer {
  /**
   * Appends one record and resolves with its receipt. Waits for room in the buffer at most `maxBlockMs`, then throws
   * OVERLOADED (effect none). Throws BATCH_TOO_LARGE, TOPIC_NOT_FOUND, PARTITION_NOT_FOUND; DEADLINE_EXCEEDED after
   * `deliveryTimeoutMs`, whose effect is unknown once the batch was sent. One promise per record: for bulk use `write`.
   */
  send(topic: string, record: ProducerRecord): Promise<RecordReceipt>;
  /**
   * Takes one record and returns at once. True: go on. False: the record is taken, and the caller awaits `ready()`
   * before the next, like a stream's `write` and "drain". Failures surface in `flush` and `onError`. Throws OVERLOADED
   * without taking the record if the buffer is full because `false` was ignored, and BATCH_TOO_LARGE.
   */
  write(topic: string, record: ProducerRecord): boolean;
  /** Resolves when there is room again. Throws OVERLOADED after `maxBlockMs`. */
  ready(): Promise<void>;
  /**
   * Sends everything taken so far and resolves when all of it is acknowledged or given up. Throws the first failure of
   * a written record since the last flush; failures of `send` are told by its own promise only.
   */
  flush(): Promise<void>;
  /** Flushes, then refuses further records. Throws what `flush` throws. Harmless if called again. */
  close(): Promise<void>;
  readonly stats: ProducerStats;
}
