/**
 * The state of one consumer group: who is in it, who has which partition, and who is to have it. Events go in as
 * method calls, what is to be stored and told comes out of `takeChanges`.
 */
import type { MillraceError } from "../errors/index.ts";
import type { GroupChanges, StoredGroup } from "./group-changes.ts";
import type { TopicCatalogue } from "./ports.ts";
import type {
  AssignorName,
  GroupStateName,
  GroupSubscription,
  JoinCommand,
  MemberDescription,
  TopicPartition,
} from "./types.ts";

/** What a group is made with. */
export interface GroupOptions {
  /** Its name, for the texts of errors. */
  readonly name: string;
  /** Looked at when somebody subscribes, and when the group is told that topics changed. */
  readonly catalogue: Pick<TopicCatalogue, "topics" | "topic">;
  /** Most members. Default 1,000. */
  readonly membersMax?: number;
}

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
  /** A group without members, never stored, with group epoch 0. */
  constructor(options: GroupOptions) {
    throw new TypeError(`not there yet: ${options.name}`);
  }

  /**
   * A group as it was stored, with all its members disconnected: their session timeouts begin now. Partitions that came
   * or went meanwhile are taken into account.
   */
  static restore(options: GroupOptions, stored: StoredGroup, nowMs: number): Group {
    throw new TypeError(`not there yet: ${options.name} ${stored.groupEpoch} ${nowMs}`);
  }

  /**
   * Takes a member in, or back, and returns its session; the session of its stream before is ended with MEMBER_FENCED.
   * Its first change follows with the next `takeChanges`, also if it is empty. Throws, having changed nothing:
   * INVALID_REQUEST for a subscription that is none or another instance id, GROUP_FULL; for a member that is back,
   * UNKNOWN_MEMBER, STALE_MEMBER_EPOCH, and MEMBER_FENCED if another one took its place. Ids and timeouts are the
   * caller's to check.
   */
  join(command: JoinCommand, nowMs: number): number {
    throw new TypeError(`not there yet: ${command.memberId} ${nowMs}`);
  }

  /** The member has given partitions up. What it does not have is ignored: it may have been deleted. */
  release(session: number, partitions: readonly TopicPartition[]): void {
    throw new TypeError(`not there yet: ${session} ${partitions.length}`);
  }

  /** The member wants to read something else. Throws INVALID_REQUEST as `join`. */
  subscribe(session: number, subscription: GroupSubscription): void {
    throw new TypeError(`not there yet: ${session} ${subscription.topics.length}`);
  }

  /** All that the member has paused; for those who look. */
  paused(session: number, partitions: readonly TopicPartition[]): void {
    throw new TypeError(`not there yet: ${session} ${partitions.length}`);
  }

  /** The member leaves for good; it hears nothing more. */
  leave(session: number): void {
    throw new TypeError(`not there yet: ${session}`);
  }

  /** The stream is gone, and the member has its session timeout to come back. It hears nothing more. */
  disconnected(session: number, nowMs: number): void {
    throw new TypeError(`not there yet: ${session} ${nowMs}`);
  }

  /** Topics or partitions came or went: the catalogue has the new state. */
  topicsChanged(): void {
    throw new TypeError("not there yet");
  }

  /** Puts out who was gone for the session timeout, or has not released for the rebalance timeout. */
  tick(nowMs: number): void {
    throw new TypeError(`not there yet: ${nowMs}`);
  }

  /** When `tick` will have something to do, if nothing happens before. */
  nextDeadlineMs(): number | undefined {
    throw new TypeError("not there yet");
  }

  /**
   * Why a commit is refused: UNKNOWN_MEMBER, MEMBER_FENCED, and STALE_MEMBER_EPOCH if the member does not have the
   * partition, or the epoch is not between that of its assignment and that of the member (details expected, actual).
   * Undefined: the member has it. Costs no more than two look-ups.
   */
  mayCommit(memberId: string, memberEpoch: number, partition: TopicPartition): MillraceError | undefined {
    throw new TypeError(`not there yet: ${memberId} ${memberEpoch} ${partition.topic}`);
  }

  /**
   * What came of the events since the last call: computes the target once for all of them, and lets every member go as
   * far towards it as it can.
   */
  takeChanges(nowMs: number): GroupChanges {
    throw new TypeError(`not there yet: ${nowMs}`);
  }

  /** reconciling also between an event and the `takeChanges` that follows it. */
  get state(): GroupStateName {
    throw new TypeError("not there yet");
  }

  get memberCount(): number {
    throw new TypeError("not there yet");
  }

  get groupEpoch(): number {
    throw new TypeError("not there yet");
  }

  get assignor(): AssignorName {
    throw new TypeError("not there yet");
  }

  /** The members in order of their ids, as they are seen from outside. */
  members(): MemberDescription[] {
    throw new TypeError("not there yet");
  }

  /** Names of the topics there are that a member subscribes to, in order. */
  subscribedTopics(): string[] {
    throw new TypeError("not there yet");
  }

  /** Who has a partition; undefined if nobody has. */
  holderOf(partition: TopicPartition): PartitionHolder | undefined {
    throw new TypeError(`not there yet: ${partition.topic}`);
  }
}
