import {
  type IndexChange,
  type IndexRange,
  type IndexStore,
  MemoryIndexStore,
} from "../../src/stream/index.ts";

type Step = { readonly changes: readonly IndexChange[] } | { readonly from: Buffer; readonly to: Buffer };

/** A store that remembers what was written, to go on from any point of it: what a crash leaves. */
export class JournaledStore implements IndexStore {
  readonly #store = new MemoryIndexStore();
  readonly #steps: Step[] = [];
  /** Called before each write; a throw fails it. */
  beforeWrite: () => void = () => undefined;

  get length(): number {
    return this.#steps.length;
  }

  /** The store as it was after so many writes. */
  async after(count: number): Promise<JournaledStore> {
    const copy = new JournaledStore();
    for (const step of this.#steps.slice(0, count)) {
      if ("changes" in step) await copy.write(step.changes);
      else await copy.clear(step.from, step.to);
    }
    return copy;
  }

  async open() {
    return { isNew: this.#steps.length === 0 };
  }

  async close() {
    await this.#store.close();
  }

  get(key: Buffer) {
    return this.#store.get(key);
  }

  getMany(keys: readonly Buffer[]) {
    return this.#store.getMany(keys);
  }

  range(range: IndexRange) {
    return this.#store.range(range);
  }

  async write(changes: readonly IndexChange[]) {
    this.beforeWrite();
    this.#steps.push({ changes });
    await this.#store.write(changes);
  }

  async clear(from: Buffer, to: Buffer) {
    this.#steps.push({ from, to });
    await this.#store.clear(from, to);
  }
}
