import type { HandlerContext } from "../api/group-consumer.ts";
import type { ConsumedRecord } from "../api/reader.ts";
import { Fifo } from "../fifo.ts";
import type { OffsetTracker } from "./offset-tracker.ts";
import { isVoid, OpenBatch, type OwnedBatch } from "./open-batch.ts";
import type { OwnedPartition } from "./owned-partition.ts";

/** Records of a partition that may be done behind one that is not. */
const DONE_AHEAD_MAX = 65_536;

/** A record on its way to a handler. */
export interface HandlerTask {
  readonly feed: PartitionFeed;
  readonly tracker: OffsetTracker;
  readonly record: ConsumedRecord;
}

/** What a run holds of one partition: batches that wait, and how many of its records are with handlers. */
export class PartitionFeed {
  readonly owner: OwnedPartition;
  readonly context: HandlerContext;
  /** Records given to the pool and not done. */
  unfinished = 0;
  /** Bytes of the batches that wait. */
  bytes = 0;
  readonly #batches = new Fifo<OpenBatch>();

  constructor(owner: OwnedPartition) {
    this.owner = owner;
    this.context = {
      get signal() {
        return owner.signal;
      },
    };
  }

  get hasBatches(): boolean {
    return this.#batches.size > 0;
  }

  add(source: OwnedBatch): void {
    this.#batches.push(new OpenBatch(source));
    this.owner.putAside();
    this.bytes += source.batch.bytes;
  }

  /** Whether it may give more records to the pool: it has a share of what may be in flight, and may run ahead so far only. */
  hasRoom(share: number): boolean {
    return this.unfinished < share && (this.owner.tracker?.size ?? 0) < DONE_AHEAD_MAX;
  }

  /** The batch whose records come next; those that are at their end, or void, are forgotten. */
  current(): OpenBatch | undefined {
    for (;;) {
      const open = this.#batches.peek();
      if (open === undefined || open.hasNext()) return open;
      this.forgetCurrent();
    }
  }

  /** Forgets the oldest batch. */
  forgetCurrent(): void {
    const open = this.#batches.shift();
    if (open === undefined) return;
    this.bytes -= open.source.batch.bytes;
    this.owner.tookUp();
  }

  /** Whether a task may still be begun: its partition was neither given up nor moved. */
  isCurrent({ tracker }: HandlerTask): boolean {
    return this.owner.phase === "reading" && this.owner.tracker === tracker;
  }

  /** Whether the oldest batch is of no use any more. */
  get isStale(): boolean {
    const open = this.#batches.peek();
    return open !== undefined && isVoid(open.source);
  }
}
