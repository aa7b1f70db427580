/** Consumer groups as messages of the API. */
import type {
  AssignmentChange,
  CommitResult,
  CommittedOffset,
  ConsumeAssigned,
  GroupDescription,
  GroupPartition,
  GroupStateName,
  GroupSummary,
  MemberDescription,
  PartitionCommit,
  PartitionProgress as Progress,
  TopicPartition,
} from "../broker/index.ts";
import { MillraceError } from "../errors/index.ts";
import { millrace } from "../gen/millrace.js";
import { errorToMessage } from "../wire/index.ts";

const { GroupState, PartitionProgress } = millrace.v1;

/** Most bytes of one answer that tells partitions; there is another for the rest. */
const PORTION_BYTES_MAX = 1_048_576;
/** What a partition has beside its topic's name and its metadata. */
const PLACE_BYTES = 64;
/** Refused offsets of one commit that are explained in full; of the others only the reason is told. */
const EXPLAINED_MAX = 100;

const STATES: Readonly<Record<GroupStateName, millrace.v1.GroupState>> = {
  empty: GroupState.GROUP_STATE_EMPTY,
  reconciling: GroupState.GROUP_STATE_RECONCILING,
  stable: GroupState.GROUP_STATE_STABLE,
};

const PROGRESS: Readonly<Record<Progress, millrace.v1.PartitionProgress>> = {
  "at-end": PartitionProgress.PARTITION_PROGRESS_AT_END,
  reading: PartitionProgress.PARTITION_PROGRESS_READING,
  paused: PartitionProgress.PARTITION_PROGRESS_PAUSED,
  "no-member": PartitionProgress.PARTITION_PROGRESS_NO_MEMBER,
  "not-subscribed": PartitionProgress.PARTITION_PROGRESS_NOT_SUBSCRIBED,
  unassigned: PartitionProgress.PARTITION_PROGRESS_UNASSIGNED,
  "member-gone": PartitionProgress.PARTITION_PROGRESS_MEMBER_GONE,
  offline: PartitionProgress.PARTITION_PROGRESS_OFFLINE,
  "out-of-range": PartitionProgress.PARTITION_PROGRESS_OUT_OF_RANGE,
};

/** What changes for a member: one answer, or several that each fit a message. */
export function changeMessages(change: AssignmentChange): millrace.v1.JoinGroupResponse.$Properties[] {
  const { memberId, memberEpoch, assigned, revoked } = change;
  const came = portions(assigned).map((some) => ({
    memberId,
    memberEpoch,
    assigned: some.map(commitMessage),
  }));
  const go = portions(revoked).map((some) => ({ memberId, memberEpoch, revoked: some.map(placeMessage) }));
  if (came.length <= 1 && go.length <= 1) return [{ memberId, memberEpoch, ...came[0], ...go[0] }];
  return [...go, ...came];
}

/** Partitions that came to a consumer: one event, or several that each fit a message. */
export function assignedMessages(assigned: ConsumeAssigned): millrace.v1.ConsumeResponse.$Properties[] {
  const { memberId, memberEpoch, partitions } = assigned;
  const some = partitions.length === 0 ? [[]] : portions(partitions);
  return some.map((portion) => ({
    assigned: {
      memberId,
      memberEpoch,
      partitions: portion.map(({ topic, partition, offset, committed }) => ({
        topic,
        partition,
        ...(offset === undefined ? {} : { offset }),
        ...committedField(committed),
      })),
    },
  }));
}

/** Partitions that a consumer has to give up. */
export function revokedMessages(
  memberEpoch: number,
  partitions: readonly TopicPartition[],
): millrace.v1.ConsumeResponse.$Properties[] {
  return portions(partitions).map((some) => ({
    revoked: { memberEpoch, partitions: some.map(placeMessage) },
  }));
}

/** What became of each offset of a commit. */
export function resultMessages(
  results: readonly (TopicPartition & { readonly result: CommitResult })[],
): millrace.v1.OffsetCommitResult.$Properties[] {
  let refused = 0;
  return results.map(({ topic, partition, result }) => {
    if (typeof result === "number") return { topic, partition, offset: result };
    const { reason } = result;
    const told = ++refused <= EXPLAINED_MAX ? result : new MillraceError(reason, "as the first ones");
    return { topic, partition, error: errorToMessage(told) };
  });
}

/** The committed offset of a partition. */
export function commitMessage({ topic, partition, committed }: PartitionCommit) {
  return { topic, partition, ...committedField(committed) };
}

/** A group in short. */
export function summaryMessage(summary: GroupSummary): millrace.v1.GroupSummary.$Properties {
  const { group, state, memberCount, groupEpoch, assignor } = summary;
  return { group, state: STATES[state], memberCount, groupEpoch, assignor };
}

/** A group with its members and partitions; of one topic only, if it is given. */
export function descriptionMessage(
  description: GroupDescription,
  topic: string | undefined,
): millrace.v1.DescribeGroupResponse.$Properties {
  const isWanted = (place: TopicPartition) => topic === undefined || place.topic === topic;
  const list = (listed: readonly TopicPartition[]) => listed.filter(isWanted).map(placeMessage);
  const member = (described: MemberDescription) => ({
    memberId: described.memberId,
    instanceId: described.instanceId ?? "",
    clientId: described.clientId,
    memberEpoch: described.memberEpoch,
    connected: described.connected,
    subscription: {
      topics: described.subscription.topics.filter((name) => topic === undefined || name === topic),
      topicPattern: described.subscription.topicPattern ?? "",
    },
    assigned: list(described.assigned),
    target: list(described.target),
    revoking: list(described.revoking),
  });
  return {
    summary: summaryMessage(description),
    members: description.members.map(member),
    partitions: description.partitions.filter(isWanted).map(partitionMessage),
  };
}

/** Bytes that such a message has at least: those of its names, which are all that can be long. */
export function leastDescriptionBytes(
  { members, partitions }: GroupDescription,
  topic: string | undefined,
): number {
  const ofNames = (names: readonly string[]) =>
    names.reduce((sum, name) => sum + (topic === undefined || name === topic ? name.length : 0), 0);
  const ofPlaces = (places: readonly TopicPartition[]) => ofNames(places.map((place) => place.topic));
  let bytes = ofPlaces(partitions);
  for (const { subscription, assigned, target, revoking } of members) {
    bytes += ofNames(subscription.topics) + ofPlaces(assigned) + ofPlaces(target) + ofPlaces(revoking);
  }
  return bytes;
}

function partitionMessage(partition: GroupPartition): millrace.v1.GroupPartition.$Properties {
  return {
    ...commitMessage(partition),
    logStartOffset: partition.logStartOffset,
    highWatermark: partition.highWatermark,
    lag: partition.lag,
    memberId: partition.memberId ?? "",
    progress: PROGRESS[partition.progress],
  };
}

function placeMessage({ topic, partition }: TopicPartition): millrace.v1.TopicPartition.$Properties {
  return { topic, partition };
}

function committedField(committed: CommittedOffset | undefined) {
  if (committed === undefined) return {};
  const { offset, metadata, committedAtMs, expired } = committed;
  return { committed: { offset, metadata, committedAtMs, expired } };
}

/** The partitions in groups that each fit a message. */
function portions<Place extends TopicPartition & { readonly committed?: CommittedOffset | undefined }>(
  places: readonly Place[],
): Place[][] {
  const groups: Place[][] = [];
  let room = 0;
  for (const place of places) {
    const bytes = PLACE_BYTES + place.topic.length + Buffer.byteLength(place.committed?.metadata ?? "");
    if (bytes > room) {
      groups.push([]);
      room = PORTION_BYTES_MAX;
    }
    groups[groups.length - 1]!.push(place);
    room -= bytes;
  }
  return groups;
}
