/**
 * Topics that the broker keeps for itself: their names begin with "__". Clients may read them, and nothing else.
 */
import { BATCH_BYTES_MAX } from "../base/index.ts";
import { MillraceError } from "../errors/index.ts";
import type { CreateTopicCommand } from "./types.ts";

/** Name of the topic with the state and the committed offsets of groups: Kafka's. */
export const GROUPS_TOPIC = "__consumer_offsets";

/** Segments stay small, so that compaction and a start have little to read. */
const SEGMENT_BYTES = 4 * 1_048_576;

/** The topic of groups. Its partition count may never change: a group's partition depends on it. */
export const GROUPS_TOPIC_COMMAND: CreateTopicCommand = {
  name: GROUPS_TOPIC,
  partitionCount: 8,
  configs: {
    "cleanup.policy": "compact",
    "flush.mode": "durable",
    "max.message.bytes": String(BATCH_BYTES_MAX),
    "retention.bytes": "-1",
    "retention.ms": "-1",
    "segment.bytes": String(SEGMENT_BYTES),
  },
};

const UNDERSCORE = 0x5f;

/** Whether the broker keeps a topic of this name for itself. */
export function isInternalTopic(name: string): boolean {
  return name.charCodeAt(0) === UNDERSCORE && name.charCodeAt(1) === UNDERSCORE;
}

/** Refuses what only the broker may do to its own topics, with INVALID_REQUEST. */
export function refuseInternal(name: string): void {
  if (!isInternalTopic(name)) return;
  const allowed = `names that do not begin with "__"`;
  throw new MillraceError(
    "INVALID_REQUEST",
    `topic ${name.slice(0, 60)} is internal: it can be read, but only the broker creates, writes, changes, trims and deletes topics whose names begin with "__"; choose another name`,
    { details: { field: "topic", value: name.slice(0, 60), allowed } },
  );
}
