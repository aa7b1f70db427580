import type { PartitionLog } from "../../log/index.ts";
import {
  type AppliedState,
  encodeEvents,
  encodeHead,
  encodeKnownAppend,
  encodeOffsets,
  encodeState,
  type EventRun,
  type HeadValue,
} from "../store/index-values.ts";
import { type IndexKeys, streamIdOf } from "../store/index-keys.ts";
import type { IndexChange, IndexStore } from "../store/index-store.ts";
import type { StreamHead, TailRun } from "../stream-head.ts";
import type { HeadMap } from "./head-map.ts";
import type { TailUnit } from "./tail.ts";

/** Most runs of one value of offsets: a reader decodes all to find one. */
const RUNS_PER_VALUE_MAX = 128;
/** Runs that stay with the head, to spare a value for each; then they get one together. */
const RECENT_RUNS_MAX = 16;

/** What a writer stands on. */
export interface IndexWriterParts {
  readonly log: PartitionLog;
  readonly store: IndexStore;
  readonly keys: IndexKeys;
  readonly heads: HeadMap;
}

/** Writes what batches add to streams into the index, together with how far the log is taken in. */
export class IndexWriter {
  readonly #parts: IndexWriterParts;

  constructor(parts: IndexWriterParts) {
    this.#parts = parts;
  }

  /**
   * Takes units in, the oldest of the tail, and returns the new state. Their heads need not be loaded. Calls must not
   * overlap. Throws IndexDamage, or what the store throws: then nothing or all was written; and what flushing the log
   * throws.
   */
  async write(units: readonly TailUnit[]): Promise<AppliedState> {
    const { store, keys, heads, log } = this.#parts;
    const runs = units.flatMap((unit) => unit.runs);
    const byHead = new Map<StreamHead, TailRun[]>();
    for (const run of runs) {
      const own = byHead.get(run.head);
      if (own === undefined) byHead.set(run.head, [run]);
      else own.push(run);
    }
    await heads.loadAll(byHead.keys());
    const after = new Map<StreamHead, HeadValue>();
    const { endOffset: appliedOffset, leaderEpoch } = units.at(-1)!;
    const state = { appliedOffset, leaderEpoch };
    // The index must not outlive what it tells of. A log that is offline stays as it is.
    if (appliedOffset > log.recoveryPoint && log.failure === undefined) await log.flush();
    const changes: IndexChange[] = [{ key: keys.state, value: encodeState(state) }];
    for (const [head, own] of byHead) {
      const value = { ...head.after(own, log.logStartOffset), recent: this.#addEvents(changes, head, own) };
      changes.push({ key: keys.head(head.id), value: encodeHead(value) });
      after.set(head, value);
    }
    this.#addOffsets(changes, runs);
    await store.write(changes);
    for (const [head, own] of byHead) {
      head.applied(own, after.get(head)!);
      heads.rest(head);
    }
    return state;
  }

  /** Adds values for the events that are no longer recent, and returns those that are. */
  #addEvents(changes: IndexChange[], head: StreamHead, runs: readonly TailRun[]): EventRun[] {
    let recent = [...head.stored.recent];
    for (const run of runs) {
      this.#addKnown(changes, run);
      if (run.snapshotRevision !== undefined) continue;
      const event = eventRun(run);
      const last = recent.at(-1);
      const isNext = last === undefined || last.revision + last.count === event.revision;
      if (!isNext || recent.length === RECENT_RUNS_MAX) {
        const key = this.#parts.keys.events(head.id, recent[0]!.revision);
        changes.push({ key, value: encodeEvents(recent) });
        recent = [];
      }
      recent.push(event);
    }
    return recent;
  }

  #addKnown(changes: IndexChange[], { head, idempotencyKey }: TailRun): void {
    const known = idempotencyKey === undefined ? undefined : head.knownAppend(idempotencyKey);
    if (idempotencyKey === undefined || known === undefined) return;
    const keyId = streamIdOf(Buffer.from(idempotencyKey));
    changes.push({ key: this.#parts.keys.idempotency(head.id, keyId), value: encodeKnownAppend(known) });
  }

  /** Which revisions the records at these offsets have that do not tell it themselves. */
  #addOffsets(changes: IndexChange[], runs: readonly TailRun[]): void {
    const plain = runs.filter(({ isPlain }) => isPlain).map(eventRun);
    for (let i = 0; i < plain.length; i += RUNS_PER_VALUE_MAX) {
      const value = plain.slice(i, i + RUNS_PER_VALUE_MAX);
      changes.push({ key: this.#parts.keys.offsets(value[0]!.offset), value: encodeOffsets(value) });
    }
  }
}

function eventRun({ head, first, offset, count }: TailRun): EventRun {
  return { revision: head.revisionOf(first), offset, count };
}
