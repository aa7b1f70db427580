import type { ConsumedBatch, IterationOptions } from "../api/reader.ts";
import { EndWatch } from "./end-watch.ts";
import type { TakingReader } from "./taking-reader.ts";

/** Iterates by delivery. A batch counts as handed out when `next` resolves with it. */
export class BatchIteration implements AsyncIterableIterator<ConsumedBatch> {
  readonly #reader: TakingReader;
  readonly #end: EndWatch;
  #isOver = false;

  constructor(reader: TakingReader, options: IterationOptions) {
    this.#reader = reader;
    this.#end = new EndWatch(options);
  }

  async next(): Promise<IteratorResult<ConsumedBatch>> {
    const taken = this.#isOver ? undefined : await this.#reader.take(this.#end);
    if (taken === undefined) return this.return();
    taken.state.position = taken.batch.nextOffset;
    return { done: false, value: taken.batch };
  }

  async return(): Promise<IteratorResult<ConsumedBatch>> {
    this.#isOver = true;
    this.#reader.leave(this.#end);
    return { done: true, value: undefined };
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}
