/**
 * What the coordinator of consumer groups does, as plain TypeScript. The words and limits are those of
 * proto/millrace/v1/group_service.proto; the protocol follows KIP-848. Failures are MillraceErrors.
 */
import type { MillraceError } from "../errors/index.ts";

/** One partition of one topic. */
export interface TopicPartition {
  readonly topic: string;
  readonly partition: number;
}

/** How partitions are shared: evenly with least movement, or neighbours of each topic together. */
export type AssignorName = "uniform" | "range";

/** What a member wants to read: topics by name, whether they exist or not, and all that match a pattern. */
export interface GroupSubscription {
  readonly topics: readonly string[];
  /** Regular expression in the syntax of RE2 that must match a whole name. */
  readonly topicPattern: string | undefined;
}

/** Who joins a group, or is back; see GroupJoin. */
export interface JoinCommand {
  readonly group: string;
  readonly memberId: string;
  /** 0 for a new member; the last one known for a member that is back. */
  readonly memberEpoch: number;
  /** What a member that is back still has. */
  readonly owned: readonly TopicPartition[];
  readonly instanceId: string | undefined;
  readonly clientId: string;
  readonly subscription: GroupSubscription;
  /** Undefined leaves the group's, which is "uniform" at first. */
  readonly assignor: AssignorName | undefined;
  readonly sessionTimeoutMs: number;
  readonly rebalanceTimeoutMs: number;
}

/** How far a group has read a partition. */
export interface CommittedOffset {
  /** Offset of the next record to read. */
  readonly offset: number;
  readonly metadata: string;
  readonly committedAtMs: number;
  /** The group was empty for longer than the offsets retention, or a crash took the end of the log below it. */
  readonly expired: boolean;
}

/** A partition that a member may read, with where the group has got to. */
export interface AssignedPartition extends TopicPartition {
  readonly committed: CommittedOffset | undefined;
}

/** What changes for a member. */
export interface AssignmentChange {
  readonly memberId: string;
  /** Epoch for its commits from now on. */
  readonly memberEpoch: number;
  /** Partitions that it may read from now on, beside those it has. */
  readonly assigned: readonly AssignedPartition[];
  /** Partitions that it has to give up and release. */
  readonly revoked: readonly TopicPartition[];
}

/** Where a member hears what changes. Calls never overlap; what they tell is durable. */
export interface MemberSink {
  changed(change: AssignmentChange): void;
  /** The membership is over: MEMBER_FENCED, UNKNOWN_MEMBER (put out of the group), SHUTTING_DOWN. Called once, last. */
  ended(error: MillraceError): void;
}

/** Commands of a member whose stream is open. After `ended` they do nothing. */
export interface MemberSession {
  readonly memberId: string;
  /** Gives partitions up. What the member does not have is ignored: its topic may be gone. */
  release(partitions: readonly TopicPartition[]): void;
  /** Throws INVALID_REQUEST for a pattern that is none. */
  subscribe(subscription: GroupSubscription): void;
  /** Says which partitions are paused, for those who describe the group. */
  paused(partitions: readonly TopicPartition[]): void;
  /** Leaves for good; the sink hears nothing more. Resolves when that is durable. */
  leave(): Promise<void>;
  /** The stream is gone: the session timeout begins. The sink hears nothing more. */
  disconnected(): void;
}

/** An offset to commit; see OffsetCommit. */
export interface OffsetCommit extends TopicPartition {
  readonly offset: number;
  readonly metadata: string;
  /** Sets an offset below the committed one too. */
  readonly rewind: boolean;
}

/** Who commits what. Without member: somebody who reads by hand, while the group has no members. */
export interface CommitCommand {
  readonly group: string;
  readonly member: { readonly memberId: string; readonly memberEpoch: number } | undefined;
  readonly offsets: readonly OffsetCommit[];
}

/** The committed offset now, durable, or why it was refused. */
export type CommitResult = number | MillraceError;

/** The committed offset of a partition. */
export interface PartitionCommit extends TopicPartition {
  readonly committed: CommittedOffset | undefined;
}

/** empty: no members. reconciling: partitions are on their way. stable: every member has what it should have. */
export type GroupStateName = "empty" | "reconciling" | "stable";

/** A group in short. */
export interface GroupSummary {
  readonly group: string;
  readonly state: GroupStateName;
  readonly memberCount: number;
  readonly groupEpoch: number;
  readonly assignor: AssignorName;
}

/** A member as those see it who describe the group. */
export interface MemberDescription {
  readonly memberId: string;
  readonly instanceId: string | undefined;
  readonly clientId: string;
  readonly memberEpoch: number;
  readonly connected: boolean;
  readonly subscription: GroupSubscription;
  /** What it has, with what it is to give up. */
  readonly assigned: readonly TopicPartition[];
  /** What it is to have in the end. */
  readonly target: readonly TopicPartition[];
  /** What it is to give up and has not released. */
  readonly revoking: readonly TopicPartition[];
}

/** Why a partition of a group has the lag it has; see PartitionProgress. */
export type PartitionProgress =
  | "at-end"
  | "reading"
  | "paused"
  | "no-member"
  | "not-subscribed"
  | "unassigned"
  | "member-gone"
  | "offline"
  | "out-of-range";

/** A partition of a group. */
export interface GroupPartition extends PartitionCommit {
  readonly logStartOffset: number;
  readonly highWatermark: number;
  /** Records between the committed offset, or else the log start, and the high watermark. */
  readonly lag: number;
  /** Member that has it. */
  readonly memberId: string | undefined;
  readonly progress: PartitionProgress;
}

/** A group with its members and partitions. */
export interface GroupDescription extends GroupSummary {
  /** In order of their ids. */
  readonly members: readonly MemberDescription[];
  /** All of the topics that a member subscribes to or that the group has committed offsets of, by topic and partition. */
  readonly partitions: readonly GroupPartition[];
}

/** Where to move the committed offsets; see SeekGroupRequest. */
export type SeekTarget =
  | "start"
  | "end"
  | { readonly offset: number }
  | { readonly shift: number }
  | { readonly timestampMs: number }
  | { readonly otherGroup: string };

/** Which committed offsets to move, and where to. */
export interface SeekCommand {
  readonly group: string;
  /** Undefined: all topics that the group has committed offsets of; with `otherGroup`, that the other one has. */
  readonly topic: string | undefined;
  /** None: all of the topic; without topic there must be none. */
  readonly partitions: readonly number[];
  /** Partitions without the committed offset that `shift` or `otherGroup` needs are left alone. */
  readonly to: SeekTarget;
  readonly dryRun: boolean;
}

/** Where a partition was moved. */
export interface SoughtPartition extends TopicPartition {
  readonly before: number | undefined;
  readonly after: number;
  /** The place asked for lay outside the log and the nearest end was taken. */
  readonly clamped: boolean;
}

/** Looks at a seek before it is done; what it throws refuses it. */
export type AcceptSeek = (planned: readonly SoughtPartition[]) => void;

/**
 * Consumer groups. Every call may fail with COORDINATOR_LOADING until the state of the groups was read, and with the
 * failures of the internal topic's log (STORAGE_OFFLINE, STORAGE_FULL). Implemented by `GroupCoordinator`.
 */
export interface GroupsApi {
  /**
   * Takes a member into its group, or back. Resolves when that is durable; its first assignment comes to the sink.
   * Throws UNKNOWN_MEMBER and STALE_MEMBER_EPOCH for a member that is back too late, GROUP_FULL, INVALID_REQUEST.
   */
  join(command: JoinCommand, sink: MemberSink): Promise<MemberSession>;
  /**
   * Commits offsets, durably; results in the order of the command. Throws UNKNOWN_MEMBER; GROUP_NOT_EMPTY without a
   * member in a group that has some. Refuses a partition with STALE_MEMBER_EPOCH that is not the member's in this
   * epoch, OFFSET_OUT_OF_RANGE above the high watermark, TOPIC_NOT_FOUND, PARTITION_NOT_FOUND.
   */
  commit(command: CommitCommand): Promise<readonly CommitResult[]>;
  /** Committed offsets; of all partitions by topic and partition if none is named. A group that is not there has none. */
  committed(group: string, partitions: readonly TopicPartition[]): readonly PartitionCommit[];
  /** In order of names. */
  list(): readonly GroupSummary[];
  /** Throws GROUP_NOT_FOUND with the nearest names. */
  describe(group: string): GroupDescription;
  /**
   * Throws GROUP_NOT_EMPTY, GROUP_NOT_FOUND (a group that is not there is made, where `to` needs nothing of it).
   * `accept` is given what will be done before any of it is; what it throws refuses it all.
   */
  seek(command: SeekCommand, accept?: AcceptSeek): Promise<readonly SoughtPartition[]>;
  /** Throws GROUP_NOT_EMPTY, GROUP_NOT_FOUND. */
  delete(group: string): Promise<void>;
  /** Returns how many there were. Throws GROUP_NOT_EMPTY if a member subscribes to the topic, GROUP_NOT_FOUND. */
  deleteOffsets(group: string, topic: string, partitions: readonly number[]): Promise<number>;
}
