import type { EventRun } from "../store/index-values.ts";

/** Which revisions are expected, both inclusive. */
export interface ExpectedRuns {
  readonly from: number;
  readonly to: number;
  readonly direction: "forwards" | "backwards";
}

/** Sees to it that runs follow one another from the first revision wanted to the last. */
export class RunSequence {
  readonly #expected: ExpectedRuns;
  /** Revision that the next run has to begin with, in the direction. */
  #next: number;

  constructor(expected: ExpectedRuns) {
    this.#expected = expected;
    this.#next = expected.direction === "forwards" ? expected.from : expected.to;
  }

  /** The revision that should have come before this run, or before the end (undefined); undefined if none is missing. */
  missingBefore(run: EventRun | undefined): number | undefined {
    const { from, to, direction } = this.#expected;
    const next = this.#next;
    if (run === undefined) return next < from || next > to ? undefined : next;
    const isForwards = direction === "forwards";
    const last = run.revision + run.count - 1;
    if ((isForwards ? run.revision : last) !== next) return next;
    this.#next = isForwards ? last + 1 : run.revision - 1;
    return undefined;
  }
}
