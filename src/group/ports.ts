/** What the coordinator of groups needs of the broker: a log of its own, and a look at the topics. */
import { BATCH_BYTES_MAX } from "../base/index.ts";
import type { MillraceError } from "../errors/index.ts";

/** A record of the groups' log: the newest of each key holds; null deletes. */
export interface GroupRecord {
  readonly key: Buffer;
  readonly value: Buffer | null;
}

/** What a record takes beside its key and value, at most. */
export const RECORD_BYTES = 32;
/** Most bytes of one append to a group's log: it is one record batch, all or none, with room for its header. */
export const APPEND_BYTES_MAX = BATCH_BYTES_MAX - 1_024;

/** The compacted partition that holds the state of some groups. */
export interface GroupLog {
  /**
   * Appends records in order, all or none; at most APPEND_BYTES_MAX bytes with RECORD_BYTES for each. Resolves when
   * they are durable. Throws the failures of a log.
   */
  append(records: readonly GroupRecord[]): Promise<void>;
  /** Reads everything there is, in order. What is visited may not be kept: its bytes are used again. */
  replay(visit: (record: GroupRecord) => void): Promise<void>;
}

/** The groups' logs, numbered from 0. A group belongs to one of them by the hash of its name. */
export interface GroupLogs {
  /** Undefined while there are none: nobody was ever in a group. */
  existing(): readonly GroupLog[] | undefined;
  /** Those that exist; the internal topic is created if it is not there. */
  create(): Promise<readonly GroupLog[]>;
  /** Number of the log of a group, of so many; always the same. */
  numberOf(group: string, logCount: number): number;
}

/** A topic as groups see it. */
export interface CatalogueTopic {
  readonly name: string;
  readonly topicId: string;
  readonly partitionCount: number;
}

/** Ends of a partition's readable offsets. */
export interface PartitionBounds {
  readonly logStartOffset: number;
  /** Exclusive. */
  readonly highWatermark: number;
}

/** The topics of the broker, without internal ones. */
export interface TopicCatalogue {
  topics(): Iterable<CatalogueTopic>;
  topic(name: string): CatalogueTopic | undefined;
  /** Calls back after topics or partitions came or went; once for many. */
  listen(changed: () => void): void;
  /** Why not, if the partition does not exist or is offline. */
  bounds(topic: string, partition: number): PartitionBounds | MillraceError;
  /** Offset of the first record at or after the time; undefined if none is as late. */
  findByTimestamp(topic: string, partition: number, timestampMs: number): Promise<number | undefined>;
}
