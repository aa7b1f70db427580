import type { Clock, Logger } from "../base/index.ts";
import type { FileSystem } from "../fs/index.ts";
import type { FilePool } from "./file-pool.ts";
import type { LruBudget } from "./lru-budget.ts";
import type { ReadBuffers } from "./read-buffers.ts";
import type { TailCache } from "./tail-cache.ts";

/** How far an append had got when it was acknowledged: in the page cache, or flushed with fdatasync. */
export type Durability = "written" | "durable";

/** What was appended, and where. */
export interface AppendResult {
  readonly baseOffset: number;
  readonly recordCount: number;
  /** Largest timestamp of the batch; the append time where the topic stamps that. */
  readonly timestampMs: number;
  /** Reached when the append was acknowledged. */
  readonly durability: Durability;
  /** The batch was in the log already (same producer id, epoch and sequence); the offset is the original. */
  readonly duplicate: boolean;
}

/** Whole record batches read from a partition. */
export interface ReadResult {
  /** The offset asked for; the first batch may begin below it. */
  readonly offset: number;
  /** The batches as stored, in order; a chunk holds one or more whole batches. Must not be changed. */
  readonly chunks: readonly Buffer[];
  /** Bytes of all chunks. */
  readonly bytes: number;
  /**
   * Records from the offset asked for up to `nextOffset`, by the batch headers: compaction leaves fewer than there are
   * offsets, and perhaps none. Too high by what it took from a batch that begins below the offset.
   */
  readonly recordCount: number;
  /** Offset to read next. */
  readonly nextOffset: number;
  readonly logStartOffset: number;
  readonly highWatermark: number;
  /**
   * Gives the memory of the chunks back for other reads, once: nobody may look at them afterwards. Present where that
   * is worth it; need not be called.
   */
  readonly release?: () => void;
}

/** Configs of a topic that its logs obey, parsed; names and meanings are Kafka's. */
export interface LogConfig {
  readonly segmentBytes: number;
  readonly segmentMs: number;
  readonly segmentIndexBytes: number;
  readonly indexIntervalBytes: number;
  readonly batchBytesMax: number;
  readonly flushMode: Durability;
  /** With flushMode "written": flush after this many records; undefined leaves it to the system. */
  readonly flushMessages: number | undefined;
  /** With flushMode "written": flush this long after a write; undefined leaves it to the system. */
  readonly flushMs: number | undefined;
  /** Undefined keeps records for ever. */
  readonly retentionMs: number | undefined;
  /** Undefined keeps any size. */
  readonly retentionBytes: number | undefined;
  readonly timestampType: "create" | "append";
  /** Oldest timestamp accepted, relative to the broker's clock; undefined accepts any. */
  readonly timestampBeforeMaxMs: number | undefined;
  /** Newest timestamp accepted, relative to the broker's clock; undefined accepts any. */
  readonly timestampAfterMaxMs: number | undefined;
  readonly fileDeleteDelayMs: number;
  /** Old segments are deleted by age and size. */
  readonly deletes: boolean;
  /** Of each key only the newest record is kept, and records must have keys. */
  readonly compacts: boolean;
  /** How long a tombstone stays after compaction has met it. */
  readonly deleteRetentionMs: number;
  /** Share of bytes not cleaned yet, 0 to 1, above which the log is cleaned. */
  readonly dirtyRatioMin: number;
  /** Records younger than this are not cleaned. */
  readonly compactionLagMinMs: number;
  /** Records older than this are cleaned whatever the share; undefined sets no bound. */
  readonly compactionLagMaxMs: number | undefined;
}

/** What all logs of a broker share. */
export interface LogEnvironment {
  readonly fs: FileSystem;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly files: FilePool;
  /** Loaded indexes of sealed segments. */
  readonly indexes: LruBudget;
  /** What is known of producers. */
  readonly producers: LruBudget;
  /** How long an idle producer is remembered. */
  readonly producerExpirationMs: number;
  readonly cache: TailCache;
  readonly buffers: ReadBuffers;
}
