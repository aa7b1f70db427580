/**
 * What a group has to say after something happened to it: what must be stored, and what its members are to hear once
 * that is durable.
 */
import type { MillraceError } from "../../errors/index.ts";
import type { AssignmentChange, AssignorName, GroupSubscription, TopicPartition } from "../types.ts";

/** A partition of a certain topic: one that is deleted and created anew has another id. */
export interface StoredPartition extends TopicPartition {
  readonly topicId: string;
}

/** A partition that a member has. */
export interface StoredAssignment extends StoredPartition {
  /** Member epoch in which it came to the member; commits of older ones are refused. */
  readonly epoch: number;
  /** The member is to give it up and has not released it. */
  readonly revoking: boolean;
}

/** The part of a group that is none of its members'. */
export interface StoredGroupState {
  /** Rises with each change of members, subscriptions, assignor or partitions. */
  readonly groupEpoch: number;
  readonly assignor: AssignorName;
}

/** Who a member is and what it wants: what a rebalance does not change. */
export interface MemberTerms {
  readonly memberId: string;
  readonly instanceId: string | undefined;
  /** Member whose place it took by their instance id; that one is fenced. */
  readonly replacedMemberId: string | undefined;
  readonly clientId: string;
  readonly subscription: GroupSubscription;
  /** What it asked for when it joined. */
  readonly assignor: AssignorName | undefined;
  readonly sessionTimeoutMs: number;
  readonly rebalanceTimeoutMs: number;
}

/** How far a member has come in its group: what a rebalance does change. */
export interface MemberAssignment {
  readonly memberId: string;
  /** Its first epoch; 0 if it has none yet. An older one is that of another member with its id. */
  readonly joinEpoch: number;
  /** 0 if it was gone before it got one. */
  readonly memberEpoch: number;
  /** What it has, by topic and partition. */
  readonly assigned: readonly StoredAssignment[];
  /** What it is to have in the end, by topic and partition. */
  readonly target: readonly StoredPartition[];
}

/** A member as it comes back after a crash of the broker. */
export interface StoredMember extends MemberTerms, MemberAssignment {}

/** All that was stored of a group. */
export interface StoredGroup extends StoredGroupState {
  /** Only a beginning of the last change was stored: members may be of two epochs. */
  readonly isUnfinished?: boolean;
  /** No partition is assigned to two of them. */
  readonly members: readonly StoredMember[];
}

/** What changes for a member: an AssignmentChange to which the committed offsets are still to be added. */
export interface MemberChange extends Omit<AssignmentChange, "assigned"> {
  /** By topic and partition; none of them is in `revoked`. */
  readonly assigned: readonly TopicPartition[];
}

/** Something for the stream that one call of `Group.join` stands for. The end is the last that it hears. */
export type MemberNotice =
  | { readonly session: number; readonly change: MemberChange }
  | { readonly session: number; readonly ended: MillraceError };

/** What came of the events since the last call of `Group.takeChanges`. */
export interface GroupChanges {
  /** To be stored, if it changed. */
  readonly state: StoredGroupState | undefined;
  /** To be stored, each instead of what was stored under its id. */
  readonly terms: readonly MemberTerms[];
  /** To be stored, each instead of what was stored under its id. */
  readonly assignments: readonly MemberAssignment[];
  /** Ids of members all of which is to be deleted; none of them is in `terms` or `assignments`. */
  readonly removedMemberIds: readonly string[];
  /** To be told, in this order, once all of the above is durable; not at all if it could not be stored. */
  readonly notices: readonly MemberNotice[];
}
