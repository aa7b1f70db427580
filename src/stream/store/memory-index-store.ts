import type { IndexChange, IndexRange, IndexRow, IndexStore } from "./index-store.ts";
import { SortedMap } from "./sorted-map.ts";

/** An index in memory, gone with the process: for brokers whose logs are in memory too. */
export class MemoryIndexStore implements IndexStore {
  readonly #rows = new SortedMap();
  #isNew = true;

  async open(): Promise<{ readonly isNew: boolean }> {
    return { isNew: this.#isNew };
  }

  async close(): Promise<void> {
    this.#isNew = false;
  }

  async get(key: Buffer): Promise<Buffer | undefined> {
    return this.#rows.get(key);
  }

  async getMany(keys: readonly Buffer[]): Promise<(Buffer | undefined)[]> {
    return keys.map((key) => this.#rows.get(key));
  }

  async range({ from, to, isReverse, limit }: IndexRange): Promise<IndexRow[]> {
    const rows: IndexRow[] = [];
    const found = isReverse === true ? this.#rows.downwards(from, to) : this.#rows.upwards(from, to);
    for (const row of found) if (rows.push(row) === limit) break;
    return rows;
  }

  async write(changes: readonly IndexChange[]): Promise<void> {
    for (const { key, value } of changes) {
      if (value === undefined) this.#rows.delete(key);
      else this.#rows.set(key, value);
    }
  }

  async clear(from: Buffer, to: Buffer): Promise<void> {
    for (const [key] of [...this.#rows.upwards(from, to)]) this.#rows.delete(key);
  }
}
