import type { StoredGroup, StoredMember } from "./group-changes.ts";
import { type GroupOptions, GroupState } from "./group-state.ts";
import { Member } from "./member.ts";

/** See `Group.restore`. */
export function restoreGroup(options: GroupOptions, stored: StoredGroup, nowMs: number): GroupState {
  const group = new GroupState(options);
  group.epoch = stored.groupEpoch;
  group.assignor = stored.assignor;
  const members = [...stored.members].sort((one, other) => one.joinEpoch - other.joinEpoch);
  for (const member of members) restoreMember(group, member, nowMs);
  if (!isAllShared(group)) group.isStale = true;
  return group;
}

function restoreMember(group: GroupState, stored: StoredMember, nowMs: number): void {
  const subscription = group.subscriptions.of(stored.subscription);
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
