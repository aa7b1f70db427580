/**
 * What a broker does, as plain TypeScript: the gRPC handlers, the HTTP gateway and in-process users all stand on
 * this. Failures are MillraceErrors. Offsets that end something are exclusive.
 */
import type { MillraceError } from "../errors/index.ts";
import type { GroupsApi } from "../group/index.ts";
import type { AppendResult, Durability, ReadResult } from "../log/index.ts";
import type { StreamsApi } from "../stream/index.ts";
import type { ConsumeCommand, ConsumptionApi, ConsumptionSink } from "./consumption.ts";
import type {
  Assignment,
  Delivered,
  ReadRoom,
  SubscriptionApi,
  SubscriptionSink,
} from "./subscription-api.ts";

export type { AppendResult, Durability, ReadResult };
export type { Assignment, Delivered, ReadRoom, SubscriptionApi, SubscriptionSink };

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

/** Which topics to list. */
export interface ListTopicsOptions {
  /** Those of the broker too, whose names begin with "__". Default false. */
  readonly includeInternal?: boolean;
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
  /** Consumer groups. */
  readonly groups: GroupsApi;
  /** Event-sourced streams of the topics with `stream.index=true`. */
  readonly streams: StreamsApi;

  /** Topics whose names begin with "__" are the broker's: reading is all that is allowed, the rest INVALID_REQUEST. */
  createTopic(command: CreateTopicCommand): Promise<TopicDescription>;
  /** In order of names. */
  listTopics(options?: ListTopicsOptions): TopicSummary[];
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
  /**
   * Joins a consumer group and reads what it is assigned, in one: see `ConsumptionApi`. Throws what `groups.join`
   * throws.
   */
  consume(command: ConsumeCommand, sink: ConsumptionSink): Promise<ConsumptionApi>;
  findOffset(topic: string, partition: number, query: OffsetQuery): Promise<OffsetAnswer>;
}
