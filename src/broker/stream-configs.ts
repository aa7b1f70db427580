/** What the stream index asks of a topic's configs, beside the values of each. */
import { MillraceError } from "../errors/index.ts";
import type { TopicConfigValues } from "./topic-config.ts";

/** The topic's records are events of streams. */
export function hasStreams(values: TopicConfigValues): boolean {
  return values["stream.index"] === "true";
}

/** Throws INVALID_CONFIG where compaction would take events out of streams. All values in force. */
export function checkStreamConfigs(values: TopicConfigValues): void {
  const policy = values["cleanup.policy"] ?? "delete";
  if (!hasStreams(values) || !policy.includes("compact")) return;
  const text = `stream.index=true and cleanup.policy=${policy} are not possible together: compaction keeps the last event of each stream only; allowed with streams is cleanup.policy=delete`;
  throw new MillraceError("INVALID_CONFIG", text, {
    details: { config: "cleanup.policy", value: policy, allowed: "delete" },
  });
}

/** Throws INVALID_CONFIG naming the topic, whose own configs and the broker's defaults for topics are not possible together. */
export function checkServedStreams(topic: string, values: TopicConfigValues): void {
  try {
    checkStreamConfigs(values);
  } catch (error) {
    const { reason, message, details } = MillraceError.from(error);
    const text = `topic ${topic}, with the broker's defaults for topics: ${message}; start without that default, set cleanup.policy=delete (or stream.index=false) on the topic, then start with it`;
    throw new MillraceError(reason, text, { details: { ...details, topic }, cause: error });
  }
}

/** Throws INVALID_REQUEST: with more partitions a stream would go on in another one, from revision 0. */
export function refuseMorePartitions(topic: string, values: TopicConfigValues): void {
  if (!hasStreams(values)) return;
  const text = `topic ${topic} has streams (stream.index=true), which would move to other partitions; create another topic with more partitions and copy them`;
  throw new MillraceError("INVALID_REQUEST", text, { details: { field: "partition_count", topic } });
}
