import { MillraceError } from "../../errors/index.ts";
import type { CommittedOffset, PartitionCommit } from "../api/group-admin.ts";
import type { StartPosition, TopicPartition } from "../api/places.ts";
import { type AssignedState, partitionKey } from "../reader/assigned-state.ts";
import { OffsetTracker } from "./offset-tracker.ts";

/**
 * starting: it came, and is not read yet. reading: its records are handed out. revoking: it is to be given up, nothing
 * more is handed out. gone: released or lost; what its handlers do counts no more.
 */
export type OwnedPhase = "starting" | "reading" | "revoking" | "gone";

/** An offset to commit, in the name of whoever has the partition. */
export interface OffsetDue {
  readonly offset: number;
  /** True sets an offset below the committed one too. */
  readonly rewind: boolean;
}

/** A partition of this member, from its assignment until it is released or lost: one that comes back is another. */
export class OwnedPartition implements TopicPartition {
  readonly topic: string;
  readonly partition: number;
  readonly key: string;
  /** What the group had committed when the partition came. */
  readonly found: CommittedOffset | undefined;
  phase: OwnedPhase = "starting";
  /** It may be read: `onAssigned` is over. */
  isReady = false;
  /** Where the program wants it read from, said before it is. */
  sought: StartPosition | undefined;
  /** The program has paused it. */
  isPaused = false;
  /** It is not read for now, as its handlers are too far behind. */
  isHeld = false;
  /** What was handed out and is done; another one after each seek. Undefined until the first position is known. */
  tracker: OffsetTracker | undefined;
  /** The reader's knowledge of the partition, as of the last delivery. Its position lies behind what was taken. */
  state: AssignedState | undefined;
  /** Counts moves: what was taken before one must not be handed out. */
  generation = 0;
  /** Offset that was last acknowledged as committed. */
  committed: number | undefined;
  /** Offset up to which records may be handed out, with delivery at most once: so far it is committed. */
  aheadTo = 0;
  /** Offset that was last given to be committed. */
  #requested: number | undefined;
  #mayRewind = false;
  /** Where reading began, after the last move. */
  #begun = 0;
  /** Batches that were taken and are put aside. */
  #aside = 0;
  /** Offset below which there is nothing but what is put aside. */
  #passed = 0;
  /** Records handed to handlers, or in hand of a loop. */
  #inHands = 0;
  #onIdle: (() => void)[] = [];
  #abort: AbortController | undefined;
  #lostBy: MillraceError | undefined;

  constructor({ topic, partition, committed }: PartitionCommit) {
    this.topic = topic;
    this.partition = partition;
    this.key = partitionKey(topic, partition);
    this.found = committed;
    this.committed = committed?.offset;
  }

  /** Whether this member still has it. */
  get isOurs(): boolean {
    return this.phase !== "gone";
  }

  /** Why its commits cannot be made any more; undefined while they can. */
  get lostBy(): MillraceError | undefined {
    return this.#lostBy;
  }

  /** Aborted once the outcome of its handlers does not count. */
  get signal(): AbortSignal {
    this.#abort ??= new AbortController();
    if (!this.isOurs) this.#abort.abort(this.#lostBy);
    return this.#abort.signal;
  }

  /**
   * Reading begins at `position`, or goes on there. `isCommitted` says that the group would go on there as well, or that
   * the program wants it so; else the position itself is committed. The next commit may go back if the position does.
   */
  begin(position: number, isCommitted: boolean): void {
    const highest = Math.max(this.committed ?? 0, this.#requested ?? 0);
    this.tracker = new OffsetTracker(position);
    this.generation++;
    this.aheadTo = position;
    this.#passed = position;
    this.#begun = position;
    this.#requested = isCommitted ? position : undefined;
    this.#mayRewind = position < highest;
  }

  /** What was handed out and is not done will be handed out again. */
  startOver(): void {
    if (this.tracker !== undefined) this.tracker = new OffsetTracker(this.tracker.watermark);
  }

  /** What was taken and not handed out is not to be, but to be read again. Returns what the reader has to rewind. */
  giveBack(): AssignedState | undefined {
    this.generation++;
    this.#passed = 0; // what is put aside will come again
    if (this.tracker !== undefined) this.state?.goBack(this.tracker.end);
    return this.state;
  }

  /** Reading goes on elsewhere, behind a gap or below. */
  skipped(to: number): void {
    if (this.tracker === undefined || to < this.tracker.end) this.begin(to, false);
    else this.passedTo(to);
  }

  /** A batch is put aside, to be handed out later. */
  putAside(): void {
    this.#aside++;
  }

  /** It was handed out, or is void. */
  tookUp(): void {
    this.#aside--;
    if (this.#aside === 0) this.tracker?.passed(this.#passed);
  }

  /** There is nothing below `offset` but what was handed out or is put aside. */
  passedTo(offset: number): void {
    this.#passed = Math.max(this.#passed, offset);
    if (this.#aside === 0) this.tracker?.passed(offset);
  }

  /** What is done and was not given to be committed yet; it counts as given from now on. */
  takeDue(): OffsetDue | undefined {
    const offset = this.tracker?.watermark;
    if (offset === undefined || offset === this.#requested) return undefined;
    return this.requested(offset);
  }

  /** Something was handed out and was not given to be committed. */
  get hasUncommitted(): boolean {
    return this.tracker !== undefined && this.tracker.end !== (this.#requested ?? this.#begun);
  }

  /** The offset is given to be committed. */
  requested(offset: number): OffsetDue {
    const rewind = this.#mayRewind;
    this.#mayRewind = false;
    this.#requested = offset;
    return { offset, rewind };
  }

  /** What was given is not committed, and will not be. */
  refused({ rewind }: OffsetDue): void {
    this.#requested = undefined;
    this.#mayRewind ||= rewind;
  }

  /** A record is in somebody's hands. */
  taken(): void {
    this.#inHands++;
  }

  /** It is not any more. */
  letGo(): void {
    this.#inHands--;
    if (this.#inHands === 0) this.#tellIdle();
  }

  /** Resolves when nothing is in anybody's hands, or it does not matter any more. */
  idle(): Promise<void> {
    if (this.#inHands === 0 || !this.isOurs) return Promise.resolve();
    return new Promise((resolve) => this.#onIdle.push(resolve));
  }

  /** The partition is no longer this member's. */
  gone(why?: MillraceError): void {
    if (!this.isOurs) return;
    this.phase = "gone";
    this.#lostBy = why ?? releasedError(this);
    this.#abort?.abort(this.#lostBy);
    this.#tellIdle();
  }

  #tellIdle(): void {
    const idle = this.#onIdle;
    this.#onIdle = [];
    for (const resolve of idle) resolve();
  }
}

function releasedError({ topic, partition }: TopicPartition): MillraceError {
  const text = `partition ${partition} of topic "${topic}" was given back to its group; whoever has it now commits`;
  return new MillraceError("STALE_MEMBER_EPOCH", text, { details: { topic, partition } });
}
