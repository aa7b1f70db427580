/** What the iterations need of a reader. */
import type { AssignedState } from "./assigned-state.ts";
import type { DeliveredBatch } from "./delivered-batch.ts";
import type { EndWatch } from "./end-watch.ts";

/** A batch on its way to the program. */
export interface Taken {
  readonly batch: DeliveredBatch;
  readonly state: AssignedState;
  /** The state's generation: once that has moved on, the rest of the batch is void. */
  readonly generation: number;
}

/** A reader as the iterations see it. */
export interface TakingReader {
  /**
   * The next batch, whose records the caller hands out and whose state's `position` it advances. Undefined once the
   * reader is closed or `end` says so. Throws the failure of a partition, which is then no longer assigned (at
   * once, or at the end if there is one), and a TypeError while another iteration is under way.
   */
  take(end: EndWatch): Promise<Taken | undefined>;
  /** The iteration of `end` is over: a take under way resolves with undefined, and another iteration may begin. */
  leave(end: EndWatch): void;
  /** Makes the reader fetch again from the state's position on. */
  rewind(state: AssignedState): void;
}
