/**
 * What happened in rounds of consumer groups, as those saw it who took part: each process writes down what it is about
 * to do before it does it, and what it learned when it learned it. The checker draws its conclusions from these alone.
 */

interface Seen {
  /** Microseconds of the machine's monotonic clock, which all processes share. */
  readonly at: number;
}

/** A producer is about to send a record. Its value is "<producer>:<counter>", the counter rising from 0. */
export interface Sent extends Seen {
  readonly kind: "sent";
  /** As "topic-3". */
  readonly partition: string;
  readonly value: string;
}

/** A producer learned that its record is durable. */
export interface Acknowledged extends Seen {
  readonly kind: "acknowledged";
  readonly partition: string;
  readonly offset: number;
  readonly value: string;
}

/** A member's process begins. A process is one member of one group; its name never comes back. */
export interface Joined extends Seen {
  readonly kind: "joined";
  readonly member: string;
  readonly group: string;
  /** Name that stays over restarts; absent for members without. */
  readonly instance?: string;
  readonly sessionTimeoutMs: number;
  /** Records of a partition are polled in their order; otherwise as they were finished by several workers. */
  readonly inOrder: boolean;
  /** Whatever it was given may be committed at any time, also without a line that says so. */
  readonly commitsByItself: boolean;
}

/** A member learned that it may read a partition. */
export interface Assigned extends Seen {
  readonly kind: "assigned";
  readonly member: string;
  readonly partition: string;
  /** The member's epoch. */
  readonly epoch: number;
  /** Where it begins to read. */
  readonly start: number;
}

/**
 * A member's time with a partition is over. `released`: it is about to say so to the broker. `lost`: it learned that
 * its session is over.
 */
export interface Ended extends Seen {
  readonly kind: "released" | "lost";
  readonly member: string;
  readonly partition: string;
}

/** Records were handed to the member's program; written down before it does anything with them. */
export interface Polled extends Seen {
  readonly kind: "polled";
  readonly member: string;
  readonly partition: string;
  /** Offset of the first of them; the others follow without a gap. */
  readonly offset: number;
  readonly values: readonly string[];
}

/** The member's program moved its place in a partition. */
export interface Sought extends Seen {
  readonly kind: "sought";
  readonly member: string;
  readonly partition: string;
  readonly offset: number;
}

/** A member is about to commit. */
export interface CommitSent extends Seen {
  readonly kind: "commit-sent";
  readonly member: string;
  /** Tells the commits of a member apart. */
  readonly commit: number;
  readonly partition: string;
  readonly offset: number;
  /** The member's epoch that the commit bears, where the program knows it. */
  readonly epoch?: number;
  /** It may set the committed offset back, if that is higher. */
  readonly rewind?: true;
  /** It is not sent again by itself: a refusal means that it had no effect. */
  readonly once?: true;
}

/** A member learned what became of a commit. Never, if the outcome stayed unknown. */
export interface CommitAnswered extends Seen {
  readonly kind: "commit-answered";
  readonly member: string;
  readonly commit: number;
  readonly partition: string;
  /** Why it was refused; absent if it was acknowledged. */
  readonly reason?: string;
  /** The committed offset now, where the program is told. */
  readonly offset?: number;
}

/** Somebody outside the group asked for its committed offset. */
export interface Observed extends Seen {
  readonly kind: "observed";
  readonly group: string;
  readonly partition: string;
  /** When it was asked; `at` is when it was answered. */
  readonly askedAt: number;
  /** Absent: none was committed. */
  readonly offset?: number;
}

/** The broker said that the member is in its group and its stream is open. */
export interface Connected extends Seen {
  readonly kind: "connected";
  readonly member: string;
  /** When it was asked; `at` is when it was answered. */
  readonly askedAt: number;
}

/** A member noticed that its connection broke. */
export interface Disconnected extends Seen {
  readonly kind: "disconnected";
  readonly member: string;
}

/** A member's process is about to be killed or stopped, or goes on, or ended by itself after it had left. */
export interface MemberFault extends Seen {
  readonly kind: "killed" | "stopped" | "continued" | "left";
  readonly member: string;
}

/** The broker is about to be killed, or listens again. */
export interface BrokerFault extends Seen {
  readonly kind: "broker-killed" | "broker-started";
}

/** What a partition's log holds in the end, read by hand; chunks follow each other. */
export interface Stored extends Seen {
  readonly kind: "stored";
  readonly partition: string;
  readonly offset: number;
  readonly values: readonly string[];
}

/** One line of a history. */
export type HistoryEvent =
  | Sent
  | Acknowledged
  | Joined
  | Assigned
  | Ended
  | Polled
  | Sought
  | CommitSent
  | CommitAnswered
  | Observed
  | Connected
  | Disconnected
  | MemberFault
  | BrokerFault
  | Stored;

/** An event before its time is written down. */
export type Unwritten = HistoryEvent extends infer Each
  ? Each extends HistoryEvent
    ? Omit<Each, "at">
    : never
  : never;
