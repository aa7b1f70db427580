import type { AssignedPartition } from "../api/reader.ts";
import { Backoff } from "../backoff.ts";
import type { Random } from "../../base/index.ts";
import type { BrokerSubscription } from "./broker-subscription.ts";

/** What the reader knows of an assigned partition. */
export class AssignedState {
  readonly topic: string;
  readonly partition: number;
  readonly backoff: Backoff;
  /** Offset of the next record to hand out. */
  position: number;
  /** Offset to ask the broker for when it is assigned there again: what lies before it is queued or handed out. */
  fetchOffset: number;
  /** Topic that the offsets belong to; undefined until it is subscribed after a move elsewhere. */
  topicId: string | undefined;
  /** Counts moves: what was queued before a move must not be handed out. */
  generation = 0;
  isPaused = false;
  isAssigned = true;
  highWatermark: number | undefined;
  /** Caught-up marks handed out. */
  marks = 0;
  /** Where it is subscribed, and under which number; undefined while it is not. */
  subscription: BrokerSubscription | undefined;
  assignmentId: number | undefined;
  /** Since when it cannot be read, on the monotonic clock. */
  troubleSinceMs: number | undefined;

  constructor(topic: string, partition: number, position: number, random: Random) {
    this.topic = topic;
    this.partition = partition;
    this.position = position;
    this.fetchOffset = position;
    this.backoff = new Backoff(random);
  }

  /** Everything up to the last heard high watermark was handed out. */
  get isCaughtUp(): boolean {
    return this.highWatermark !== undefined && this.position >= this.highWatermark;
  }

  /** Goes to another offset, of whatever topic has the name now; what is queued is void. */
  move(offset: number): void {
    this.goBack(offset);
    this.topicId = undefined;
  }

  /** Goes back to an offset that was read before, and means nothing in another topic; what is queued is void. */
  goBack(offset: number): void {
    this.position = offset;
    this.fetchOffset = offset;
    this.generation++;
  }

  /** The broker answered: trouble is over. */
  recovered(): void {
    this.troubleSinceMs = undefined;
    this.backoff.reset();
  }

  /** For the program. */
  describe(): AssignedPartition {
    const { topic, partition, position, highWatermark, isPaused, isCaughtUp } = this;
    return { topic, partition, position, highWatermark, isPaused, isCaughtUp };
  }
}

/** The key of a partition in maps: topic names hold no slash. */
export function partitionKey(topic: string, partition: number): string {
  return `${topic}/${partition}`;
}
