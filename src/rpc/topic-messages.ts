/** Topics of the broker as messages of the API. */
import type { PartitionDescription, TopicConfigEntry, TopicDescription } from "../broker/index.ts";
import type { millrace } from "../gen/millrace.js";

export function topicMessage(topic: TopicDescription): millrace.v1.Topic.$Properties {
  return {
    name: topic.name,
    topicId: topic.topicId,
    configs: configMessages(topic.configs),
    partitions: topic.partitions.map(partitionMessage),
  };
}

/** Configs as the API tells them. */
export function configMessages(configs: readonly TopicConfigEntry[]): millrace.v1.TopicConfig.$Properties[] {
  return configs.map(({ name, value, isSet }) => ({ name, value, isSet }));
}

function partitionMessage(partition: PartitionDescription): millrace.v1.Partition.$Properties {
  return {
    partition: partition.partition,
    leader: partition.leader,
    endpoint: partition.endpoint,
    leaderEpoch: partition.leaderEpoch,
    logStartOffset: partition.logStartOffset,
    highWatermark: partition.highWatermark,
    logEndOffset: partition.logEndOffset,
    bytes: partition.bytes,
    offlineReason: partition.offlineReason ?? "",
  };
}
