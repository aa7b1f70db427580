import type { Evictable } from "../log/index.ts";
import { streamIdOf } from "./store/index-keys.ts";
import type { HeadValue, KnownAppend, SnapshotPlace } from "./store/index-values.ts";

/**
 * Records of one stream at consecutive offsets that are placed in the log and not in the index yet: a snapshot, or
 * events with consecutive revisions.
 */
export interface TailRun {
  readonly head: StreamHead;
  readonly offset: number;
  count: number;
  /** Events counted since the head came to memory, before these. */
  readonly first: number;
  /** Undefined for events. */
  readonly snapshotRevision: number | undefined;
  readonly idempotencyKey: string | undefined;
  /** The records do not tell their revisions themselves. */
  readonly isPlain: boolean;
}

/** What a head takes in memory, roughly, beside its key. */
const HEAD_BYTES = 700;
const KEY_BYTES_FACTOR = 4;
const RUN_BYTES = 64;

const NO_STREAM: HeadValue = { nextRevision: 0, snapshot: undefined, recent: [] };

/**
 * What is known in memory of one stream: how many events it has with all that is placed in the log. It counts from the
 * moment it comes to memory, and knows its revisions as soon as it is told what the index had then.
 */
export class StreamHead implements Evictable {
  readonly key: Buffer;
  /** Key of the map of heads: the bytes of the stream's key, one character each. */
  readonly name: string;
  readonly #evict: (head: StreamHead) => void;
  #id: Buffer | undefined;
  #stored: HeadValue | undefined;
  /** Revision of the first event counted here. */
  #base = 0;
  /** Events placed since. */
  counted = 0;
  /** Not in the index yet, in the order of offsets. */
  readonly tail: TailRun[] = [];
  /** Of those the ones with an idempotency key. */
  #known: Map<string, TailRun> | undefined;
  /** Appends with an idempotency key that are under way. */
  underway: Map<string, Promise<unknown>> | undefined;
  /** Events of appends that wait for their offsets. */
  queued = 0;
  /** Users that need it in memory. */
  pins = 0;
  loading: Promise<void> | undefined;

  constructor(name: string, evict: (head: StreamHead) => void) {
    this.name = name;
    this.key = Buffer.from(name, "latin1");
    this.#evict = evict;
  }

  /** Id of the stream in the index. */
  get id(): Buffer {
    this.#id ??= streamIdOf(this.key);
    return this.#id;
  }

  get isLoaded(): boolean {
    return this.#stored !== undefined;
  }

  /** What the index has of the stream. Only of a head that is loaded. */
  get stored(): HeadValue {
    if (this.#stored === undefined) throw new TypeError("the head of the stream is not loaded");
    return this.#stored;
  }

  /** Revision of the next event to be placed. Only of a head that is loaded, as all revisions. */
  get nextRevision(): number {
    return this.revisionOf(this.counted);
  }

  /** Nobody needs it in memory. */
  get isIdle(): boolean {
    return this.pins === 0 && this.tail.length === 0;
  }

  /** Roughly what it takes in memory. */
  get bytes(): number {
    return HEAD_BYTES + KEY_BYTES_FACTOR * this.key.length + RUN_BYTES * (this.#stored?.recent.length ?? 0);
  }

  /** Tells what the index had when the head came to memory; later ones change nothing. */
  load(stored: HeadValue | undefined): void {
    if (this.#stored !== undefined) return;
    this.#stored = stored ?? NO_STREAM;
    this.#base = this.#stored.nextRevision;
  }

  revisionOf(counted: number): number {
    if (this.#stored === undefined) throw new TypeError("the head of the stream is not loaded");
    return this.#base + counted;
  }

  /** Notes a run that is placed. */
  add(run: TailRun): void {
    this.tail.push(run);
    if (run.snapshotRevision === undefined) this.counted = run.first + run.count;
    // A log that has lost its beginning may show a snapshot before the events that it stands for.
    else this.skipTo(run.snapshotRevision + 1);
    if (run.idempotencyKey === undefined) return;
    this.#known ??= new Map();
    this.#known.set(run.idempotencyKey, run);
  }

  /** Events before this revision are gone from the log, where it is above the next. */
  skipTo(revision: number): void {
    this.counted = Math.max(this.counted, revision - this.#base);
  }

  /** Makes the run that was added last longer. */
  extend(run: TailRun): void {
    run.count++;
    this.counted++;
  }

  /** Takes back the run that was added last. */
  takeBack(run: TailRun): void {
    this.tail.pop();
    if (run.snapshotRevision === undefined) this.counted = run.first;
    if (run.idempotencyKey !== undefined) this.#known?.delete(run.idempotencyKey);
  }

  /** The oldest runs are in the index, which now has this. */
  applied(runs: readonly TailRun[], stored: HeadValue): void {
    this.tail.splice(0, runs.length);
    this.#stored = stored;
    for (const { idempotencyKey } of runs) {
      if (idempotencyKey !== undefined) this.#known?.delete(idempotencyKey);
    }
  }

  /** The stream with these runs. A snapshot below the log start gives way to any other. */
  after(runs: readonly TailRun[], logStartOffset: number): Pick<HeadValue, "nextRevision" | "snapshot"> {
    let { nextRevision, snapshot } = this.stored;
    for (const run of runs) {
      if (run.snapshotRevision === undefined) nextRevision = this.revisionOf(run.first + run.count);
      else {
        snapshot = laterSnapshot(snapshot, snapshotOf(run), logStartOffset);
        nextRevision = Math.max(nextRevision, run.snapshotRevision + 1);
      }
    }
    return { nextRevision, snapshot };
  }

  /** What an append with the key did that is not in the index yet. */
  knownAppend(idempotencyKey: string): KnownAppend | undefined {
    const run = this.#known?.get(idempotencyKey);
    if (run === undefined) return undefined;
    const { offset: baseOffset, count, first, snapshotRevision } = run;
    if (snapshotRevision !== undefined) return { firstRevision: snapshotRevision, count: 0, baseOffset };
    return { firstRevision: this.revisionOf(first), count, baseOffset };
  }

  evict(): void {
    this.#evict(this);
  }
}

/** The snapshot to read from when another comes: the one of the higher revision, as long as it is kept. */
function laterSnapshot(
  known: SnapshotPlace | undefined,
  next: SnapshotPlace,
  logStartOffset: number,
): SnapshotPlace {
  const isBetter = known !== undefined && known.revision > next.revision && known.offset >= logStartOffset;
  return isBetter ? known : next;
}

function snapshotOf({ offset, snapshotRevision = 0 }: TailRun): SnapshotPlace {
  return { revision: snapshotRevision, offset };
}
