/** Turns the answers of GroupService into what the SDK gives out. */
import { millrace } from "../../gen/millrace.js";
import { messageToError } from "../../wire/index.ts";
import type { TopicPartition } from "../api/places.ts";
import type {
  CommitOutcome,
  CommittedOffset,
  GroupDescription,
  GroupMemberDescription,
  GroupPartition,
  GroupState,
  GroupSubscription,
  GroupSummary,
  PartitionCommit,
  PartitionProgress,
  SoughtPartition,
} from "../api/group-admin.ts";

const v1 = millrace.v1;

const STATES: Readonly<Record<number, GroupState>> = {
  [v1.GroupState.GROUP_STATE_EMPTY]: "empty",
  [v1.GroupState.GROUP_STATE_RECONCILING]: "reconciling",
  [v1.GroupState.GROUP_STATE_STABLE]: "stable",
};

const PROGRESS: Readonly<Record<number, PartitionProgress>> = {
  [v1.PartitionProgress.PARTITION_PROGRESS_AT_END]: "at-end",
  [v1.PartitionProgress.PARTITION_PROGRESS_READING]: "reading",
  [v1.PartitionProgress.PARTITION_PROGRESS_PAUSED]: "paused",
  [v1.PartitionProgress.PARTITION_PROGRESS_NO_MEMBER]: "no-member",
  [v1.PartitionProgress.PARTITION_PROGRESS_NOT_SUBSCRIBED]: "not-subscribed",
  [v1.PartitionProgress.PARTITION_PROGRESS_UNASSIGNED]: "unassigned",
  [v1.PartitionProgress.PARTITION_PROGRESS_MEMBER_GONE]: "member-gone",
  [v1.PartitionProgress.PARTITION_PROGRESS_OFFLINE]: "offline",
  [v1.PartitionProgress.PARTITION_PROGRESS_OUT_OF_RANGE]: "out-of-range",
};

/** A group of a list. */
export function summarizedGroup(summary: millrace.v1.GroupSummary.$Properties): GroupSummary {
  return {
    group: summary.group ?? "",
    state: STATES[summary.state ?? 0] ?? "unknown",
    memberCount: summary.memberCount ?? 0,
    groupEpoch: summary.groupEpoch ?? 0,
    assignor: summary.assignor ?? "",
  };
}

/** A group as described. */
export function describedGroup(answer: millrace.v1.DescribeGroupResponse): GroupDescription {
  return {
    ...summarizedGroup(answer.summary ?? {}),
    members: answer.members.map(describedMember),
    partitions: answer.partitions.map(describedPartition),
  };
}

function describedMember(member: millrace.v1.GroupMember.$Properties): GroupMemberDescription {
  return {
    memberId: member.memberId ?? "",
    instanceId: member.instanceId || undefined,
    clientId: member.clientId ?? "",
    memberEpoch: member.memberEpoch ?? 0,
    isConnected: member.connected ?? false,
    subscription: subscriptionOf(member.subscription ?? {}),
    assigned: partitionsOf(member.assigned),
    target: partitionsOf(member.target),
    revoking: partitionsOf(member.revoking),
  };
}

function subscriptionOf(subscription: millrace.v1.GroupSubscription.$Properties): GroupSubscription {
  return { topics: subscription.topics ?? [], topicPattern: subscription.topicPattern || undefined };
}

function partitionsOf(
  partitions: readonly millrace.v1.TopicPartition.$Properties[] | null | undefined,
): TopicPartition[] {
  return (partitions ?? []).map(({ topic, partition }) => ({
    topic: topic ?? "",
    partition: partition ?? 0,
  }));
}

function describedPartition(partition: millrace.v1.GroupPartition.$Properties): GroupPartition {
  return {
    ...partitionCommit(partition),
    logStartOffset: partition.logStartOffset ?? 0,
    highWatermark: partition.highWatermark ?? 0,
    lag: partition.lag ?? 0,
    memberId: partition.memberId || undefined,
    progress: PROGRESS[partition.progress ?? 0] ?? "unknown",
  };
}

/** The committed offset of a partition. */
export function partitionCommit(
  commit: Pick<millrace.v1.PartitionCommit.$Properties, "topic" | "partition" | "committed">,
): PartitionCommit {
  return {
    topic: commit.topic ?? "",
    partition: commit.partition ?? 0,
    committed: commit.committed ? committedOffset(commit.committed) : undefined,
  };
}

/** A committed offset. */
export function committedOffset(committed: millrace.v1.CommittedOffset.$Properties): CommittedOffset {
  return {
    offset: committed.offset ?? 0,
    metadata: committed.metadata ?? "",
    committedAtMs: committed.committedAtMs ?? 0,
    isExpired: committed.expired ?? false,
  };
}

/** What became of a commit. */
export function commitOutcome(result: millrace.v1.OffsetCommitResult.$Properties): CommitOutcome {
  const error = result.error ? messageToError(result.error) : undefined;
  return {
    topic: result.topic ?? "",
    partition: result.partition ?? 0,
    offset: error === undefined ? (result.offset ?? 0) : undefined,
    error,
  };
}

/** Where a partition was moved. */
export function soughtPartition(sought: millrace.v1.SoughtPartition.$Properties): SoughtPartition {
  return {
    topic: sought.topic ?? "",
    partition: sought.partition ?? 0,
    before: sought.before ?? undefined,
    after: sought.after ?? 0,
    isClamped: sought.clamped ?? false,
  };
}
