import type { Assigned, CommitAnswered, CommitSent, Joined, Polled } from "./events.ts";

/** The time that a member has a partition, as the member knows it. */
export class Tenure {
  readonly member: Joined;
  readonly assigned: Assigned;
  /** When the member gave it up, learned that it was lost, was killed or left; Infinity while it lasts. */
  endedAt = Number.POSITIVE_INFINITY;
  /** Why it ended. */
  end: "released" | "lost" | "killed" | "left" | undefined;
  /** Next offset to poll, for members that read in order. */
  position: number;
  /** End of what was delivered without a gap since the start, or since a seek beyond that: what may be committed. */
  deliveredEnd: number;
  readonly #deliveredAhead = new Set<number>();

  constructor(member: Joined, assigned: Assigned) {
    this.member = member;
    this.assigned = assigned;
    this.position = assigned.start;
    this.deliveredEnd = assigned.start;
  }

  /** Notes what was polled. Returns what is wrong with that, if anything is. */
  poll({ offset, values }: Polled): "poll-skips" | "poll-goes-back" | undefined {
    const expected = this.position;
    const hadAll = this.member.inOrder ? offset < expected : this.#has(offset);
    this.position = offset + values.length;
    this.#deliver(offset, this.position);
    if (hadAll) return "poll-goes-back";
    return this.member.inOrder && offset > expected ? "poll-skips" : undefined;
  }

  /** Notes a seek: the member goes on there, and may commit that place. */
  seek(offset: number): void {
    this.position = offset;
    this.deliveredEnd = Math.max(this.deliveredEnd, offset);
  }

  #has(offset: number): boolean {
    return offset < this.deliveredEnd || this.#deliveredAhead.has(offset);
  }

  #deliver(from: number, to: number): void {
    if (from <= this.deliveredEnd) this.deliveredEnd = Math.max(this.deliveredEnd, to);
    else for (let offset = from; offset < to; offset++) this.#deliveredAhead.add(offset);
    while (this.#deliveredAhead.delete(this.deliveredEnd)) this.deliveredEnd++;
  }
}

/** One partition's part of a commit. */
export interface Commit {
  readonly group: string;
  readonly sent: CommitSent;
  /** The tenure whose records it commits; undefined if the member never had the partition. */
  readonly tenure: Tenure | undefined;
  /** End of what the member had been given in that tenure when it committed. */
  readonly deliveredEnd: number;
  /** Undefined: nobody heard of the outcome. */
  answer: CommitAnswered | undefined;
  /**
   * It was refused and had no effect. What was refused after it may have been sent again, because member and broker
   * could not talk meanwhile, may have taken effect the first time.
   */
  isRefused: boolean;
}

/** Whether the member was told that it is committed. */
export function isAcknowledged({ answer }: Commit): boolean {
  return answer !== undefined && answer.reason === undefined;
}
