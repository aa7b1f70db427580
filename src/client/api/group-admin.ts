/**
 * Administration of consumer groups: who is in them, how far they have read, and moving that. Each call goes to the
 * broker that coordinates the group. As all administration, calls have the client's `timeoutMs` as their deadline, and
 * options that are not known are refused with a TypeError.
 */
import type { MillraceError } from "../../errors/index.ts";
import type { StartPosition, TopicPartition } from "./places.ts";

/** empty: no members. reconciling: partitions are on their way. stable: every member has what it should have. */
export type GroupState = "empty" | "reconciling" | "stable" | "unknown";

/** A group in short. */
export interface GroupSummary {
  readonly group: string;
  /** "unknown" is a state that this version of the SDK does not know. */
  readonly state: GroupState;
  readonly memberCount: number;
  /** Rises with every change of members, subscriptions or partitions. */
  readonly groupEpoch: number;
  /** How partitions are shared: "uniform" or "range". */
  readonly assignor: string;
}

/** What a member wants to read. */
export interface GroupSubscription {
  /** Topic names, whether they exist or not. */
  readonly topics: readonly string[];
  /** Regular expression that a whole name must match; undefined if there is none. */
  readonly topicPattern: string | undefined;
}

/** A member of a group. */
export interface GroupMemberDescription {
  readonly memberId: string;
  /** Name that stays over restarts; undefined if it has none. */
  readonly instanceId: string | undefined;
  /** Name of the program. */
  readonly clientId: string;
  readonly memberEpoch: number;
  /** False while its stream is broken and its session goes on. */
  readonly isConnected: boolean;
  readonly subscription: GroupSubscription;
  /** Partitions it has, with those it is to give up. */
  readonly assigned: readonly TopicPartition[];
  /** Partitions it is to have in the end. */
  readonly target: readonly TopicPartition[];
  /** Partitions it is to give up and has not released yet. */
  readonly revoking: readonly TopicPartition[];
}

/** How far a group has read a partition. */
export interface CommittedOffset {
  /** Offset of the next record to read. */
  readonly offset: number;
  /** Text of whoever committed; empty if there is none. */
  readonly metadata: string;
  /** When it was committed, milliseconds since the Unix epoch by the broker's clock. */
  readonly committedAtMs: number;
  /** Nobody was in the group for longer than the broker's offsets retention: who goes on here declares a gap. */
  readonly isExpired: boolean;
}

/** What a partition of a group is doing, and why not more. */
export type PartitionProgress =
  /** Everything is read and committed. */
  | "at-end"
  /** A member has it and there is something to read. */
  | "reading"
  /** Its member has paused it. */
  | "paused"
  /** The group has no members. */
  | "no-member"
  /** No member subscribes to its topic. */
  | "not-subscribed"
  /** It waits for a member to release it, or for the first assignment. */
  | "unassigned"
  /** Its member has lost its connection. */
  | "member-gone"
  /** The partition is offline. */
  | "offline"
  /** The committed offset is outside the log: a member needs its gap policy to go on. */
  | "out-of-range"
  /** Something that this version of the SDK does not know. */
  | "unknown";

/** The committed offset of a partition. */
export interface PartitionCommit extends TopicPartition {
  /** Undefined if the group has committed nothing here. */
  readonly committed: CommittedOffset | undefined;
}

/** A partition of a group. */
export interface GroupPartition extends PartitionCommit {
  /** First readable offset. */
  readonly logStartOffset: number;
  /** End of the readable offsets, exclusive. */
  readonly highWatermark: number;
  /** Records between the committed offset, or else the log start, and the high watermark. */
  readonly lag: number;
  /** Member that has it; undefined if none has. */
  readonly memberId: string | undefined;
  readonly progress: PartitionProgress;
}

/** A group with its members and partitions. */
export interface GroupDescription extends GroupSummary {
  /** In order of their ids. */
  readonly members: readonly GroupMemberDescription[];
  /** All of the topics that a member subscribes to or that the group has committed offsets of, by topic and partition. */
  readonly partitions: readonly GroupPartition[];
}

/** What to tell of a group. */
export interface DescribeGroupOptions {
  /**
   * Only partitions of this topic, also in what members have. Default: all; groups of very many partitions must be asked
   * for by topic.
   */
  readonly topic?: string;
}

/** An offset to commit by hand. */
export interface OffsetToCommit extends TopicPartition {
  /** Offset of the next record to read, at most the high watermark. */
  readonly offset: number;
  /** Any text, at most 4,096 bytes. Default "". */
  readonly metadata?: string;
  /** True sets an offset below the committed one too. Default false: the higher one stays. */
  readonly rewind?: boolean;
}

/** What became of a commit. */
export interface CommitOutcome extends TopicPartition {
  /** The committed offset now; undefined if `error` is set. */
  readonly offset: number | undefined;
  /** Why it was refused; the others are not affected. */
  readonly error: MillraceError | undefined;
}

/**
 * Where to move committed offsets: a place in each partition, so many records on or back from the committed offset, or
 * to where another group has got.
 */
export type SeekTarget = StartPosition | { readonly shift: number } | { readonly otherGroup: string };

/** Which committed offsets to move, and where to. */
export interface SeekGroupOptions {
  readonly group: string;
  /** Default: all topics that the group has committed offsets of. */
  readonly topic?: string;
  /** Partitions of the topic. Default: all of them. */
  readonly partitions?: readonly number[];
  /** An offset or a place beyond the log is moved to its nearest end; a time later than every record means "end". */
  readonly to: SeekTarget;
  /** True says what would be done and does nothing. Default false. */
  readonly dryRun?: boolean;
}

/** Where a partition was moved. */
export interface SoughtPartition extends TopicPartition {
  /** Committed offset before; undefined if there was none. */
  readonly before: number | undefined;
  /** Committed offset now, within the log. */
  readonly after: number;
  /** The place asked for lay outside the log and the nearest end was taken. */
  readonly isClamped: boolean;
}

/** Which committed offsets to delete. */
export interface DeleteOffsetsOptions {
  readonly group: string;
  readonly topic: string;
  /** Default: all of the topic. */
  readonly partitions?: readonly number[];
}

/** Administration of consumer groups. */
export interface GroupAdmin {
  /** All groups, in order of their names. */
  listGroups(): Promise<GroupSummary[]>;
  /** Throws GROUP_NOT_FOUND, with the nearest names. */
  describeGroup(group: string, options?: DescribeGroupOptions): Promise<GroupDescription>;
  /**
   * Committed offsets, in the order asked for; of all partitions that have one, by topic and partition, if none is
   * named. A group that does not exist has none.
   */
  committedOffsets(group: string, partitions?: readonly TopicPartition[]): Promise<PartitionCommit[]>;
  /**
   * Commits for somebody who reads by hand, durably; outcomes in the order of the offsets. A group that does not exist
   * comes to be. Throws GROUP_NOT_EMPTY if the group has members: those commit themselves.
   */
  commitOffsets(group: string, offsets: readonly OffsetToCommit[]): Promise<CommitOutcome[]>;
  /**
   * Moves committed offsets and returns from where to where, by topic and partition. Throws GROUP_NOT_EMPTY while the
   * group has members, GROUP_NOT_FOUND, TOPIC_NOT_FOUND, PARTITION_NOT_FOUND.
   */
  seekGroup(options: SeekGroupOptions): Promise<SoughtPartition[]>;
  /** Deletes a group and its committed offsets. Throws GROUP_NOT_EMPTY while it has members, GROUP_NOT_FOUND. */
  deleteGroup(group: string): Promise<void>;
  /**
   * Deletes committed offsets and returns how many there were. Throws GROUP_NOT_EMPTY if a member subscribes to the
   * topic, GROUP_NOT_FOUND.
   */
  deleteOffsets(options: DeleteOffsetsOptions): Promise<number>;
}
