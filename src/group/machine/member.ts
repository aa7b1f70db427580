import type { MemberAssignment, MemberChange, MemberTerms } from "./group-changes.ts";
import { PartitionMap } from "../partition-map.ts";
import type { MemberSubscription } from "./member-subscription.ts";
import type { AssignorName, JoinCommand, MemberDescription, TopicPartition } from "../types.ts";

/** A partition of a topic that the group reads, or still has to let go of. There is one object for each. */
export interface SharedPartition extends TopicPartition {
  readonly topicId: string;
  /** Who has it, also while they are to give it up. */
  owner: Member | undefined;
  /** Epoch of the owner in which it got the partition. */
  ownedSince: number;
  /** Who is to have it. */
  target: Member | undefined;
}

/** Something that a member has to release. */
export interface Revocation {
  /** When the member is put out if it has not; undefined until it is told for the first time. */
  deadlineMs: number | undefined;
  /** Told on the stream that it has now. */
  isTold: boolean;
}

/** One member of a group. `owner` and `target` of the partitions and the sets here are two sides of one truth. */
export class Member {
  readonly id: string;
  readonly instanceId: string | undefined;
  readonly replacedId: string | undefined;
  clientId: string;
  subscription: MemberSubscription;
  readonly assignor: AssignorName | undefined;
  sessionTimeoutMs: number;
  rebalanceTimeoutMs: number;
  /** Epoch in which it joined; 0 until it has got one. */
  joinEpoch = 0;
  epoch = 0;
  /** What it has, with what it is to give up. */
  readonly assigned = new Set<SharedPartition>();
  /** What it is to have in the end. */
  readonly target = new Set<SharedPartition>();
  /** What it is to give up, all of it in `assigned`. */
  readonly revoking = new Map<SharedPartition, Revocation>();
  /**
   * What it believes to have and has not: partitions of deleted topics, mostly. Nothing of these names is granted
   * before it released them, for a release bears no topic id.
   */
  readonly departed = new PartitionMap<Revocation>();
  /** What it says that it does not read now, all of it in `assigned`. */
  readonly paused = new Set<SharedPartition>();
  /** Its stream; undefined while it is gone. */
  session: number | undefined;
  /** When it is put out if it is not back; undefined while it is there. */
  sessionDeadlineMs: number | undefined;
  /** It has not heard anything on its stream. */
  isNew = true;

  constructor(who: Omit<JoinCommand, "group" | "memberEpoch" | "owned">, place: MemberPlace) {
    this.id = who.memberId;
    this.instanceId = who.instanceId;
    this.clientId = who.clientId;
    this.assignor = who.assignor;
    this.sessionTimeoutMs = who.sessionTimeoutMs;
    this.rebalanceTimeoutMs = who.rebalanceTimeoutMs;
    this.subscription = place.subscription;
    this.replacedId = place.replacedId;
  }

  /** Makes a partition the member's, in its present epoch. The partition must be free. */
  own(partition: SharedPartition, epoch: number): void {
    partition.owner = this;
    partition.ownedSince = epoch;
    this.assigned.add(partition);
  }

  /** Makes a partition of the member free. */
  disown(partition: SharedPartition): void {
    partition.owner = undefined;
    this.assigned.delete(partition);
    this.revoking.delete(partition);
    this.paused.delete(partition);
  }

  /** Makes a partition one that the member is to have, instead of who was to have it. */
  aimAt(partition: SharedPartition): void {
    partition.target?.target.delete(partition);
    partition.target = this;
    this.target.add(partition);
  }

  /** Nothing is on its way to or from the member, as far as the target is known. */
  get isSettled(): boolean {
    return this.revoking.size === 0 && this.assigned.size === this.target.size;
  }

  /** A partition that it should have released by now. */
  overdue(nowMs: number): TopicPartition | undefined {
    for (const [partition, { deadlineMs }] of this.revoking) {
      if (deadlineMs !== undefined && deadlineMs <= nowMs) return partition;
    }
    for (const [topic, partition, { deadlineMs }] of this.departed.entries()) {
      if (deadlineMs !== undefined && deadlineMs <= nowMs) return { topic, partition };
    }
    return undefined;
  }

  /** When its session or its time to release something is over; Infinity if neither is under way. */
  nextDeadlineMs(): number {
    let next = this.sessionDeadlineMs ?? Number.POSITIVE_INFINITY;
    for (const { deadlineMs } of this.revoking.values()) next = Math.min(next, deadlineMs ?? next);
    for (const [, , { deadlineMs }] of this.departed.entries()) next = Math.min(next, deadlineMs ?? next);
    return next;
  }

  /** As others see it. */
  describe(): MemberDescription {
    const { topics, topicPattern } = this.subscription;
    return {
      memberId: this.id,
      instanceId: this.instanceId,
      clientId: this.clientId,
      memberEpoch: this.epoch,
      connected: this.session !== undefined,
      subscription: { topics, topicPattern },
      assigned: namesOf(this.assigned),
      target: namesOf(this.target),
      revoking: namesOf(this.revoking.keys()),
    };
  }

  /** Who it is, to be stored. */
  terms(): MemberTerms {
    const { topics, topicPattern } = this.subscription;
    return {
      memberId: this.id,
      instanceId: this.instanceId,
      replacedMemberId: this.replacedId,
      clientId: this.clientId,
      subscription: { topics, topicPattern },
      assignor: this.assignor,
      sessionTimeoutMs: this.sessionTimeoutMs,
      rebalanceTimeoutMs: this.rebalanceTimeoutMs,
    };
  }

  /** How far it has come, to be stored. */
  assignment(): MemberAssignment {
    return {
      memberId: this.id,
      joinEpoch: this.joinEpoch,
      memberEpoch: this.epoch,
      assigned: inOrder(this.assigned).map((partition) => ({
        topicId: partition.topicId,
        topic: partition.topic,
        partition: partition.partition,
        epoch: partition.ownedSince,
        revoking: this.revoking.has(partition),
      })),
      target: inOrder(this.target).map(({ topicId, topic, partition }) => ({ topicId, topic, partition })),
    };
  }

  /** What it hears: its epoch, and these. */
  change(assigned: readonly TopicPartition[], revoked: readonly TopicPartition[]): MemberChange {
    return {
      memberId: this.id,
      memberEpoch: this.epoch,
      assigned: namesOf(assigned),
      revoked: namesOf(revoked),
    };
  }
}

/** Where a new member begins. */
export interface MemberPlace {
  readonly subscription: MemberSubscription;
  /** Whose place it takes. */
  readonly replacedId: string | undefined;
}

function namesOf(partitions: Iterable<TopicPartition>): TopicPartition[] {
  return inOrder(partitions).map(({ topic, partition }) => ({ topic, partition }));
}

/** By topic and partition. */
function inOrder<T extends TopicPartition>(partitions: Iterable<T>): T[] {
  return [...partitions].sort((one, other) =>
    one.topic === other.topic ? one.partition - other.partition : one.topic < other.topic ? -1 : 1,
  );
}
