/** How somebody becomes a member of a group: as a new one, in the place of another, or back after the stream broke. */
import type { GroupState } from "./group-state.ts";
import { Member } from "./member.ts";
import { groupFull, instanceChanged, memberFenced, staleMember, unknownMember } from "./member-errors.ts";
import type { MemberSubscription } from "./member-subscription.ts";
import type { JoinCommand } from "../types.ts";

/** Takes a member in; returns it, still without a session. Throws as `Group.join`, having changed nothing. */
export function admit(group: GroupState, command: JoinCommand): Member {
  const subscription = group.subscriptions.of(command.subscription);
  const isNew = command.memberEpoch === 0;
  return isNew ? admitNew(group, command, subscription) : admitBack(group, command, subscription);
}

/**
 * A new member. One with the same id or instance id was here before it: its place, which is what it was to have, goes
 * to the new one; what it had is free, and comes to the new one in an epoch of its own, so that late commits fail.
 */
function admitNew(group: GroupState, command: JoinCommand, subscription: MemberSubscription): Member {
  const { memberId, instanceId, assignor } = command;
  const namesake = group.members.byId(memberId);
  const before = instanceId === undefined ? namesake : group.members.byInstanceId(instanceId);
  const gone = new Set([namesake, before].filter((member) => member !== undefined));
  if (group.members.size - gone.size >= group.membersMax) throw groupFull(group.name, group.membersMax);
  const replacedId = before?.id === memberId ? undefined : before?.id;
  const member = new Member(command, { subscription, replacedId });
  if (before !== undefined) {
    for (const partition of before.target) member.aimAt(partition);
  }
  for (const other of gone) {
    group.end(
      other,
      memberFenced(group.name, other.id, `a new member ${memberId} with its id or instance id`),
    );
    group.remove(other);
  }
  group.members.add(member);
  group.subscriptions.keep(subscription);
  group.unstored.add(member);
  group.otherTerms.add(member);
  group.isStale = true;
  if (assignor !== undefined) group.assignor = assignor;
  return member;
}

/** A member that is back keeps what it names and the group knows as its own, and hears anew of everything else. */
function admitBack(group: GroupState, command: JoinCommand, subscription: MemberSubscription): Member {
  const member = group.members.byId(command.memberId);
  if (member === undefined) throw notHere(group, command.memberId);
  if (command.memberEpoch > member.epoch || command.memberEpoch < member.joinEpoch) {
    throw staleMember(group.name, member.id, member.epoch, command.memberEpoch);
  }
  if (command.instanceId !== member.instanceId) throw instanceChanged(group.name, member.id);
  group.end(member, memberFenced(group.name, member.id, "a newer stream of the same member"));
  takeStock(group, member, command);
  const { clientId, sessionTimeoutMs, rebalanceTimeoutMs } = command;
  const isOther =
    clientId !== member.clientId ||
    sessionTimeoutMs !== member.sessionTimeoutMs ||
    rebalanceTimeoutMs !== member.rebalanceTimeoutMs;
  if (isOther) group.otherTerms.add(member);
  member.clientId = clientId;
  member.sessionTimeoutMs = sessionTimeoutMs;
  member.rebalanceTimeoutMs = rebalanceTimeoutMs;
  resubscribe(group, member, subscription);
  return member;
}

/** Gives a member another subscription, if it is another. */
export function resubscribe(group: GroupState, member: Member, subscription: MemberSubscription): void {
  if (subscription === member.subscription) return;
  group.subscriptions.release(member.subscription);
  member.subscription = subscription;
  group.subscriptions.keep(subscription);
  group.otherTerms.add(member);
  group.isStale = true;
}

/**
 * What the member has now. It may have missed anything since the epoch it names: a partition of its own that came later
 * is not the one it speaks of, but one of an earlier topic of that name.
 */
function takeStock(group: GroupState, member: Member, { owned, memberEpoch }: JoinCommand): void {
  const kept = new Set<unknown>();
  for (const { topic, partition } of owned) {
    const known = group.topics.partition(topic, partition);
    if (known?.owner === member && known.ownedSince <= memberEpoch) kept.add(known);
    else member.departed.set(topic, partition, { deadlineMs: undefined, isTold: false });
  }
  for (const partition of member.assigned) {
    if (!kept.has(partition)) group.free(partition);
  }
  for (const [partition, revocation] of member.revoking) {
    if (partition.target === member) {
      member.revoking.delete(partition);
      group.unstored.add(member);
    } else {
      revocation.isTold = false;
    }
  }
}

/** The error for a member that is not in the group, by whether another has its place. */
export function notHere(group: GroupState, memberId: string) {
  const successor = group.members.byReplacedId(memberId);
  return successor === undefined
    ? unknownMember(group.name, memberId)
    : memberFenced(group.name, memberId, `member ${successor.id} with its instance id`);
}
