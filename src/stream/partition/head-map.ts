import type { LruBudget } from "../../log/index.ts";
import type { IndexKeys } from "../store/index-keys.ts";
import type { IndexStore } from "../store/index-store.ts";
import { decodeHead } from "../store/index-values.ts";
import { StreamHead } from "../stream-head.ts";

/** Heads looked up in the index at once. */
const LOADED_AT_ONCE = 1_024;

/** What a map of heads stands on. */
export interface HeadMapParts {
  readonly store: IndexStore;
  readonly keys: IndexKeys;
  /** Bounds the heads of all partitions that nobody needs at the moment. */
  readonly budget: LruBudget;
}

/**
 * The heads of a partition that are in memory. One with a tail, or that somebody pinned, stays; the others go when the
 * memory is needed, those unused for longest first.
 */
export class HeadMap {
  readonly #parts: HeadMapParts;
  readonly #heads = new Map<string, StreamHead>();
  readonly #evict = (head: StreamHead): void => {
    this.#heads.delete(head.name);
  };

  constructor(parts: HeadMapParts) {
    this.#parts = parts;
  }

  /** The head of a stream, kept in memory until `rest` is called for it. It may have to be loaded. */
  hold(name: string): StreamHead {
    let head = this.#heads.get(name);
    if (head === undefined) {
      head = new StreamHead(name, this.#evict);
      this.#heads.set(name, head);
    } else if (head.isIdle) {
      this.#parts.budget.forget(head);
    }
    return head;
  }

  /** False for a head that was in memory before `clear`. */
  has(head: StreamHead): boolean {
    return this.#heads.get(head.name) === head;
  }

  /** The head is not needed any more by the one who calls. */
  rest(head: StreamHead): void {
    if (head.isIdle && this.has(head)) this.#parts.budget.touch(head, head.bytes);
  }

  /** The head of a stream, loaded, to be given back with `unpin`. */
  async pin(key: Uint8Array): Promise<StreamHead> {
    const head = this.hold(Buffer.from(key).toString("latin1"));
    head.pins++;
    try {
      head.loading ??= this.#load(head).finally(() => {
        head.loading = undefined;
      });
      await head.loading;
      return head;
    } catch (error) {
      this.unpin(head);
      throw error;
    }
  }

  unpin(head: StreamHead): void {
    head.pins--;
    this.rest(head);
  }

  /** Loads those that are not. Throws IndexDamage. */
  async loadAll(heads: Iterable<StreamHead>): Promise<void> {
    const { store, keys } = this.#parts;
    const missing = [...heads].filter((head) => !head.isLoaded);
    for (let i = 0; i < missing.length; i += LOADED_AT_ONCE) {
      const some = missing.slice(i, i + LOADED_AT_ONCE);
      const values = await store.getMany(some.map(({ id }) => keys.head(id)));
      for (const [index, head] of some.entries()) load(head, values[index]);
    }
  }

  /** Forgets all heads, also those in use: they are not those of the log any more. */
  clear(): void {
    for (const head of this.#heads.values()) this.#parts.budget.forget(head);
    this.#heads.clear();
  }

  async #load(head: StreamHead): Promise<void> {
    const { store, keys } = this.#parts;
    if (!head.isLoaded) load(head, await store.get(keys.head(head.id)));
  }
}

function load(head: StreamHead, value: Buffer | undefined): void {
  head.load(value === undefined ? undefined : decodeHead(value));
}
