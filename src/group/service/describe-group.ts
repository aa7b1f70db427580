import { MillraceError } from "../../errors/index.ts";
import type { CommittedOffsets } from "../offsets/committed-offsets.ts";
import type { Group } from "../machine/group.ts";
import type { PartitionBounds, TopicCatalogue } from "../ports.ts";
import type { CommittedOffset, GroupPartition, PartitionProgress, TopicPartition } from "../types.ts";

/** What a description is made of. */
export interface DescribedGroup {
  readonly group: Group;
  readonly offsets: CommittedOffsets;
  readonly catalogue: TopicCatalogue;
}

/**
 * All partitions of the topics that a member subscribes to or that the group has committed offsets of, by topic and
 * partition: what nobody has begun to read is behind too.
 */
export function describePartitions({ group, offsets, catalogue }: DescribedGroup): GroupPartition[] {
  const subscribed = new Set(group.subscribedTopics());
  const found: GroupPartition[] = [];
  for (const name of [...new Set([...subscribed, ...offsets.topics()])].sort()) {
    const topic = catalogue.topic(name);
    if (topic === undefined) continue;
    const committedOf = (partition: number) => offsets.get(name, topic.topicId, partition);
    const partitions = Array.from({ length: topic.partitionCount }, (_, partition) => partition);
    if (!subscribed.has(name) && partitions.every((partition) => committedOf(partition) === undefined))
      continue;
    for (const partition of partitions) {
      const committed = committedOf(partition);
      const place = { topic: name, partition };
      const bounds = catalogue.bounds(name, partition);
      found.push({
        ...describePlace(place, committed, bounds),
        memberId: group.holderOf(place)?.memberId,
        progress: progressOf({ place, committed, bounds, group, isSubscribed: subscribed.has(name) }),
      });
    }
  }
  return found;
}

function describePlace(
  place: TopicPartition,
  committed: CommittedOffset | undefined,
  bounds: PartitionBounds | MillraceError,
) {
  if (bounds instanceof MillraceError) {
    return { ...place, committed, logStartOffset: 0, highWatermark: 0, lag: 0 };
  }
  const { logStartOffset, highWatermark } = bounds;
  return { ...place, committed, logStartOffset, highWatermark, lag: lagOf(committed, bounds) };
}

function lagOf(committed: CommittedOffset | undefined, bounds: PartitionBounds): number {
  return Math.max(0, bounds.highWatermark - (committed?.offset ?? bounds.logStartOffset));
}

interface Place {
  readonly place: TopicPartition;
  readonly committed: CommittedOffset | undefined;
  readonly bounds: PartitionBounds | MillraceError;
  readonly group: Group;
  readonly isSubscribed: boolean;
}

/** The first of the reasons that holds: what the log says, then what the group lacks, then what its member does. */
function progressOf({ place, committed, bounds, group, isSubscribed }: Place): PartitionProgress {
  if (bounds instanceof MillraceError) return "offline";
  if (committed !== undefined && isOutOfRange(committed, bounds)) return "out-of-range";
  if (lagOf(committed, bounds) === 0) return "at-end";
  if (group.memberCount === 0) return "no-member";
  const holder = group.holderOf(place);
  if (holder === undefined) return isSubscribed ? "unassigned" : "not-subscribed";
  if (!holder.connected) return "member-gone";
  if (holder.revoking) return "unassigned";
  return holder.paused ? "paused" : "reading";
}

function isOutOfRange({ offset, expired }: CommittedOffset, bounds: PartitionBounds): boolean {
  return expired || offset < bounds.logStartOffset || offset > bounds.highWatermark;
}
