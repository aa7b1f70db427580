/**
 * A member of a consumer group and its reading in one: what `Consume` is over gRPC, as plain TypeScript. Words and
 * rules are those of ConsumeRequest and ConsumeResponse in proto/millrace/v1/group_service.proto.
 */
import type { MillraceError } from "../errors/index.ts";
import type {
  CommitResult,
  CommittedOffset,
  JoinCommand,
  OffsetCommit,
  TopicPartition,
} from "../group/index.ts";
import type { Assignment, SubscriptionSink } from "./subscription-api.ts";

/** What to do where the group has no usable offset; see OffsetFallback. */
export type OffsetFallback = "start" | "end" | "fail";

/** Who joins to consume; see ConsumeJoin. What a consumer that is back had comes to it as newly assigned. */
export interface ConsumeCommand extends Omit<JoinCommand, "memberId" | "owned"> {
  /** Undefined: the broker makes one. */
  readonly memberId: string | undefined;
  /** Where to begin in a partition that the group never committed. */
  readonly onNoOffset: OffsetFallback;
  /** Where to go on if an offset has expired or fell out of the log. */
  readonly onGap: OffsetFallback;
  /** Most bytes of one delivery. */
  readonly maxBytes: number;
}

/** Where a partition is read from. */
export interface ConsumePosition extends TopicPartition {
  /** First offset that will be delivered; undefined if the partition cannot be read: its failure follows. */
  readonly offset: number | undefined;
  readonly committed: CommittedOffset | undefined;
}

/** Partitions that came, or a new epoch. */
export interface ConsumeAssigned {
  readonly memberId: string;
  readonly memberEpoch: number;
  readonly partitions: readonly ConsumePosition[];
}

/** Offsets that will not be delivered. */
export interface ConsumeGap extends TopicPartition {
  readonly from: number;
  readonly to: number;
  /** 0 if reading goes on below. */
  readonly lost: number;
}

/** What became of a commit of one partition. */
export interface ConsumeCommitted extends TopicPartition {
  readonly result: CommitResult;
}

/**
 * Where a consumer hears and gets records. Deliveries and their news come one at a time, as in a subscription; the rest
 * comes in between. What is told in one order must arrive in that order.
 */
export interface ConsumptionSink extends SubscriptionSink {
  /** Before anything of these partitions. */
  assigned(assigned: ConsumeAssigned): void;
  /** After everything of these partitions. */
  revoked(memberEpoch: number, partitions: readonly TopicPartition[]): void;
  /** After `assigned`, before the first delivery from there. */
  gap(gap: ConsumeGap): void;
  /** The membership is over. Called once, last. */
  ended(error: MillraceError): void;
}

/** Commands of a consumer. They do nothing once it has left, was closed or has ended. */
export interface ConsumptionApi {
  /** Adds credit; both are 0 or more. */
  addCredit(records: number, bytes: number): void;
  /**
   * Commits these offsets, or of each partition what was delivered since its last commit or seek. Never fails; results
   * come in the order of the commits.
   */
  commit(offsets: readonly OffsetCommit[]): Promise<readonly ConsumeCommitted[]>;
  /** Gives revoked partitions up, once the commits before are settled. Throws INVALID_REQUEST for others. */
  release(partitions: readonly TopicPartition[]): void;
  /** Stops deliveries of these partitions, or of all there are if none is named. */
  pause(partitions: readonly TopicPartition[]): void;
  /** Goes on with these partitions, or with all. */
  resume(partitions: readonly TopicPartition[]): void;
  /** Moves a partition. If that cannot be, its failure is told. */
  seek(assignment: Assignment, offset: number): void;
  /** Delivers nothing more and leaves for good, once the commits before are settled. Resolves when that is durable. */
  leave(): Promise<void>;
  /** Delivers nothing more and counts as broken off, once the commits before are settled. Never fails. */
  close(): Promise<void>;
  /** The stream is gone: counts as broken off at once. */
  disconnected(): void;
}
