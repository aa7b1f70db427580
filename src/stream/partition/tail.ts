import type { StreamHead, TailRun } from "../stream-head.ts";

/** What a run takes in memory, roughly. */
const RUN_BYTES = 150;

interface CommittedUnit extends TailUnit {
  /** What it takes in memory, with the heads that it holds there. */
  readonly bytes: number;
}

/** What a batch, or a part of one, adds to streams. */
export interface TailUnit {
  /** Exclusive. */
  readonly endOffset: number;
  readonly leaderEpoch: number;
  /** In the order of offsets. */
  readonly runs: readonly TailRun[];
}

/** Memory that the tails of all partitions share. */
export class TailBudget {
  readonly #bytesMax: number;
  bytes = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  get isSpent(): boolean {
    return this.bytes >= this.#bytesMax;
  }
}

/**
 * What is placed in a log and not in the index yet: what the write under way places is staged, and becomes part of the
 * tail or is taken back as the write ends.
 */
export class Tail {
  readonly #budget: TailBudget;
  #staged: TailUnit[] = [];
  #units: CommittedUnit[] = [];
  #runCount = 0;
  #bytes = 0;

  constructor(budget: TailBudget) {
    this.#budget = budget;
  }

  get isEmpty(): boolean {
    return this.#units.length === 0 && this.#staged.length === 0;
  }

  /** Runs that are in the log and not in the index. */
  get runCount(): number {
    return this.#runCount;
  }

  stage(unit: TailUnit): void {
    this.#staged.push(unit);
  }

  commit(): void {
    for (const unit of this.#staged) {
      const bytes = bytesOf(unit);
      this.#units.push({ ...unit, bytes });
      this.#account(unit.runs.length, bytes);
    }
    this.#staged = [];
  }

  /** Takes back what was staged; returns the heads that it concerned. */
  discard(): StreamHead[] {
    const runs = this.#staged.flatMap((unit) => unit.runs);
    this.#staged = [];
    for (const run of runs.reverse()) run.head.takeBack(run);
    return runs.map(({ head }) => head);
  }

  /** The oldest units up to the offset (exclusive), about as many as have `runsMax` runs. They stay in the tail. */
  peek(endOffset: number, runsMax: number): readonly TailUnit[] {
    let count = 0;
    for (let runs = 0; count < this.#units.length && runs < runsMax; count++) {
      const unit = this.#units[count]!;
      if (unit.endOffset > endOffset) break;
      runs += unit.runs.length;
    }
    return this.#units.slice(0, count);
  }

  /** The oldest units are in the index. */
  drop(count: number): void {
    for (const { runs, bytes } of this.#units.splice(0, count)) this.#account(-runs.length, -bytes);
  }

  /** Forgets everything; the log has it. */
  clear(): void {
    this.#units = [];
    this.#staged = [];
    this.#account(-this.#runCount, -this.#bytes);
  }

  #account(runs: number, bytes: number): void {
    this.#runCount += runs;
    this.#bytes += bytes;
    this.#budget.bytes += bytes;
  }
}

/** A head counts with its first run in the tail: it has to stay for that. */
function bytesOf({ runs }: TailUnit): number {
  let bytes = runs.length * RUN_BYTES;
  for (const run of runs) if (run.head.tail[0] === run) bytes += run.head.bytes;
  return bytes;
}
