import type { StreamHead } from "../stream-head.ts";
import type { ExpectedRevision } from "../types.ts";

/** What an append to a stream is and demands. */
export interface ConditionParts {
  readonly head: StreamHead;
  readonly expected: ExpectedRevision;
  /** Revision of the first event, as it is encoded. */
  readonly firstRevision: number;
  /** Records of the batch, all of the one stream. */
  readonly count: number;
  /** Undefined for events. */
  readonly snapshotRevision: number | undefined;
  readonly idempotencyKey: string | undefined;
}

/**
 * The condition of one try to append. Refused with: conflict, the stream is not as expected; moved, it is, but the
 * revisions encoded are not the next; lost, the index has begun anew meanwhile.
 */
export class StreamCondition {
  readonly parts: ConditionParts;
  refusedFor: "conflict" | "moved" | "lost" | undefined;
  /** Events that those who come behind count with. */
  #queued: number;

  constructor(parts: ConditionParts) {
    this.parts = parts;
    const { head, firstRevision, count, snapshotRevision } = parts;
    const isLikely = snapshotRevision === undefined && firstRevision === head.nextRevision + head.queued;
    this.#queued = isLikely ? count : 0;
    head.queued += this.#queued;
  }

  /** It has its place, or will have none. Harmless if called again. */
  leaveQueue(): void {
    this.parts.head.queued -= this.#queued;
    this.#queued = 0;
  }
}
