/** Turns the answers of administrative calls into what the SDK gives out. */
import type { millrace } from "../../gen/millrace.js";
import type {
  BrokerDescription,
  ClusterDescription,
  PartitionDescription,
  TopicConfigEntry,
  TopicDescription,
  TopicSummary,
} from "../api/admin.ts";

/** A topic as described. */
export function describedTopic(topic: millrace.v1.Topic.$Properties): TopicDescription {
  return {
    name: topic.name ?? "",
    topicId: topic.topicId ?? "",
    configs: describedConfigs(topic.configs),
    partitions: (topic.partitions ?? []).map(describedPartition),
  };
}

/** The configs of a topic, in the order they came. */
export function describedConfigs(
  configs: readonly millrace.v1.TopicConfig.$Properties[] | null | undefined,
): TopicConfigEntry[] {
  return (configs ?? []).map((config) => ({
    name: config.name ?? "",
    value: config.value ?? "",
    isSet: config.isSet ?? false,
  }));
}

/** A topic of a list. */
export function summarizedTopic(topic: millrace.v1.TopicSummary.$Properties): TopicSummary {
  return {
    name: topic.name ?? "",
    topicId: topic.topicId ?? "",
    partitionCount: topic.partitionCount ?? 0,
    bytes: topic.bytes ?? 0,
  };
}

/** The cluster as described. */
export function describedCluster(cluster: millrace.v1.DescribeClusterResponse): ClusterDescription {
  return {
    clusterId: cluster.clusterId,
    brokers: cluster.brokers.map(describedBroker),
    controller: cluster.controller,
    version: cluster.version,
  };
}

function describedBroker(broker: millrace.v1.Broker.$Properties): BrokerDescription {
  return { brokerId: broker.brokerId ?? 0, endpoint: broker.endpoint ?? "" };
}

function describedPartition(partition: millrace.v1.Partition.$Properties): PartitionDescription {
  return {
    partition: partition.partition ?? 0,
    leader: partition.leader ?? 0,
    endpoint: partition.endpoint ?? "",
    leaderEpoch: partition.leaderEpoch ?? 0,
    logStartOffset: partition.logStartOffset ?? 0,
    highWatermark: partition.highWatermark ?? 0,
    logEndOffset: partition.logEndOffset ?? 0,
    bytes: partition.bytes ?? 0,
    offlineReason: partition.offlineReason || undefined,
  };
}
