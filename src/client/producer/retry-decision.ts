/** What to do with a batch that was not appended, or of which that is not known. */
import type { MillraceError } from "../../errors/index.ts";

/**
 * again: send it again, after a wait. refresh: the same, after asking for metadata. fresh-identity: the same, under a
 * new producer id. give-up: it fails.
 */
export type Decision = "again" | "refresh" | "fresh-identity" | "give-up";

/** The case of a batch. */
export interface FailedTry {
  readonly isIdempotent: boolean;
  /** An earlier batch of the partition failed just before, so that this one comes out of sequence. */
  readonly followsTrouble: boolean;
  /** An earlier try ended without an answer. */
  readonly mayBeAppended: boolean;
  /** Times that metadata was asked for again because of it. */
  readonly refreshes: number;
}

/**
 * Decides by `retry` of the error. A topic or partition that does not exist is looked for once more only. A gap in the
 * sequence is the fault of the batch before it, if that failed; else the broker's memory and ours differ, and a new
 * identity mends it, provided that the batch was certainly not appended under the old one.
 */
export function decide(error: MillraceError, failed: FailedTry): Decision {
  if (error.reason === "OUT_OF_ORDER_SEQUENCE" && failed.isIdempotent) {
    if (failed.followsTrouble) return "again";
    return failed.mayBeAppended ? "give-up" : "fresh-identity";
  }
  if (error.retry === "never" || error.retry === "rejoin") return "give-up";
  if (error.retry === "same") return "again";
  const isMissing = error.reason === "TOPIC_NOT_FOUND" || error.reason === "PARTITION_NOT_FOUND";
  return isMissing && failed.refreshes > 0 ? "give-up" : "refresh";
}
