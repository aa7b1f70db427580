import { MillraceError } from "../../errors/index.ts";
import type { StoredGroup, StoredMember } from "./group-changes.ts";
import { type GroupOptions, GroupState } from "./group-state.ts";
import { Member } from "./member.ts";
import type { MemberSubscription } from "./member-subscription.ts";

/** See `Group.restore`. */
export function restoreGroup(options: GroupOptions, stored: StoredGroup, nowMs: number): GroupState {
  const group = new GroupState(options);
  group.epoch = stored.groupEpoch;
  group.assignor = stored.assignor;
  const members = [...stored.members].sort((one, other) => one.joinEpoch - other.joinEpoch);
  for (const member of members) restoreMember(group, member, nowMs);
  if (stored.isUnfinished === true || !isAllShared(group)) group.isStale = true;
  return group;
}

function restoreMember(group: GroupState, stored: StoredMember, nowMs: number): void {
  const subscription = subscriptionOf(group, stored);
  if (subscription === undefined) {
    group.removedIds.add(stored.memberId);
    group.isStale = true;
    return;
  }
  const member = new Member(stored, { subscription, replacedId: stored.replacedMemberId });
  member.joinEpoch = stored.joinEpoch;
  member.epoch = stored.memberEpoch;
  member.sessionDeadlineMs = nowMs + stored.sessionTimeoutMs;
  group.members.add(member);
  group.subscriptions.keep(subscription);
  for (const { topic, topicId, partition, epoch, revoking } of stored.assigned) {
    group.topics.obtain(topic);
    const known = group.topics.partition(topic, partition);
    if (known?.topicId !== topicId) {
      group.unstored.add(member);
      continue;
    }
    member.own(known, epoch);
    if (revoking) member.revoking.set(known, { deadlineMs: undefined, isTold: false });
  }
  for (const { topic, topicId, partition } of stored.target) {
    group.topics.obtain(topic);
    const known = group.topics.partition(topic, partition);
    if (known?.topicId === topicId) {
      member.aimAt(known);
    } else {
      group.unstored.add(member);
      group.isStale = true;
    }
  }
}

/**
 * Undefined for what is refused now and was not by the broker that took it. That member is out, and hears why when it
 * joins anew; the others go on.
 */
function subscriptionOf(group: GroupState, { subscription }: StoredMember): MemberSubscription | undefined {
  try {
    return group.subscriptions.restored(subscription);
  } catch (error) {
    if (error instanceof MillraceError && error.reason === "INVALID_REQUEST") return undefined;
    throw error;
  }
}

/** Whether every partition that somebody subscribes to has a target: none came since the group was stored. */
function isAllShared(group: GroupState): boolean {
  for (const { subscription } of group.members.all()) {
    for (const name of subscription.namesIn(group.catalogue)) {
      const topic = group.topics.obtain(name);
      if (topic?.partitions.some(({ target }) => target === undefined)) return false;
    }
  }
  return true;
}
