import type { ConsumedRecord, ConsumedRecordCursor, IterationOptions } from "../api/reader.ts";
import { recordAt } from "./delivered-batch.ts";
import { EndWatch } from "./end-watch.ts";
import type { Taken, TakingReader } from "./taking-reader.ts";

/**
 * Iterates by record. Leaving it in the middle of a batch makes the reader fetch the rest again for the next iteration;
 * a seek or pause in the middle of a batch drops the rest.
 */
export class RecordIteration implements AsyncIterableIterator<ConsumedRecord> {
  readonly #reader: TakingReader;
  readonly #end: EndWatch;
  #taken: Taken | undefined;
  #cursor: ConsumedRecordCursor | undefined;
  #isOver = false;

  constructor(reader: TakingReader, options: IterationOptions) {
    this.#reader = reader;
    this.#end = new EndWatch(options);
  }

  async next(): Promise<IteratorResult<ConsumedRecord>> {
    for (;;) {
      const record = this.#nextOfBatch();
      if (record !== undefined) return { done: false, value: record };
      if (this.#isOver) return { done: true, value: undefined };
      const taken = await this.#reader.take(this.#end);
      if (taken === undefined) return this.return();
      this.#taken = taken;
      this.#cursor = taken.batch.records();
    }
  }

  async return(): Promise<IteratorResult<ConsumedRecord>> {
    const taken = this.#taken;
    this.#isOver = true;
    this.#reader.leave(this.#end);
    this.#taken = undefined;
    this.#cursor = undefined;
    if (taken !== undefined && taken.generation === taken.state.generation) this.#reader.rewind(taken.state);
    return { done: true, value: undefined };
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  #nextOfBatch(): ConsumedRecord | undefined {
    const taken = this.#taken;
    const cursor = this.#cursor;
    if (taken === undefined || cursor === undefined) return undefined;
    const { batch, state, generation } = taken;
    const isValid = state.generation === generation;
    if (isValid && cursor.next()) {
      const record = recordAt(batch, cursor);
      state.position = record.offset + 1;
      return record;
    }
    if (isValid) state.position = batch.nextOffset;
    this.#taken = undefined;
    this.#cursor = undefined;
    return undefined;
  }
}
