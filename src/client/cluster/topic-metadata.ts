/** What routing needs to know of a topic. */
import { BATCH_BYTES_DEFAULT } from "../../base/index.ts";
import { MillraceError } from "../../errors/index.ts";
import type { TopicDescription } from "../api/admin.ts";

/** A topic as the client knows it. */
export interface TopicMetadata {
  readonly name: string;
  /** Another for a topic of the same name that was deleted and created again. */
  readonly topicId: string;
  /** Endpoint of each partition's leader, by partition number; "" where there is none. */
  readonly leaders: readonly string[];
  /** The topic's `max.message.bytes`. */
  readonly batchBytesMax: number;
  /** The topic's `stream.index`. */
  readonly hasStreams: boolean;
}

/** The metadata in a description. */
export function metadataOf(topic: TopicDescription): TopicMetadata {
  const configOf = (name: string) => topic.configs.find((config) => config.name === name)?.value;
  const limit = configOf("max.message.bytes");
  return {
    name: topic.name,
    topicId: topic.topicId,
    leaders: topic.partitions.map((partition) => partition.endpoint),
    batchBytesMax: limit === undefined ? BATCH_BYTES_DEFAULT : Number(limit),
    hasStreams: configOf("stream.index") === "true",
  };
}

/** Endpoint of a partition's leader. Throws PARTITION_NOT_FOUND, or NOT_LEADER while there is no leader. */
export function leaderOf(topic: TopicMetadata, partition: number): string {
  const endpoint = topic.leaders[partition];
  if (endpoint === undefined) throw partitionNotFound(topic, partition);
  if (endpoint === "") {
    throw new MillraceError(
      "NOT_LEADER",
      `partition ${partition} of topic "${topic.name}" has no leader now`,
      {
        details: { topic: topic.name, partition },
      },
    );
  }
  return endpoint;
}

/** PARTITION_NOT_FOUND with what the topic has. */
export function partitionNotFound(topic: TopicMetadata, partition: number): MillraceError {
  const count = topic.leaders.length;
  const text = `topic "${topic.name}" has no partition ${partition}: it has ${count}, numbered from 0 to ${count - 1}`;
  return new MillraceError("PARTITION_NOT_FOUND", text, {
    details: { topic: topic.name, partition, partitions: count },
  });
}
