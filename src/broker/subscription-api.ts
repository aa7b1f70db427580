/** How a reader follows partitions as they grow, within credit and memory that it grants. */
import type { MillraceError } from "../errors/index.ts";
import type { ReadResult } from "../log/index.ts";

/** Memory for what is read, so that many calls which read at once stay within a bound. */
export interface ReadRoom {
  /**
   * Called before something is read, with the most bytes that it can be. Resolves when there is room, or when it was
   * given back meanwhile; what it throws ends the call. Room for what is returned or delivered stays taken.
   */
  take(bytes: number): Promise<void>;
  /** What was read was let go of, or is no longer waited for. Harmless if nothing is taken. */
  giveBack(): void;
}

/** A partition of a subscription. */
export interface Assignment {
  readonly topic: string;
  readonly partition: number;
  /** The reader's number for this position, echoed in its deliveries. */
  readonly assignmentId: number;
}

/** How much of a read was delivered; that is charged against the credit. */
export interface Delivered {
  /** Offset to go on from. */
  readonly nextOffset: number;
  readonly recordCount: number;
  readonly bytes: number;
  /** Resolves when the transport can take the next delivery (back-pressure). */
  readonly ready: Promise<void>;
}

/** Commands of a reader. None throws for a partition that cannot be read: the sink hears of it. */
export interface SubscriptionApi {
  /** Reads a partition from an offset, or moves it there. */
  assign(assignment: Assignment, offset: number): void;
  unassign(topic: string, partition: number): void;
  /** Adds credit; both are 0 or more. */
  addCredit(records: number, bytes: number): void;
  /** Ends it; the sink is not called from now on. */
  close(): void;
}

/** Where a subscription delivers. Calls never overlap. */
export interface SubscriptionSink {
  /** For each read before its delivery, which takes the room over. */
  readonly room: ReadRoom;
  /**
   * Takes what was read from `read.offset` on (records of the first batch below it are not wanted), or its beginning; the rest is read again. Throws MillraceError, with nothing taken, if it
   * cannot be delivered.
   */
  deliver(assignment: Assignment, read: ReadResult): Delivered;
  /** Everything up to the high watermark was delivered; once each time. */
  caughtUp(assignment: Assignment, highWatermark: number): Promise<void>;
  /** The partition cannot be read and is no longer assigned. */
  failed(assignment: Assignment, error: MillraceError): Promise<void>;
}
