import type { StreamHead, TailRun } from "../stream-head.ts";

/** What a run takes in memory, roughly. */
const RUN_BYTES = 150;

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
  #units: TailUnit[] = [];
  #bytes = 0;

  constructor(budget: TailBudget) {
    this.#budget = budget;
  }

  get isEmpty(): boolean {
    return this.#units.length === 0 && this.#staged.length === 0;
  }

  /** Runs that are not in the index, about. */
  get runCount(): number {
    return this.#bytes / RUN_BYTES;
  }

  stage(unit: TailUnit): void {
    this.#staged.push(unit);
  }

  commit(): void {
    for (const unit of this.#staged) {
      this.#units.push(unit);
      this.#account(unit.runs.length * RUN_BYTES);
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
    for (const unit of this.#units.splice(0, count)) this.#account(-unit.runs.length * RUN_BYTES);
  }

  /** Forgets everything; the log has it. */
  clear(): void {
    this.#units = [];
    this.#staged = [];
    this.#account(-this.#bytes);
  }

  #account(bytes: number): void {
    this.#bytes += bytes;
    this.#budget.bytes += bytes;
  }
}
