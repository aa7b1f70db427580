/** Reading: partitions assigned by hand, delivered in order, prefetched within bounds. */
import type { MillraceError } from "../../errors/index.ts";
import type { RecordHeader } from "../../record/index.ts";
import type { StartPosition, TopicPartition } from "./places.ts";

/** What to read and from where. */
export interface ReaderAssignment {
  readonly topic: string;
  /** Default: every partition the topic has now. */
  readonly partition?: number;
  /** Default "start". A time later than every record means "end". */
  readonly from?: StartPosition;
}

/** A partition's position had fallen out of the log and was moved as `onOutOfRange` says. */
export interface PositionReset extends TopicPartition {
  /** Offset that could not be read. */
  readonly from: number;
  /** Offset where reading goes on. */
  readonly to: number;
  /** The OFFSET_OUT_OF_RANGE that the broker answered. */
  readonly error: MillraceError;
}

/** A partition has been handed out up to its high watermark. */
export interface CaughtUp extends TopicPartition {
  /** The high watermark reached. */
  readonly highWatermark: number;
}

/** How to read. */
export interface ReaderOptions {
  /** Bytes that may be fetched ahead of the program, per broker, 65,536 to 1 GiB. Default 8,388,608. */
  readonly prefetchBytes?: number;
  /** Records that may be fetched ahead of the program, per broker, from 1. Default: bytes alone count. */
  readonly prefetchRecords?: number;
  /** Bytes of one delivery, 1,024 to 1,048,576. Default 1,048,576. */
  readonly deliveryBytes?: number;
  /**
   * What an offset outside the log means: "error" throws OFFSET_OUT_OF_RANGE (default); "start" and "end" go on at
   * that end of the log, after telling `onReset`, which must then be given.
   */
  readonly onOutOfRange?: "error" | "start" | "end";
  /** Hears of every reset before its records are delivered. If it throws, the partition has failed and is not moved. */
  readonly onReset?: (reset: PositionReset) => void;
  /** Hears, in step with the iteration, that a partition was handed out up to its high watermark. */
  readonly onCaughtUp?: (caughtUp: CaughtUp) => void;
  /** Hears of failures that are retried, so that trouble is not silent. */
  readonly onRetry?: (error: MillraceError) => void;
  /** Whether to check the CRC-32C of every batch after the network. Default true. */
  readonly verifyChecksums?: boolean;
  /** Longest time without a broker before the iteration throws its last failure, milliseconds. Default 60,000. */
  readonly retryTimeoutMs?: number;
}

/** How to iterate. */
export interface IterationOptions {
  /**
   * True ends the iteration once every partition that was assigned when it began, and is not paused, has been handed
   * out up to the high watermark of that moment, or has failed: the first failure is thrown then. Default false: wait
   * for more for ever, and throw a failure at once.
   */
  readonly stopAtEnd?: boolean;
}

/** A record as read. Key, value and header values are views of the received bytes: copy what is kept for long. */
export interface ConsumedRecord {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  /** Milliseconds since the Unix epoch. */
  readonly timestampMs: number;
  readonly key: Buffer | null;
  /** Null is a tombstone in compacted topics. */
  readonly value: Buffer | null;
  readonly headers: readonly RecordHeader[];
}

/**
 * Walks over records without making objects: `next` moves, the getters read the current record, and only what is asked
 * for is allocated. Throws INVALID_BATCH if the bytes are not what their header says.
 */
export interface ConsumedRecordCursor {
  /** Moves to the next record; false at the end. */
  next(): boolean;
  readonly offset: number;
  readonly timestampMs: number;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  /** Bytes of the key; undefined if it is null. */
  readonly keyLength: number | undefined;
  /** Bytes of the value; undefined if it is null. */
  readonly valueLength: number | undefined;
  readonly headers: readonly RecordHeader[];
}

/** Records of one partition that were delivered together: one or more record batches as stored. */
export interface ConsumedBatch extends Iterable<ConsumedRecord> {
  readonly topic: string;
  readonly partition: number;
  /** Offset of the first record. */
  readonly firstOffset: number;
  /** Offset that follows the last record: where to go on after this batch. */
  readonly nextOffset: number;
  /** First readable offset of the partition when this was delivered. */
  readonly logStartOffset: number;
  /** End of the readable offsets when this was delivered, exclusive. */
  readonly highWatermark: number;
  /** Number of records, by the batch headers. */
  readonly recordCount: number;
  /** Bytes as stored. */
  readonly bytes: number;
  /** A cursor before the first record. Each call gives an independent one. */
  records(): ConsumedRecordCursor;
  /** All records as objects. */
  toArray(): ConsumedRecord[];
}

/** An assigned partition. */
export interface AssignedPartition extends TopicPartition {
  /** Offset of the next record to hand out. */
  readonly position: number;
  /** End of the readable offsets as last heard, exclusive; undefined before the first delivery or mark. */
  readonly highWatermark: number | undefined;
  readonly isPaused: boolean;
  /** Everything up to the last heard high watermark was handed out. */
  readonly isCaughtUp: boolean;
}

/**
 * Reads assigned partitions in offset order; partitions interleave. One iteration at a time: a second is refused with a
 * TypeError from its first `next` until the first has ended. Leaving a `for await` keeps the assignment and the position:
 * the next iteration goes on with the record after the last one handed out.
 * A partition that fails for good is unassigned and its error thrown by the iteration, with `stopAtEnd` after the others
 * were handed out to their ends; what is left, further failures too, comes with the next iteration.
 */
export interface Reader extends AsyncIterable<ConsumedRecord> {
  /**
   * Assigns partitions, or moves them if they are assigned; others stay. Resolves when the positions are known. Throws
   * TOPIC_NOT_FOUND, PARTITION_NOT_FOUND. An offset outside the log is found out while reading, see `onOutOfRange`. A
   * partition that is offline (LOG_CORRUPT, STORAGE_OFFLINE) among others that can be read fails like one that fails
   * while reading.
   */
  assign(assignments: readonly ReaderAssignment[]): Promise<void>;
  /**
   * Stops reading partitions; all of them without argument. Nothing of them is handed out from now on, nor is it thrown
   * that one of them has failed. Throws INVALID_REQUEST, with nothing changed, for one that neither is assigned nor has
   * a failure to be thrown.
   */
  unassign(partitions?: readonly TopicPartition[]): void;
  /** Moves an assigned partition. Throws INVALID_REQUEST if it is not assigned. */
  seek(partition: TopicPartition, to: StartPosition): Promise<void>;
  /** Stops handing out and fetching partitions until `resume`; all of them without argument. */
  pause(partitions?: readonly TopicPartition[]): void;
  /** Undoes `pause`; for all partitions without argument. */
  resume(partitions?: readonly TopicPartition[]): void;
  /** Offset of the next record to hand out; undefined if the partition is not assigned. */
  position(topic: string, partition: number): number | undefined;
  /** Whether everything up to the last heard high watermark was handed out: of one partition, or of all. */
  isCaughtUp(partition?: TopicPartition): boolean;
  /** The assigned partitions. */
  assignments(): AssignedPartition[];
  /** Iterates by delivery: the fast way. */
  batches(options?: IterationOptions): AsyncIterableIterator<ConsumedBatch>;
  /** Iterates by record: the easy way; one object and one promise per record. */
  records(options?: IterationOptions): AsyncIterableIterator<ConsumedRecord>;
  /** Ends the iteration and the streams. Harmless if called again. */
  close(): Promise<void>;
}
