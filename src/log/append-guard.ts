import type { BatchHeader } from "../record/index.ts";

/** What an append demands of the log at the moment in which it gets its offset. Only the guard knows what it means. */
export type AppendCondition = object;

/** A batch that is about to get its offset. */
export interface Placing {
  readonly batch: Buffer;
  readonly header: BatchHeader;
  readonly baseOffset: number;
  readonly condition: AppendCondition | undefined;
}

/**
 * Whoever follows a log batch by batch and has a say in it: which appends get an offset, when the writer has to wait,
 * and from where on records are still needed. A log has at most one; without one nothing is asked.
 *
 * `place`, `commit` and `discard` are called in the order of the offsets, one write after another: the batches of a
 * write are placed, then either all of them are in the log or none is.
 */
export interface AppendGuard {
  /**
   * Takes note of a batch, with what was placed before it in the same write. Throws MillraceError to refuse it, which
   * then never gets an offset. Must not take long: the log waits. Batches that the log has already are not placed.
   */
  place(placing: Placing): void;
  /** What was placed is in the log, but perhaps not durable yet. */
  commit(): void;
  /** The write failed: what was placed never was. */
  discard(): void;
  /** Asked before each write: undefined to go on, or a promise to wait for, which must settle if the log fails. */
  room(): Promise<void> | undefined;
  /**
   * Asked before the log start rises to `beforeOffset`: resolves with the offset up to which it may. Must not wait for
   * another append.
   */
  release(beforeOffset: number): Promise<number>;
}
