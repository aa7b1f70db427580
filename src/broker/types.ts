/**
 * What a broker does, as plain TypeScript: the gRPC handlers, the HTTP gateway and in-process users all stand on
 * this. Failures are MillraceErrors. Offsets that end something are exclusive.
 */
import type { MillraceError } from "../errors/index.ts";
import type { AppendResult, Durability, ReadResult } from "../log/index.ts";

export type { AppendResult, Durability, ReadResult };

/** Says where an appended batch is and how safe it is. */
export interface Receipt extends AppendResult {
  readonly partition: number;
}

/** One part of a fetch. */
export interface FetchPosition {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  readonly maxBytes: number;
}

/** One part of the answer: what was read, or why not. */
export type FetchedPart = ReadResult | MillraceError;

/** Memory for what is read, so that many calls which read at once stay within a bound. */
export interface ReadRoom {
  /**
   * Called before something is read, with the most bytes that it can be. Resolves when there is room, or when it was
   * given back meanwhile; what it throws ends the call. Room for what is returned or delivered stays taken.
   */
  take(bytes: number): Promise<void>;
  /** What was read was let go of, or is no longer waited for. Harmless if nothing is taken. */
  giveBack(): void;
}

/** Bounds of a fetch; see FetchRequest in log_service.proto. */
export interface FetchOptions {
  readonly minBytes: number;
  readonly maxWaitMs: number;
  readonly maxBytes: number;
  /** Ends the wait early; what is there is returned. */
  readonly signal?: AbortSignal;
  /** Default: reads without asking for room. */
  readonly room?: ReadRoom;
}

/** What to look up: a fixed position or the first record at or after a timestamp. */
export type OffsetQuery = "earliest" | "latest" | { readonly timestampMs: number };

/** Offset found; `offset` is undefined if no record is as late as the timestamp. */
export interface OffsetAnswer {
  readonly offset: number | undefined;
  readonly timestampMs: number | undefined;
  readonly leaderEpoch: number;
}

/** One config of a topic as it holds now. */
export interface TopicConfigEntry {
  readonly name: string;
  readonly value: string;
  /** Set on the topic, as opposed to the default. */
  readonly isSet: boolean;
}

/** Where a partition is and what it holds. */
export interface PartitionDescription {
  readonly partition: number;
  readonly leader: number;
  readonly endpoint: string;
  readonly leaderEpoch: number;
  readonly logStartOffset: number;
  readonly highWatermark: number;
  readonly logEndOffset: number;
  readonly bytes: number;
  /** Reason name while the partition is offline. */
  readonly offlineReason: string | undefined;
}

/** A topic with its configs and partitions. */
export interface TopicDescription {
  readonly name: string;
  readonly topicId: string;
  readonly configs: readonly TopicConfigEntry[];
  readonly partitions: readonly PartitionDescription[];
}

/** A topic in a list. */
export interface TopicSummary {
  readonly name: string;
  readonly topicId: string;
  readonly partitionCount: number;
  readonly bytes: number;
}

/** What to create; what is absent has the broker's default. `validateOnly` checks and creates nothing. */
export interface CreateTopicCommand {
  readonly name: string;
  readonly partitionCount?: number;
  readonly configs?: Readonly<Record<string, string>>;
  readonly validateOnly?: boolean;
}

/** The cluster as this broker knows it. */
export interface ClusterDescription {
  readonly clusterId: string;
  readonly brokers: readonly { readonly brokerId: number; readonly endpoint: string }[];
  readonly controller: number;
}

/** A broker, in-process. Implemented by `Broker` in broker.ts. */
export interface BrokerApi {
  createTopic(command: CreateTopicCommand): Promise<TopicDescription>;
  /** In order of names. */
  listTopics(): TopicSummary[];
  describeTopic(name: string): TopicDescription;
  alterTopicConfig(
    name: string,
    change: { readonly set: Readonly<Record<string, string>>; readonly reset: readonly string[] },
  ): Promise<readonly TopicConfigEntry[]>;
  addPartitions(name: string, partitionCount: number): Promise<TopicDescription>;
  deleteTopic(name: string): Promise<void>;
  /** Returns the new log start offset, durable. Undefined `beforeOffset` means the high watermark. */
  trimPartition(topic: string, partition: number, beforeOffset: number | undefined): Promise<number>;

  describeCluster(): ClusterDescription;
  initProducerId(): Promise<{ readonly producerId: number; readonly producerEpoch: number }>;

  /** The partition Kafka's default partitioner would choose; any partition for an absent key. */
  choosePartition(topic: string, key: Uint8Array | undefined): number;
  /**
   * Appends one encoded batch, whose bytes are taken over (base offset and leader epoch are stamped in place; the
   * caller must not touch them again). Everything is checked before a byte is written. Answers with the durability
   * asked for, or that of the topic's `flush.mode`.
   */
  produce(
    topic: string,
    partition: number,
    batch: Buffer,
    durability: Durability | undefined,
  ): Promise<Receipt>;
  /** Answers in the order of the positions; a part that fails does not fail the others. */
  fetch(positions: readonly FetchPosition[], options: FetchOptions): Promise<FetchedPart[]>;
  /** Opens a credit-driven stream of deliveries; see Subscription. */
  subscribe(sink: SubscriptionSink, options: { readonly maxBytes: number }): SubscriptionApi;
  findOffset(topic: string, partition: number, query: OffsetQuery): Promise<OffsetAnswer>;
}

/** A partition of a subscription. */
export interface Assignment {
  readonly topic: string;
  readonly partition: number;
  /** The reader's number for this position, echoed in its deliveries. */
  readonly assignmentId: number;
}

/** How much of a read was delivered; that is charged against the credit. */
export interface Delivered {
  /** Offset to go on from. */
  readonly nextOffset: number;
  readonly recordCount: number;
  readonly bytes: number;
  /** Resolves when the transport can take the next delivery (back-pressure). */
  readonly ready: Promise<void>;
}

/** Commands of a reader. None throws for a partition that cannot be read: the sink hears of it. */
export interface SubscriptionApi {
  /** Reads a partition from an offset, or moves it there. */
  assign(assignment: Assignment, offset: number): void;
  unassign(topic: string, partition: number): void;
  /** Adds credit; both are 0 or more. */
  addCredit(records: number, bytes: number): void;
  /** Ends it; the sink is not called from now on. */
  close(): void;
}

/** Where a subscription delivers. Calls never overlap. */
export interface SubscriptionSink {
  /** For each read before its delivery, which takes the room over. */
  readonly room: ReadRoom;
  /**
   * Takes what was read, or its beginning; the rest is read again. Throws MillraceError, with nothing taken, if it
   * cannot be delivered.
   */
  deliver(assignment: Assignment, read: ReadResult): Delivered;
  /** Everything up to the high watermark was delivered; once each time. */
  caughtUp(assignment: Assignment, highWatermark: number): Promise<void>;
  /** The partition cannot be read and is no longer assigned. */
  failed(assignment: Assignment, error: MillraceError): Promise<void>;
}
