import type { ConsumedBatch } from "../api/reader.ts";
import type { IterationPorts } from "./group-record-iteration.ts";
import { giveBack, isVoid } from "./open-batch.ts";

/** Iterates by delivery; each is done when the next is asked for. */
export class GroupBatchIteration implements AsyncIterableIterator<ConsumedBatch> {
  readonly #ports: IterationPorts;
  #isOver = false;

  constructor(ports: IterationPorts) {
    this.#ports = ports;
  }

  async next(): Promise<IteratorResult<ConsumedBatch>> {
    if (this.#isOver) return { done: true, value: undefined };
    const { handout, ahead, reader } = this.#ports;
    handout.enter(this);
    handout.settle(this);
    while (!handout.isOver(this)) {
      const taken = await handout.take(this);
      if (taken === undefined) continue;
      try {
        await ahead.allowWhole(taken);
      } catch (thrown) {
        giveBack(reader, taken.owner);
        handout.leave(this);
        throw thrown;
      }
      if (isVoid(taken)) continue;
      const { batch, tracker } = taken;
      tracker.started(batch.firstOffset);
      tracker.passed(batch.nextOffset);
      handout.hand(taken, batch.firstOffset);
      return { done: false, value: batch };
    }
    return this.return();
  }

  async return(): Promise<IteratorResult<ConsumedBatch>> {
    this.#isOver = true;
    this.#ports.handout.leave(this);
    return { done: true, value: undefined };
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}
