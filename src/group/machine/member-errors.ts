/** Why somebody is not, or not any more, a member of a group. */
import { MillraceError } from "../../errors/index.ts";
import type { TopicPartition } from "../types.ts";

/** Nobody of that id is in the group, or not any more. */
export function unknownMember(group: string, memberId: string): MillraceError {
  return new MillraceError(
    "UNKNOWN_MEMBER",
    `group ${group} has no member ${memberId}: its session is over, and its partitions went to others; join with member epoch 0`,
    { details: { group, member_id: memberId } },
  );
}

/** The member was put out. */
export function notReleased(
  group: string,
  { id, rebalanceTimeoutMs }: { readonly id: string; readonly rebalanceTimeoutMs: number },
  { topic, partition }: TopicPartition,
): MillraceError {
  return new MillraceError(
    "UNKNOWN_MEMBER",
    `member ${id} was put out of group ${group}: it has not released ${topic}-${partition} within its rebalance timeout of ${rebalanceTimeoutMs} ms; join with member epoch 0, and release sooner or with a longer timeout`,
    { details: { group, member_id: id, topic, partition } },
  );
}

/** Another stream or another member stands where this one did. */
export function memberFenced(group: string, memberId: string, by: string): MillraceError {
  return new MillraceError(
    "MEMBER_FENCED",
    `member ${memberId} of group ${group} was fenced by ${by}; stop this one, or give each its own ids`,
    { details: { group, member_id: memberId } },
  );
}

/** The epoch of a member that is back is not one that this member had. */
export function staleMember(
  group: string,
  memberId: string,
  expected: number,
  actual: number,
): MillraceError {
  return new MillraceError(
    "STALE_MEMBER_EPOCH",
    `member ${memberId} of group ${group} has epoch ${expected}, not ${actual}; join with member epoch 0`,
    { details: { group, member_id: memberId, expected, actual } },
  );
}

/** A member that does not have a partition, or had it in another epoch, says something about it. */
export function staleCommit(
  group: string,
  partition: TopicPartition,
  { expected, actual }: { readonly expected: number; readonly actual: number },
): MillraceError {
  const name = `${partition.topic}-${partition.partition}`;
  const { topic } = partition;
  return new MillraceError(
    "STALE_MEMBER_EPOCH",
    `${name} is not the member's in epoch ${actual} in group ${group}, its epoch is ${expected}: the partition went to another member or came back later; go on with what is assigned`,
    { details: { group, topic, partition: partition.partition, expected, actual } },
  );
}

/** There is no room for one more. */
export function groupFull(group: string, membersMax: number): MillraceError {
  return new MillraceError(
    "GROUP_FULL",
    `group ${group} has ${membersMax} members, the most it may have; stop one, or share the work in fewer members`,
    { details: { group, max: membersMax } },
  );
}

/** A member that is back calls itself differently. */
export function instanceChanged(group: string, memberId: string): MillraceError {
  return new MillraceError(
    "INVALID_REQUEST",
    `member ${memberId} of group ${group} is back with another instance id than it had; join with member epoch 0`,
    { details: { field: "instance_id" } },
  );
}
