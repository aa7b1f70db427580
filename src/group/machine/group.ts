/**
 * The state of one consumer group: who is in it, who has which partition, and who is to have it. Events go in as
 * method calls, what is to be stored and told comes out of `takeChanges`.
 */
import type { MillraceError } from "../../errors/index.ts";
import { admit, notHere, resubscribe } from "./admission.ts";
import type { GroupChanges, StoredGroup, StoredGroupState } from "./group-changes.ts";
import { type GroupOptions, GroupState } from "./group-state.ts";
import type { Member } from "./member.ts";
import { notReleased, staleCommit } from "./member-errors.ts";
import { reconcile } from "./reconcile.ts";
import { restoreGroup } from "./restore-group.ts";
import { computeTarget } from "./target.ts";
import type {
  AssignorName,
  GroupStateName,
  GroupSubscription,
  JoinCommand,
  MemberDescription,
  TopicPartition,
} from "../types.ts";

/** Who has a partition. */
export interface PartitionHolder {
  readonly memberId: string;
  readonly connected: boolean;
  /** It says that it has paused the partition. */
  readonly paused: boolean;
  /** It is to give it up. */
  readonly revoking: boolean;
}

/**
 * One consumer group, after KIP-848, as a deterministic state machine: no input or output, no clock. `nowMs` is any
 * clock that never goes back. Every event may be followed by any other; a coordinator calls `takeChanges` after one or
 * many of them, stores what it gets and tells the members only then. What was taken counts as said: if it cannot be
 * stored, the group has to be restored from what was.
 *
 * A session is a number that stands for one stream of a member, from `join` until it is ended. Events of a session that
 * is over are ignored, whether its end was told yet or not.
 */
export class Group {
  #state: GroupState;
  /** Group epoch of what was last taken. */
  #epochTaken: number;

  /** A group without members, never stored. */
  constructor(options: GroupOptions) {
    this.#state = new GroupState(options);
    this.#epochTaken = this.#state.epoch;
  }

  /**
   * A group as it was stored, with all its members disconnected: their session timeouts begin now. Topics and partitions
   * that came or went meanwhile are taken into account with the next `takeChanges`.
   */
  static restore(options: GroupOptions, stored: StoredGroup, nowMs: number): Group {
    const group = new Group(options);
    group.#state = restoreGroup(options, stored, nowMs);
    group.#epochTaken = stored.groupEpoch;
    return group;
  }

  /**
   * Takes a member in, or back, and returns its session; the session of its stream before is ended with MEMBER_FENCED.
   * Its first change follows with the next `takeChanges`, also if it is empty. Throws, having changed nothing:
   * INVALID_REQUEST for a subscription that is none or another instance id, GROUP_FULL; for a member that is back,
   * UNKNOWN_MEMBER, STALE_MEMBER_EPOCH, and MEMBER_FENCED if another one took its place. Ids and timeouts are the
   * caller's to check.
   */
  join(command: JoinCommand): number {
    const member = admit(this.#state, command);
    this.#state.unreconciled.add(member);
    return this.#state.members.attach(member);
  }

  /**
   * The member has given partitions up. What it does not have is ignored: it may have been deleted. What it need not have
   * given up comes back to it.
   */
  release(session: number, partitions: readonly TopicPartition[]): void {
    const member = this.#state.members.bySession(session);
    if (member === undefined) return;
    for (const { topic, partition } of partitions) {
      const known = this.#state.topics.partition(topic, partition);
      if (known?.owner === member) this.#state.free(known);
      member.departed.delete(topic, partition);
    }
    this.#state.unreconciled.add(member);
  }

  /** The member wants to read something else. Throws INVALID_REQUEST as `join`. */
  subscribe(session: number, subscription: GroupSubscription): void {
    const member = this.#state.members.bySession(session);
    if (member === undefined) return;
    resubscribe(this.#state, member, this.#state.subscriptions.of(subscription));
  }

  /** All that the member has paused; for those who look. */
  paused(session: number, partitions: readonly TopicPartition[]): void {
    const member = this.#state.members.bySession(session);
    if (member === undefined) return;
    member.paused.clear();
    for (const { topic, partition } of partitions) {
      const known = this.#state.topics.partition(topic, partition);
      if (known?.owner === member) member.paused.add(known);
    }
  }

  /** The member leaves for good; it hears nothing more. */
  leave(session: number): void {
    const member = this.#state.members.bySession(session);
    if (member !== undefined) this.#remove(member);
  }

  /** The stream is gone, and the member has its session timeout to come back. It hears nothing more. */
  disconnected(session: number, nowMs: number): void {
    const member = this.#state.members.bySession(session);
    if (member === undefined) return;
    this.#state.members.detach(member);
    member.sessionDeadlineMs = nowMs + member.sessionTimeoutMs;
  }

  /** Topics or partitions came or went: the catalogue has the new state. */
  topicsChanged(): void {
    const { subscriptions, topics, catalogue } = this.#state;
    subscriptions.topicsChanged();
    const { gone, hasGrown } = topics.refresh();
    for (const topic of gone) this.#state.vanish(topic);
    const hasNew = () =>
      [...subscriptions.all()].some((subscription) =>
        [...subscription.namesIn(catalogue)].some((name) => !topics.has(name)),
      );
    if (gone.length > 0 || hasGrown || hasNew()) this.#state.isStale = true;
  }

  /** Puts out who was gone for the session timeout, or has not released for the rebalance timeout. */
  tick(nowMs: number): void {
    for (const member of this.#state.members.all()) {
      const { sessionDeadlineMs = Number.POSITIVE_INFINITY } = member;
      const late = member.overdue(nowMs);
      if (late !== undefined) {
        this.#state.end(member, notReleased(this.#state.name, member, late));
        this.#remove(member);
      } else if (sessionDeadlineMs <= nowMs) {
        this.#remove(member);
      }
    }
  }

  /** When `tick` will have something to do, if nothing happens before. */
  nextDeadlineMs(): number | undefined {
    let next = Number.POSITIVE_INFINITY;
    for (const member of this.#state.members.all()) next = Math.min(next, member.nextDeadlineMs());
    return next === Number.POSITIVE_INFINITY ? undefined : next;
  }

  /**
   * Why a commit is refused: UNKNOWN_MEMBER, MEMBER_FENCED, and STALE_MEMBER_EPOCH if the member does not have the
   * partition, or the epoch is not between that of its assignment and that of the member (details expected, actual).
   * Undefined: the member has it. Costs three look-ups.
   */
  mayCommit(memberId: string, memberEpoch: number, partition: TopicPartition): MillraceError | undefined {
    const member = this.#state.members.byId(memberId);
    if (member === undefined) return notHere(this.#state, memberId);
    const known = this.#state.topics.partition(partition.topic, partition.partition);
    const isOwner = known?.owner === member;
    if (isOwner && known.ownedSince <= memberEpoch && memberEpoch <= member.epoch) return undefined;
    return staleCommit(this.#state.name, partition, { expected: member.epoch, actual: memberEpoch });
  }

  /**
   * What came of the events since the last call: computes the target once for all of them, and lets every member go as
   * far towards it as it can.
   */
  takeChanges(nowMs: number): GroupChanges {
    const state = this.#state;
    if (state.isStale) this.#retarget();
    const notices = state.endings.splice(0);
    for (const member of state.unreconciled) {
      const { hasMoved, change } = reconcile(member, state.epoch, nowMs);
      if (hasMoved) state.unstored.add(member);
      if (change !== undefined && member.session !== undefined) {
        notices.push({ session: member.session, change });
      }
    }
    const terms = [...state.otherTerms].map((member) => member.terms());
    const assignments = [...state.unstored].map((member) => member.assignment());
    const removedMemberIds = [...state.removedIds].filter((id) => state.members.byId(id) === undefined);
    state.unreconciled.clear();
    state.unstored.clear();
    state.otherTerms.clear();
    state.removedIds.clear();
    return { state: this.#takeState(), terms, assignments, removedMemberIds, notices };
  }

  /** reconciling also between an event and the `takeChanges` that follows it. */
  get state(): GroupStateName {
    const { members, isStale } = this.#state;
    if (members.size === 0) return "empty";
    return isStale || [...members.all()].some(({ isSettled }) => !isSettled) ? "reconciling" : "stable";
  }

  get memberCount(): number {
    return this.#state.members.size;
  }

  get groupEpoch(): number {
    return this.#state.epoch;
  }

  get assignor(): AssignorName {
    return this.#state.assignor;
  }

  /** The members in order of their ids, as they are seen from outside. */
  members(): MemberDescription[] {
    const members = [...this.#state.members.all()].sort((one, other) => (one.id < other.id ? -1 : 1));
    return members.map((member) => member.describe());
  }

  /** Names of the topics there are that a member subscribes to, in order. */
  subscribedTopics(): string[] {
    const names = new Set<string>();
    const inUse = new Set([...this.#state.members.all()].map(({ subscription }) => subscription));
    for (const subscription of inUse) {
      for (const name of subscription.namesIn(this.#state.catalogue)) names.add(name);
    }
    return [...names].sort();
  }

  /** Who has a partition; undefined if nobody has. */
  holderOf({ topic, partition }: TopicPartition): PartitionHolder | undefined {
    const known = this.#state.topics.partition(topic, partition);
    const owner = known?.owner;
    if (known === undefined || owner === undefined) return undefined;
    return {
      memberId: owner.id,
      connected: owner.session !== undefined,
      paused: owner.paused.has(known),
      revoking: owner.revoking.has(known),
    };
  }

  #remove(member: Member): void {
    this.#state.remove(member);
    this.#state.chooseAssignor();
  }

  /** Begins the next epoch: computes who is to have what. */
  #retarget(): void {
    const state = this.#state;
    const { topics, catalogue, assignor } = state;
    const members = state.members.inOrder();
    for (const member of computeTarget({ members, topics, catalogue, assignor })) state.unstored.add(member);
    for (const member of members) state.unreconciled.add(member);
    state.epoch++;
    state.isStale = false;
  }

  #takeState(): StoredGroupState | undefined {
    const { epoch: groupEpoch, assignor } = this.#state;
    // Another assignor begins another epoch.
    if (this.#epochTaken === groupEpoch) return undefined;
    this.#epochTaken = groupEpoch;
    return { groupEpoch, assignor };
  }
}
