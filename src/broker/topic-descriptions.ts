import { MillraceError } from "../errors/index.ts";
import { PartitionLog } from "../log/index.ts";
import { describeConfigs, type TopicConfigValues } from "./topic-config.ts";
import type { Topic } from "./topics.ts";
import type {
  CreateTopicCommand,
  PartitionDescription,
  TopicConfigEntry,
  TopicDescription,
  TopicSummary,
} from "./types.ts";

/** Who leads the partitions of a topic. */
export type Leadership = Pick<PartitionDescription, "leader" | "endpoint" | "leaderEpoch">;

/** A topic in short. */
export function summaryOf({ metadata, logs }: Topic): TopicSummary {
  return {
    name: metadata.name,
    topicId: metadata.topicId,
    partitionCount: metadata.partitionCount,
    bytes: logs.logs.reduce((bytes, log) => bytes + (log instanceof PartitionLog ? log.sizeBytes : 0), 0),
  };
}

/** A topic with its configs, of which `values` hold, and partitions. */
export function descriptionOf(
  topic: Topic,
  values: TopicConfigValues,
  leadership: Leadership,
): TopicDescription {
  const { metadata, logs } = topic;
  const partitions = logs.logs
    .slice(0, metadata.partitionCount)
    .map((log, partition) => ({ partition, ...leadership, ...stateOf(log) }));
  return { name: metadata.name, topicId: metadata.topicId, configs: configsOf(topic, values), partitions };
}

/** What a topic would be like that is only to be validated: it has no id and no partitions yet. */
export function plannedTopic({ name, configs = {} }: CreateTopicCommand): TopicDescription {
  return { name, topicId: "", configs: describeConfigs(configs), partitions: [] };
}

/** The configs of a topic, of which `values` hold. */
export function configsOf(topic: Topic, values: TopicConfigValues): TopicConfigEntry[] {
  return describeConfigs(values).map((config) => ({
    ...config,
    isSet: topic.metadata.configs[config.name] !== undefined,
  }));
}

function stateOf(log: PartitionLog | MillraceError) {
  if (log instanceof MillraceError) {
    return { logStartOffset: 0, highWatermark: 0, logEndOffset: 0, bytes: 0, offlineReason: log.reason };
  }
  const { logStartOffset, highWatermark, logEndOffset, sizeBytes, failure } = log;
  return { logStartOffset, highWatermark, logEndOffset, bytes: sizeBytes, offlineReason: failure?.reason };
}
