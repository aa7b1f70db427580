import type { ConsumedRecord } from "../api/reader.ts";
import type { PartitionReader } from "../reader/partition-reader.ts";
import type { AheadCommits } from "./ahead-commits.ts";
import type { Handout } from "./handout.ts";
import { giveBack, isVoid, OpenBatch } from "./open-batch.ts";

/** What an iteration needs. */
export interface IterationPorts {
  readonly handout: Handout;
  readonly reader: PartitionReader;
  readonly ahead: AheadCommits;
}

/** Iterates by record; each is done when the next is asked for. What is left of a batch is read again by who comes next. */
export class GroupRecordIteration implements AsyncIterableIterator<ConsumedRecord> {
  readonly #ports: IterationPorts;
  #open: OpenBatch | undefined;
  #isOver = false;

  constructor(ports: IterationPorts) {
    this.#ports = ports;
  }

  async next(): Promise<IteratorResult<ConsumedRecord>> {
    if (this.#isOver) return { done: true, value: undefined };
    const { handout, ahead } = this.#ports;
    handout.enter(this);
    handout.settle(this);
    try {
      while (!handout.isOver(this)) {
        const open = this.#open;
        if (open === undefined || !open.hasNext()) {
          this.#open = undefined;
          const taken = await handout.take(this);
          if (taken !== undefined) this.#open = new OpenBatch(taken);
        } else if (ahead.isDue(open)) {
          await ahead.allowNext(open);
        } else {
          const record = open.next();
          handout.hand(open.source, record.offset);
          return { done: false, value: record };
        }
      }
    } catch (thrown) {
      this.#giveBack();
      handout.leave(this);
      throw thrown;
    }
    return this.return();
  }

  async return(): Promise<IteratorResult<ConsumedRecord>> {
    this.#isOver = true;
    this.#giveBack();
    this.#ports.handout.leave(this);
    return { done: true, value: undefined };
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  #giveBack(): void {
    const open = this.#open;
    this.#open = undefined;
    if (open !== undefined && !isVoid(open.source)) giveBack(this.#ports.reader, open.source.owner);
  }
}
