/**
 * Administration. Every call has the client's `timeoutMs` as its deadline and fails with a MillraceError; none is
 * repeated by the client after it may have had an effect. Options that are not known are refused with a TypeError.
 */
import type { MillraceError } from "../../errors/index.ts";
import type { GroupAdmin } from "./group-admin.ts";
import type { TopicPartition } from "./places.ts";

/** What to create. */
export interface CreateTopicOptions {
  /** Name, ^[A-Za-z0-9._-]{1,249}$ and neither "." nor "..". */
  readonly name: string;
  /** Number of partitions, 1 to 10,000. Default: the broker's `num.partitions`. */
  readonly partitionCount?: number;
  /** Configs by Kafka's names, such as "retention.ms". */
  readonly configs?: Readonly<Record<string, string>>;
  /** True checks everything and creates nothing. Default false. */
  readonly validateOnly?: boolean;
}

/** Which topics to list. */
export interface ListTopicsOptions {
  /** The broker's own topics too, whose names begin with "__": they can be read, and nothing else. Default false. */
  readonly includeInternal?: boolean;
}

/** A topic in short. */
export interface TopicSummary {
  readonly name: string;
  /** Unique id, 32 hexadecimal digits. */
  readonly topicId: string;
  readonly partitionCount: number;
  /** Bytes of its segments, indexes not counted. */
  readonly bytes: number;
}

/** A topic with its configs and partitions. */
export interface TopicDescription {
  readonly name: string;
  /** Unique id, 32 hexadecimal digits: a topic deleted and created again has another. */
  readonly topicId: string;
  /** All configs, in order of their names. */
  readonly configs: readonly TopicConfigEntry[];
  /** Partitions, in order of their numbers. */
  readonly partitions: readonly PartitionDescription[];
}

/** The value of one config of a topic. */
export interface TopicConfigEntry {
  readonly name: string;
  readonly value: string;
  /** Set on the topic, as opposed to the default. */
  readonly isSet: boolean;
}

/** A partition and its state. */
export interface PartitionDescription {
  readonly partition: number;
  /** Broker id of the leader. */
  readonly leader: number;
  /** Endpoint of the leader as clients should dial it. */
  readonly endpoint: string;
  readonly leaderEpoch: number;
  /** First readable offset. */
  readonly logStartOffset: number;
  /** End of the readable offsets, exclusive. */
  readonly highWatermark: number;
  /** Next offset to assign. */
  readonly logEndOffset: number;
  /** Bytes of its segments, indexes not counted. */
  readonly bytes: number;
  /** Why the partition is offline (the name of a Reason); undefined while it serves. */
  readonly offlineReason: string | undefined;
}

/** Changes to the configs of a topic; all are made or none. */
export interface TopicConfigChange {
  /** Configs to set, by name. */
  readonly set?: Readonly<Record<string, string>>;
  /** Names of configs to set back to their defaults. */
  readonly reset?: readonly string[];
}

/** Where to cut the oldest records of a partition. */
export interface TrimOptions extends TopicPartition {
  /** New log start offset, at most the high watermark. Default: the high watermark, which empties the partition. */
  readonly beforeOffset?: number;
}

/** Which offset to look up. */
export interface OffsetQuery extends TopicPartition {
  /** "start": log start offset. "end": high watermark. A time: the first record at or after it. */
  readonly at: "start" | "end" | { readonly timestampMs: number };
}

/** The offset found, or why the partition could not be asked. */
export interface OffsetAnswer extends TopicPartition {
  /** Undefined if no record is as late as the timestamp asked for, or if `error` is set. */
  readonly offset: number | undefined;
  /** Timestamp of the record found, for queries by time. */
  readonly timestampMs: number | undefined;
  readonly error: MillraceError | undefined;
}

/** The cluster. */
export interface ClusterDescription {
  /** Unique id, 32 hexadecimal digits. */
  readonly clusterId: string;
  /** The brokers, in order of their ids. */
  readonly brokers: readonly BrokerDescription[];
  /** Broker id of the one that administers topics. */
  readonly controller: number;
  /** Version of the broker that answered. */
  readonly version: string;
}

/** A broker of the cluster. */
export interface BrokerDescription {
  readonly brokerId: number;
  /** Endpoint as clients should dial it. */
  readonly endpoint: string;
}

/** What a broker says of itself, as in grpc.health.v1. */
export type HealthStatus = "unknown" | "serving" | "not-serving" | "service-unknown";

/** Administration of topics and consumer groups, and a look at the cluster. */
export interface Admin extends GroupAdmin {
  /** Creates a topic. Throws TOPIC_ALREADY_EXISTS, INVALID_REQUEST, INVALID_CONFIG. */
  createTopic(options: CreateTopicOptions): Promise<TopicDescription>;
  /** All topics, in order of their names. */
  listTopics(options?: ListTopicsOptions): Promise<TopicSummary[]>;
  /** Throws TOPIC_NOT_FOUND, with the nearest names. */
  describeTopic(name: string): Promise<TopicDescription>;
  /** In the order of the names. Throws TOPIC_NOT_FOUND if one does not exist. */
  describeTopics(names: readonly string[]): Promise<TopicDescription[]>;
  /** Changes configs and returns all of them. Throws INVALID_CONFIG with the allowed range. */
  alterTopicConfig(name: string, change: TopicConfigChange): Promise<TopicConfigEntry[]>;
  /** Raises the number of partitions to a new total. Keys may map to other partitions afterwards. */
  addPartitions(name: string, partitionCount: number): Promise<TopicDescription>;
  /** Deletes a topic and all its records. */
  deleteTopic(name: string): Promise<void>;
  /** Drops the oldest records of a partition and returns its new log start offset, which is durable. */
  trimPartition(options: TrimOptions): Promise<number>;
  /** Looks up offsets, each at the leader of its partition; in the order of the queries. */
  listOffsets(queries: readonly OffsetQuery[]): Promise<OffsetAnswer[]>;
  describeCluster(): Promise<ClusterDescription>;
  /** Health of the first broker that answers; `service` is a full gRPC service name, default "" (the whole server). */
  health(service?: string): Promise<HealthStatus>;
}
