import { MillraceError } from "../../errors/index.ts";
import { partitionKey } from "../reader/assigned-state.ts";
import { EndWatch } from "../reader/end-watch.ts";
import type { PartitionReader } from "../reader/partition-reader.ts";
import type { OffsetTracker } from "./offset-tracker.ts";
import { giveBack, type OwnedBatch } from "./open-batch.ts";
import type { OwnedPartition } from "./owned-partition.ts";

/** What is in the hands of a loop. */
interface InHand {
  readonly user: object | undefined;
  readonly owner: OwnedPartition;
  readonly tracker: OffsetTracker;
  readonly offset: number;
}

/** What a handout needs. */
export interface HandoutPorts {
  readonly reader: PartitionReader;
  readonly owned: ReadonlyMap<string, OwnedPartition>;
  /** What was handed out is committed already: it must not come again. */
  readonly isAtMostOnce: boolean;
  /** Somebody wants records: the membership may begin. */
  wanted(): void;
  /** Somebody wants records who has not seen what failed before: it may be tried again. */
  again(): void;
  /** A partition is not there any more; the coordinator will ask for it back. */
  vanished(error: MillraceError): void;
}

/** Gives the batches of this member's partitions to whoever iterates or runs, and takes note of what a loop has in hand. */
export class Handout {
  readonly #ports: HandoutPorts;
  readonly #end = new EndWatch({});
  /** The first failure that nobody was thrown yet: what follows it would be stale once it is the turn of that. */
  #failure: { readonly error: unknown } | undefined;
  /** The iteration or run that is at it: one at a time gets batches. */
  #user: object | undefined;
  /** What has failed is to be tried again at the next step. */
  #isAgainDue = false;
  #onWake: (() => void) | undefined;
  #isStopping = false;
  #isClosed = false;
  #fenced: MillraceError | undefined;
  #inHand: InHand | undefined;
  /** What is in hand is still worked on, as far as one can know. */
  #isHeld = false;

  constructor(ports: HandoutPorts) {
    this.#ports = ports;
  }

  /**
   * Before each step. Throws a TypeError while another user is at it. `onWake` hears that something changed, be it while
   * the user was not waiting for a batch.
   */
  enter(user: object, onWake?: () => void): void {
    if (this.#user !== undefined && this.#user !== user) {
      throw new TypeError(
        "another iteration or run of this consumer is under way: end it first (stop(), or leave its loop), or make a second consumer",
      );
    }
    if (this.#user === undefined) this.#isAgainDue = true;
    this.#user = user;
    this.#onWake = onWake;
  }

  /** The user is through; another may begin. */
  leave(user: object): void {
    if (this.#user !== user) return;
    this.#user = undefined;
    this.#onWake = undefined;
    this.#isStopping = false;
    this.putDown();
    this.wake();
  }

  /** Whether the user is to end. */
  isOver(user: object): boolean {
    return this.#user !== user || this.#isStopping || this.#isClosed;
  }

  /** The next batch; undefined if something else happened, or the user is to end. Throws what has failed. */
  async take(user: object): Promise<OwnedBatch | undefined> {
    try {
      if (this.isOver(user)) return undefined;
      this.#throwFailure();
      this.#ports.wanted();
      if (this.#isAgainDue) this.#ports.again();
      this.#isAgainDue = false;
      const { reader, owned } = this.#ports;
      const taken = await reader.take(this.#end);
      if (taken === undefined) {
        this.#throwFailure();
        return undefined;
      }
      const { topic, partition } = taken.state;
      const owner = owned.get(partitionKey(topic, partition));
      if (this.#user !== user) {
        reader.rewind(taken.state);
        return undefined;
      }
      if (owner?.tracker === undefined || owner.phase !== "reading") {
        // Nobody's, or sought anew while its place was looked up: rewound it would come again and again.
        if (taken.state.isAssigned) reader.unassign([taken.state]);
        return undefined;
      }
      const { batch, state } = taken;
      state.position = batch.nextOffset;
      owner.state = state;
      return { batch, owner, tracker: owner.tracker, generation: owner.generation };
    } catch (thrown) {
      if (isVanished(thrown)) {
        this.#ports.vanished(thrown);
        return undefined;
      }
      this.leave(user);
      throw thrown;
    }
  }

  /** A loop gets a record, or a batch that begins with it. */
  hand({ owner, tracker }: OwnedBatch, offset: number): void {
    this.#inHand = { user: this.#user, owner, tracker, offset };
    this.#isHeld = true;
    owner.taken();
  }

  /**
   * The next is asked for. What `user` has in hand is done. What a loop that was left had is not, as that may have
   * thrown: unless it was committed, it comes again.
   */
  settle(user: object): void {
    this.putDown();
    const inHand = this.#inHand;
    this.#inHand = undefined;
    if (inHand === undefined) return;
    const { owner, tracker, offset } = inHand;
    const { reader, isAtMostOnce } = this.#ports;
    if (inHand.user === user || isAtMostOnce) tracker.finished(offset);
    else if (owner.tracker === tracker && owner.phase === "reading" && tracker.size > 0) {
      owner.startOver();
      giveBack(reader, owner);
    }
  }

  /** A loop commits: what it has in hand counts as done, and may still be worked on. */
  countAsDone(): void {
    this.#inHand?.tracker.finished(this.#inHand.offset);
  }

  /** The loop was left: what was in hand is undecided, and nobody needs to wait for it. */
  putDown(): void {
    if (!this.#isHeld) return;
    this.#isHeld = false;
    this.#inHand?.owner.letGo();
  }

  /** Ends the user softly. */
  stop(): void {
    if (this.#user === undefined) return;
    this.#isStopping = true;
    this.wake();
  }

  /** Tries again what has failed, now or for the next user. */
  tryAgain(): void {
    this.#isAgainDue = true;
    this.wake();
  }

  /** Lets the user look again. */
  wake(): void {
    this.#ports.reader.leave(this.#end);
    this.#onWake?.();
  }

  /** The user throws this, or the next one does. */
  fail(error: unknown): void {
    this.#failure ??= { error };
    this.wake();
  }

  /** Every user throws this from now on. */
  failForGood(error: MillraceError): void {
    this.#fenced = error;
    this.wake();
  }

  /** Every user ends from now on. What a loop has in hand stays undecided: the loop itself may be what closes. */
  close(): void {
    this.#isClosed = true;
    this.putDown();
    this.wake();
  }

  #throwFailure(): void {
    if (this.#fenced !== undefined) throw this.#fenced;
    const failure = this.#failure;
    this.#failure = undefined;
    if (failure !== undefined) throw failure.error;
  }
}

/** Whether the partition is gone with its topic, be it that there is another of that name. */
function isVanished(thrown: unknown): thrown is MillraceError {
  if (!(thrown instanceof MillraceError)) return false;
  if (thrown.details.new_topic_id !== undefined) return true;
  return thrown.reason === "TOPIC_NOT_FOUND" || thrown.reason === "PARTITION_NOT_FOUND";
}
