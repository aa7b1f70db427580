/** Reading as a member of a consumer group: the members share the partitions, and the group remembers how far it is. */
import type { MillraceError } from "../../errors/index.ts";
import type { OffsetToCommit, PartitionCommit } from "./group-admin.ts";
import type { StartPosition, TopicPartition } from "./places.ts";
import type { ConsumedBatch, ConsumedRecord, PositionReset, ReaderOptions } from "./reader.ts";

/** What a member wants to read: topics by name, a pattern, or both. */
export interface ConsumerSubscription {
  /** Topic names, at most 1,000, of at most 65,536 characters together; those that do not exist are read once they do. */
  readonly topics?: readonly string[];
  /**
   * Regular expression in the syntax of RE2 that must match a whole name, 1 to 249 characters. One that the broker does
   * not take is thrown by the iteration, INVALID_REQUEST.
   */
  readonly topicPattern?: string;
}

/** A partition that the member may read now, and where the group has got to in it. */
export type AssignedToMember = PartitionCommit;

/** Where the group was is no place to go on from: reading goes on elsewhere, as `onGap` says. */
export interface OffsetGap extends PositionReset {
  /** Offsets between the two that will not be handed out; 0 if reading goes on below. */
  readonly lost: number;
}

/** What became of a commit. */
export interface CommitReport {
  /** The offsets, each that of the next record to read. */
  readonly offsets: readonly OffsetToCommit[];
  /** Why they were refused for good; undefined if they are committed, durably. */
  readonly error: MillraceError | undefined;
}

/** How to be a member of a group. */
export interface GroupConsumerOptions
  extends ConsumerSubscription,
    Pick<
      ReaderOptions,
      | "prefetchBytes"
      | "prefetchRecords"
      | "deliveryBytes"
      | "verifyChecksums"
      | "onCaughtUp"
      | "onRetry"
      | "retryTimeoutMs"
    > {
  /** Group name, ^[A-Za-z0-9._-]{1,249}$ and neither "." nor "..". A group that does not exist comes to be. */
  readonly group: string;
  /**
   * Name that stays over restarts of the program, of the same form as the group's: the next consumer of this name takes
   * over the partitions of this one, which then fails with MEMBER_FENCED.
   */
  readonly instanceId?: string;
  /** Name of the program for those who describe the group. Default: that of the client. */
  readonly clientId?: string;
  /** How partitions are shared; the group takes what its members ask for. Default: what the group has, at first "uniform". */
  readonly assignor?: "uniform" | "range";
  /** How long the member may be gone before its partitions go to others, milliseconds, 1,000 to 3,600,000. Default 45,000. */
  readonly sessionTimeoutMs?: number;
  /**
   * How long it may take to give up partitions before it is put out of the group, milliseconds, 1,000 to 3,600,000.
   * Default 300,000. Handlers under way and `onRevoked` have four fifths of it.
   */
  readonly rebalanceTimeoutMs?: number;
  /**
   * Where to begin where the group has committed nothing. Default "start". "end" is committed at once, so that nothing
   * is passed over by whoever follows; "fail" throws OFFSET_OUT_OF_RANGE.
   */
  readonly startFrom?: "start" | "end" | "fail";
  /**
   * Where to go on if the committed offset has expired or the position is not in the log any more. Default "fail":
   * throws OFFSET_OUT_OF_RANGE. The others need `onReset`.
   */
  readonly onGap?: "start" | "end" | "fail";
  /**
   * Hears of every gap before what lies behind it is handed out. If it throws, so does the iteration, and the next one
   * meets the gap again: nothing behind it is read or committed until this has taken note of it.
   */
  readonly onReset?: (gap: OffsetGap) => void;
  /**
   * "at-least-once" (default): an offset is committed after its record was worked on; a crash repeats records.
   * "at-most-once": it is committed, durably, before; a crash, a rebalance or the end loses up to 100 records of a
   * partition (of `batches`, a batch) that were committed and not handed out.
   */
  readonly delivery?: "at-least-once" | "at-most-once";
  /** Whether what is done is committed by itself: every `autoCommitIntervalMs`, before partitions are given up, at the end. Default true. */
  readonly autoCommit?: boolean;
  /** Milliseconds, 100 to 3,600,000. Default 5,000. */
  readonly autoCommitIntervalMs?: number;
  /** Partitions came. Awaited before they are read: `seek` may move them here. */
  readonly onAssigned?: (partitions: readonly AssignedToMember[]) => void | Promise<void>;
  /**
   * Partitions go, in good order: nothing of them is handed out or worked on any more, and what was done is committed.
   * Awaited before they are released; `commit` is possible.
   */
  readonly onRevoked?: (partitions: readonly TopicPartition[]) => void | Promise<void>;
  /** Partitions are gone: others may have them already. What was not committed is not. */
  readonly onLost?: (partitions: readonly TopicPartition[], why: MillraceError) => void | Promise<void>;
  /** Hears of every commit, by itself or by hand. */
  readonly onCommit?: (report: CommitReport) => void;
}

/** What a handler gets beside its record. */
export interface HandlerContext {
  /**
   * Aborted when the outcome will not count any more: the partition is lost, or the time to give it up, or to close, is
   * over.
   */
  readonly signal: AbortSignal;
}

/** How to work on records. */
export interface RunOptions {
  /** Works on one record, which counts as done once this returns, or its promise resolves. */
  readonly handler: (record: ConsumedRecord, context: HandlerContext) => void | Promise<void>;
  /** Handlers at one time, 1 to 10,000. Default 16. */
  readonly concurrency?: number;
  /**
   * What is worked on in the order of the log: "key" (default), the records of each key of a partition (those without
   * key in none); "partition", all records of each partition; "none".
   */
  readonly order?: "key" | "partition" | "none";
  /**
   * Records given to handlers or waiting for one, from `concurrency` to 1,000,000. Default 1,000, or ten for each
   * handler if that is more. Partitions share it, so that a slow one does not keep the others from being read.
   */
  readonly maxInFlight?: number;
}

/** How to close. */
export interface CloseOptions {
  /**
   * Whether to leave the group: the partitions go to others at once. Default true. False is for a consumer with an
   * `instanceId` whose program restarts within the session timeout: nothing moves.
   */
  readonly leave?: boolean;
  /** Longest time for handlers under way and the last commits, milliseconds, 0 to 3,600,000. Default 30,000. */
  readonly timeoutMs?: number;
}

/** A partition of this member. */
export interface MemberPartition extends TopicPartition {
  /** Offset of the next record to hand out; undefined until that is found out. */
  readonly position: number | undefined;
  /** Committed offset as this member knows it; undefined if there is none. */
  readonly committed: number | undefined;
  /** End of the readable offsets as last heard, exclusive; undefined before the first delivery. */
  readonly highWatermark: number | undefined;
  readonly isPaused: boolean;
}

/**
 * A member of a group. It joins with the first iteration or `run` and stays a member until it is closed, also between
 * iterations; one iteration or `run` at a time, a second is refused with a TypeError.
 *
 * In an iteration a record (or batch) counts as done when the iteration asks for the next. A loop that is left, by `break`
 * or by what its body throws, has not done the last one: it comes again, to the next iteration or `run` or to whoever
 * gets the partition, unless `commit` is called in between. `stop` in the body ends the loop with it done. With delivery
 * at most once it does not come again.
 *
 * While the connection to the coordinator is broken, reading goes on for the session timeout. A session that is over is
 * told to `onLost`, and the consumer joins anew by itself; so is a commit that the coordinator refuses because others
 * have the partition. Thrown are MEMBER_FENCED (the consumer is of no use any more), the failure of a partition, of a
 * callback, and of a membership that did not come about for `retryTimeoutMs` (a coordinator that does not answer at all is
 * given 5 seconds at least). After all but the first the next iteration or `run` tries again: a partition that failed is
 * read on from its first record that is not done, at once, and if that fails again after 200 ms, twice as long each time,
 * 30 seconds at most. Each failure is thrown, and the other partitions are read in between; `pause` leaves one that is
 * broken for good alone.
 */
export interface GroupConsumer extends AsyncIterable<ConsumedRecord> {
  readonly group: string;
  /** Id of the member, which the client made. */
  readonly memberId: string;
  /** Epoch of the member; 0 while it is none. */
  readonly memberEpoch: number;
  /** Iterates by record: the easy way; one object and one promise per record. */
  records(): AsyncIterableIterator<ConsumedRecord>;
  /** Iterates by delivery: the fast way. */
  batches(): AsyncIterableIterator<ConsumedBatch>;
  /**
   * Works on records with several handlers at a time, and commits only what is done without gaps: a record that takes
   * long holds no other up, and what comes after it is not committed before it. Resolves after `stop` or `close`. A
   * handler that throws ends it: handlers under way finish, what is done without gaps is committed, and the error is
   * thrown; the next `run` begins with the record that failed.
   */
  run(options: RunOptions): Promise<void>;
  /** Ends the iteration or `run` softly: the loop ends, handlers under way finish. Without one it does nothing. */
  stop(): void;
  /**
   * Commits, durably. Without argument what is done, and what an iteration handed out last, be it left; a partition that
   * was lost since with something uncommitted throws STALE_MEMBER_EPOCH or UNKNOWN_MEMBER once, if `autoCommit` is
   * false. With offsets these, of partitions of this member: otherwise STALE_MEMBER_EPOCH. Repeated for
   * `retryTimeoutMs` where that may help. Throws the first refusal; the others are not affected.
   */
  commit(offsets?: readonly OffsetToCommit[]): Promise<void>;
  /** Asks the coordinator for committed offsets: of the partitions of this member, or of those named. */
  committed(partitions?: readonly TopicPartition[]): Promise<PartitionCommit[]>;
  /** Reads other topics from now on. */
  subscribe(subscription: ConsumerSubscription): void;
  /**
   * Stops fetching and handing out partitions, which stay assigned, until `resume`; all without argument. What waits for
   * a handler already is still worked on. Throws INVALID_REQUEST for one that is not assigned; one that goes while the
   * program was not told of it yet is left alone, in `resume` and `seek` as well.
   */
  pause(partitions?: readonly TopicPartition[]): void;
  /** Undoes `pause`; for all partitions without argument. */
  resume(partitions?: readonly TopicPartition[]): void;
  /**
   * Moves a partition of this member; a later commit may go below the committed offset then. Throws INVALID_REQUEST for
   * one that is not assigned.
   */
  seek(partition: TopicPartition, to: StartPosition): Promise<void>;
  /** Offset of the next record to hand out; undefined if the partition is not assigned or that is not known yet. */
  position(topic: string, partition: number): number | undefined;
  /** The partitions of this member. */
  assignment(): MemberPartition[];
  /**
   * Ends the iteration or `run`, waits for handlers under way, commits, gives the partitions up and leaves. A record
   * that a loop has in hand counts as not done: to have it committed, call `stop` and close after the loop. Harmless if
   * called again. Not to be awaited in a handler.
   */
  close(options?: CloseOptions): Promise<void>;
}
