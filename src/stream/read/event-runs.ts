import { type IndexKeys, revisionOfKey } from "../store/index-keys.ts";
import type { IndexRow, IndexStore } from "../store/index-store.ts";
import { decodeEvents, type EventRun } from "../store/index-values.ts";

/** Values read at once. */
const ROWS_AT_ONCE = 64;

/** Which events to find. */
export interface EventRunsOptions {
  readonly store: IndexStore;
  readonly keys: IndexKeys;
  readonly streamId: Buffer;
  /** The newest events when the read began, in order; all before them are in values of their own. */
  readonly tail: readonly EventRun[];
  /** Both inclusive. */
  readonly from: number;
  readonly to: number;
  readonly direction: "forwards" | "backwards";
}

/** Finds where the events of a stream are, run by run, in order or backwards. */
export class EventRuns {
  readonly #options: EventRunsOptions;
  /** Runs to be given next. */
  #runs: EventRun[] = [];
  /** Keys that are still to be read. */
  #fromKey: Buffer | undefined;
  #toKey: Buffer;
  #hasRows = true;
  #hasTail = true;

  constructor(options: EventRunsOptions) {
    this.#options = options;
    const { keys, streamId, tail, to } = options;
    const lastStored = Math.min(to, (tail[0]?.revision ?? Number.POSITIVE_INFINITY) - 1);
    this.#toKey = keys.events(streamId, lastStored + 1);
  }

  /** The next run within the bounds, undefined at the end. Throws IndexDamage and what the store throws. */
  async next(): Promise<EventRun | undefined> {
    for (;;) {
      const run = this.#runs.shift();
      if (run === undefined) {
        if (!(await this.#more())) return undefined;
        continue;
      }
      const clipped = this.#clip(run);
      if (clipped !== undefined) return clipped;
    }
  }

  async #more(): Promise<boolean> {
    const isForwards = this.#options.direction === "forwards";
    const readers = [() => this.#readRows(), () => this.#readTail()];
    for (const read of isForwards ? readers : readers.reverse()) if (await read()) return true;
    return false;
  }

  async #readTail(): Promise<boolean> {
    if (!this.#hasTail) return false;
    this.#hasTail = false;
    this.#runs = this.#inDirection(this.#options.tail);
    return true;
  }

  async #readRows(): Promise<boolean> {
    if (!this.#hasRows) return false;
    const isReverse = this.#options.direction === "backwards";
    this.#fromKey ??= await this.#firstKey();
    const limit = ROWS_AT_ONCE;
    const from = this.#fromKey;
    const rows =
      from.compare(this.#toKey) < 0
        ? await this.#options.store.range({ from, to: this.#toKey, isReverse, limit })
        : [];
    const last = rows.at(-1);
    this.#hasRows = rows.length === limit;
    if (last === undefined) return false;
    if (isReverse) this.#toKey = last[0];
    else this.#fromKey = Buffer.concat([last[0], Buffer.of(0)]);
    this.#runs = rows.flatMap((row) => this.#inDirection(runsOf(row)));
    return true;
  }

  /** Key of the value that holds the first event wanted, if it lies within one. */
  async #firstKey(): Promise<Buffer> {
    const { store, keys, streamId, from } = this.#options;
    const key = keys.events(streamId, from);
    if (from === 0) return key;
    const range = { from: keys.events(streamId, 0), to: keys.events(streamId, from + 1), limit: 1 };
    const [row] = await store.range({ ...range, isReverse: true });
    return row?.[0] ?? key;
  }

  #inDirection(runs: readonly EventRun[]): EventRun[] {
    return this.#options.direction === "forwards" ? [...runs] : [...runs].reverse();
  }

  #clip({ revision, offset, count }: EventRun): EventRun | undefined {
    const { from, to } = this.#options;
    const skipped = Math.max(0, from - revision);
    const left = Math.min(count, to + 1 - revision) - skipped;
    return left <= 0 ? undefined : { revision: revision + skipped, offset: offset + skipped, count: left };
  }
}

/** The runs of a value of events. Throws IndexDamage. */
export function runsOf([key, value]: IndexRow): EventRun[] {
  return decodeEvents(revisionOfKey(key), value);
}
