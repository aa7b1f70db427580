import type { MemberChange } from "./group-changes.ts";
import type { SharedPartition, Member, Revocation } from "./member.ts";
import type { TopicPartition } from "../types.ts";

/** What came of a step. */
export interface Step {
  /** It has another epoch or more partitions, and is to be stored. What it is to give up follows from its target. */
  readonly hasMoved: boolean;
  /** What it is to hear; undefined if there is nothing to say, or nobody to hear it. */
  readonly change: MemberChange | undefined;
}

/**
 * Lets a member go as far towards its target as it can: first it has to give up what is not in it; when that is
 * released, it moves to the group's epoch; then it gets whatever of its target nobody has. A member that is gone only
 * has marked what it is to give up: it keeps everything until it is back or its session is over.
 */
export function reconcile(member: Member, groupEpoch: number, nowMs: number): Step {
  markRevoked(member);
  if (member.session === undefined) return { hasMoved: false, change: undefined };
  const epochBefore = member.epoch;
  const assigned = member.revoking.size === 0 ? advance(member, groupEpoch) : [];
  const revoked = tellRevoked(member, nowMs);
  const hasMoved = member.epoch !== epochBefore || assigned.length > 0;
  const isHeard = member.isNew || hasMoved || revoked.length > 0;
  member.isNew = false;
  return { hasMoved, change: isHeard ? member.change(assigned, revoked) : undefined };
}

function markRevoked(member: Member): void {
  for (const partition of member.assigned) {
    if (partition.target === member || member.revoking.has(partition)) continue;
    member.revoking.set(partition, { deadlineMs: undefined, isTold: false });
  }
}

/** Moves the member to the group's epoch and grants what is free. */
function advance(member: Member, groupEpoch: number): SharedPartition[] {
  member.epoch = groupEpoch;
  if (member.joinEpoch === 0) member.joinEpoch = groupEpoch;
  const granted = [...member.target].filter(
    ({ owner, topic, partition }) => owner === undefined && !member.departed.has(topic, partition),
  );
  for (const partition of granted) member.own(partition, groupEpoch);
  return granted;
}

/** What the member has not heard on this stream that it must release; its time for that begins when it first hears. */
function tellRevoked(member: Member, nowMs: number): TopicPartition[] {
  const told: TopicPartition[] = [];
  const tell = (partition: TopicPartition, revocation: Revocation) => {
    if (revocation.isTold) return;
    revocation.isTold = true;
    revocation.deadlineMs ??= nowMs + member.rebalanceTimeoutMs;
    told.push(partition);
  };
  for (const [partition, revocation] of member.revoking) tell(partition, revocation);
  for (const [topic, partition, revocation] of member.departed.entries()) {
    tell({ topic, partition }, revocation);
  }
  return told;
}
