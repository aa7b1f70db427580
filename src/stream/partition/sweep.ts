import type { Logger } from "../../base/index.ts";
import type { PartitionLog } from "../../log/index.ts";
import { type IndexKeys, revisionOfKey } from "../store/index-keys.ts";
import type { IndexChange, IndexRow, IndexStore } from "../store/index-store.ts";
import {
  decodeEvents,
  decodeKnownAppend,
  decodeOffset,
  decodeOffsets,
  encodeOffset,
  endOfAppend,
  type EventRun,
} from "../store/index-values.ts";

/** Rows looked at in one step. */
const ROWS_AT_ONCE = 512;
/** A sweep is due when so many offsets went since the last, and this share of those that are left. */
const OFFSETS_MIN = 1_000;
const SHARE_MIN = 1 / 8;

/** What a sweep stands on. */
export interface SweepParts {
  readonly name: string;
  readonly store: IndexStore;
  readonly keys: IndexKeys;
  readonly log: PartitionLog;
  readonly logger: Logger;
}

/** A range of keys, and whether a row of it speaks of nothing but offsets below the limit. */
interface Phase {
  readonly range: readonly [from: Buffer, to: Buffer];
  readonly isBelow: (row: IndexRow, limit: number) => boolean;
}

/**
 * Removes from the index what was trimmed from the log, now and then and step by step. The heads stay: revisions go on
 * counting.
 */
export class Sweep {
  readonly #parts: SweepParts;
  readonly #phases: readonly Phase[];
  #sweptTo: number | undefined;
  /** Nothing while none is under way. */
  #limit: number | undefined;
  #phase = 0;
  #from: Buffer;
  #removed = 0;

  constructor(parts: SweepParts) {
    this.#parts = parts;
    const { keys } = parts;
    this.#phases = [
      {
        range: keys.allEvents,
        isBelow: ([key, value], limit) => endOf(decodeEvents(revisionOfKey(key), value)) <= limit,
      },
      {
        range: keys.allIdempotency,
        isBelow: ([, value], limit) => endOfAppend(decodeKnownAppend(value)) <= limit,
      },
      { range: keys.allOffsets, isBelow: ([, value], limit) => endOf(decodeOffsets(value)) <= limit },
    ];
    this.#from = keys.first;
  }

  /** Goes a step on if a sweep is due or under way, and tells whether one was made. Throws IndexDamage. */
  async step(): Promise<boolean> {
    const limit = this.#limit ?? (await this.#begin());
    if (limit === undefined) return false;
    const { store } = this.#parts;
    const phase = this.#phases[this.#phase]!;
    const rows = await store.range({ from: this.#from, to: phase.range[1], limit: ROWS_AT_ONCE });
    const gone = rows.filter((row) => phase.isBelow(row, limit)).map(([key]): IndexChange => ({ key }));
    if (gone.length > 0) await store.write(gone);
    this.#removed += gone.length;
    const last = rows.at(-1);
    if (rows.length === ROWS_AT_ONCE && last !== undefined)
      this.#from = Buffer.concat([last[0], Buffer.of(0)]);
    else await this.#endPhase(limit);
    return true;
  }

  /** Begins one if it is due, and returns its limit. */
  async #begin(): Promise<number | undefined> {
    const { store, keys, log } = this.#parts;
    const { logStartOffset, highWatermark } = log;
    if (logStartOffset === 0) return undefined;
    if (this.#sweptTo === undefined) {
      const value = await store.get(keys.swept);
      this.#sweptTo = value === undefined ? 0 : decodeOffset(value);
    }
    const due = Math.max(OFFSETS_MIN, (highWatermark - logStartOffset) * SHARE_MIN);
    if (logStartOffset - this.#sweptTo < due) return undefined;
    this.#limit = logStartOffset;
    this.#phase = 0;
    this.#from = this.#phases[0]!.range[0];
    this.#removed = 0;
    return logStartOffset;
  }

  async #endPhase(limit: number): Promise<void> {
    const next = this.#phases[this.#phase + 1];
    if (next !== undefined) {
      this.#phase++;
      this.#from = next.range[0];
      return;
    }
    const { name, store, keys, logger } = this.#parts;
    await store.write([{ key: keys.swept, value: encodeOffset(limit) }]);
    this.#sweptTo = limit;
    this.#limit = undefined;
    logger.info({ partition: name, belowOffset: limit, rows: this.#removed }, "stream index swept");
  }
}

function endOf(runs: readonly EventRun[]): number {
  const last = runs.at(-1);
  return last === undefined ? 0 : last.offset + last.count;
}
