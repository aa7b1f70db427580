import { lookUpOffsets } from "../admin/offset-lookup.ts";
import type { IterationOptions } from "../api/reader.ts";
import type { Cluster } from "../cluster/cluster.ts";
import { requireKnown } from "../option-checks.ts";
import type { AssignedState } from "./assigned-state.ts";

/** Where a partition is left. */
interface Goal {
  /**
   * The high watermark as the iteration began. Undefined if the leader could not be asked, or if the position lies
   * beyond it: then only a mark counts, or the refusal of that position.
   */
  readonly offset: number | undefined;
  /** Caught-up marks handed out as the iteration began. */
  readonly marks: number;
}

/**
 * Knows when an iteration with `stopAtEnd` is over: when each partition that was assigned as it began has been handed
 * out up to the high watermark of that moment. A busy partition that never catches up ends the iteration all the same.
 */
export class EndWatch {
  /** Whether the iteration has an end at all. */
  readonly stopsAtEnd: boolean;
  /** Partitions that are not at their goal yet. */
  #behind: Map<AssignedState, Goal> | undefined;

  constructor(options: IterationOptions) {
    requireKnown("an iteration", options, { stopAtEnd: true });
    this.stopsAtEnd = options.stopAtEnd ?? false;
  }

  /** Asks the leaders for the goals; the first call only. */
  async begin(cluster: Cluster, states: Iterable<AssignedState>): Promise<void> {
    if (!this.stopsAtEnd || this.#behind !== undefined) return;
    const assigned = [...states];
    const marks = assigned.map((state) => state.marks);
    const queries = assigned.map(({ topic, partition }) => ({ topic, partition, at: "end" as const }));
    const answers = await lookUpOffsets(cluster, queries);
    const goals = assigned.map((state, index): [AssignedState, Goal] => {
      const end = answers[index]!.offset;
      const isWithin = end !== undefined && state.position <= end;
      return [state, { offset: isWithin ? end : undefined, marks: marks[index]! }];
    });
    this.#behind = new Map(goals);
  }

  /** Whether the iteration is over. */
  get isOver(): boolean {
    if (this.#behind === undefined) return false;
    for (const [state, goal] of this.#behind) {
      const isReached = goal.offset === undefined ? state.marks > goal.marks : state.position >= goal.offset;
      if (isReached || !state.isAssigned || state.isPaused) this.#behind.delete(state);
    }
    return this.#behind.size === 0;
  }
}
