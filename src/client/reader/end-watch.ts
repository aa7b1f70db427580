import type { IterationOptions } from "../api/reader.ts";
import type { AssignedState } from "./assigned-state.ts";

/**
 * Knows when an iteration with `stopAtEnd` is over: when each partition that was assigned as it began has been at its
 * end since. A mark counts although records have come after it: a busy partition is never at its end for long.
 */
export class EndWatch {
  readonly #stopAtEnd: boolean;
  /** Partitions that were not at their end yet, with the marks they had when the iteration began. */
  #behind: Map<AssignedState, number> | undefined;

  constructor(options: IterationOptions) {
    this.#stopAtEnd = options.stopAtEnd ?? false;
  }

  /** Whether the iteration is over. */
  readonly isOver = (states: Iterable<AssignedState>): boolean => {
    if (!this.#stopAtEnd) return false;
    this.#behind ??= new Map([...states].map((state) => [state, state.marks]));
    for (const [state, marks] of this.#behind) {
      const isDone = !state.isAssigned || state.isPaused || state.isCaughtUp || state.marks > marks;
      if (isDone) this.#behind.delete(state);
    }
    return this.#behind.size === 0;
  };
}
