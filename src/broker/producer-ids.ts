import { SerialQueue } from "../base/index.ts";
import type { MetadataStore } from "../metadata/index.ts";

/** Hands out producer ids, one durable write for each block of them. Ids of a block that a crash cuts off are lost. */
export class ProducerIds {
  readonly #store: MetadataStore;
  readonly #turns = new SerialQueue();
  #next = 0;
  #end = 0;

  constructor(store: MetadataStore) {
    this.#store = store;
  }

  /** An id that was never given before. */
  next(): Promise<number> {
    return this.#turns.run(async () => {
      if (this.#next === this.#end) {
        const { first, count } = await this.#store.allocateProducerIds();
        this.#next = first;
        this.#end = first + count;
      }
      return this.#next++;
    });
  }
}
