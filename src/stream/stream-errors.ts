/** What streams refuse, in our words. */
import { MillraceError } from "../errors/index.ts";
import type { ExpectedRevision } from "./types.ts";

/** Whether a stream may be appended to whose next event has this revision. */
export function isExpected(expected: ExpectedRevision, nextRevision: number): boolean {
  if (expected === "any") return true;
  if (expected === "none") return nextRevision === 0;
  if (expected === "exists") return nextRevision > 0;
  return nextRevision === expected + 1;
}

/** The stream is not as expected; nothing was written. */
export function wrongRevision(expected: ExpectedRevision, nextRevision: number): MillraceError {
  const actual = nextRevision === 0 ? "none" : nextRevision - 1;
  const is = nextRevision === 0 ? "has no events" : `is at revision ${actual}`;
  return new MillraceError(
    "WRONG_REVISION",
    `the stream ${is}, expected was ${expected}; nothing was appended: read what is new, decide again and expect ${actual}`,
    { details: { expected, actual } },
  );
}

/** A snapshot that knows more than there is. */
export function snapshotAhead(snapshotRevision: number, nextRevision: number): MillraceError {
  const allowed = nextRevision === 0 ? "none, as the stream has no events" : `0 to ${nextRevision - 1}`;
  return new MillraceError(
    "INVALID_REQUEST",
    `the snapshot is of revision ${snapshotRevision}; allowed is ${allowed}`,
    { details: { field: "snapshot_revision", value: snapshotRevision, allowed } },
  );
}

/** A record that would pass for an event that was appended to a stream. */
export function reservedInRecord(header: string): MillraceError {
  return new MillraceError(
    "INVALID_BATCH",
    `a record has the header ${header}, which only StreamService.AppendEvents may write in a topic with stream.index=true; leave it out or append to the stream`,
    { details: { field: "headers", value: header } },
  );
}

/** The topic has no streams. */
export function notIndexed(topic: string): MillraceError {
  return new MillraceError(
    "INVALID_REQUEST",
    `topic ${topic} has no stream index; set stream.index=true on it to append to and read streams`,
    { details: { field: "topic", value: topic, allowed: "a topic with stream.index=true" } },
  );
}

/** The index names a record that is not what it should be. */
export function indexDamaged(partition: string, problem: string, cause?: unknown): MillraceError {
  return new MillraceError(
    "LOG_CORRUPT",
    `the stream index of partition ${partition} is damaged: ${problem}; the log is whole, and the index is being built again from it: try again later`,
    { details: { partition }, cause },
  );
}

/** The index has not come to the end of the log yet. */
export function stillLoading(partition: string, appliedOffset: number, endOffset: number): MillraceError {
  const percent = endOffset === 0 ? 0 : Math.floor((100 * appliedOffset) / endOffset);
  return new MillraceError(
    "COORDINATOR_LOADING",
    `the stream index of partition ${partition} is being built: it is at offset ${appliedOffset} of ${endOffset} (${percent} %); try again`,
    { details: { partition, offset: appliedOffset, high_watermark: endOffset } },
  );
}

/** The disk does not take the index. */
export function indexUnusable(partition: string, cause: unknown): MillraceError {
  return new MillraceError(
    "COORDINATOR_LOADING",
    `the stream index of partition ${partition} cannot be read or written: ${String(cause)}; check the disk, then try again: it is tried again all the time`,
    { details: { partition }, cause },
  );
}

/** Events that were asked for are not kept any more. */
export function revisionGone(revision: number, firstRevision: number, lastRevision: number): MillraceError {
  return new MillraceError(
    "OFFSET_OUT_OF_RANGE",
    `revision ${revision} of the stream is not kept any more; it has ${firstRevision} to ${lastRevision}: read from ${firstRevision}`,
    { details: { revision, first_revision: firstRevision, last_revision: lastRevision } },
  );
}

/** Others append to the stream all the time. */
export function streamBusy(tries: number): MillraceError {
  return new MillraceError(
    "OVERLOADED",
    `the stream moved on ${tries} times while the append was prepared; nothing was appended: try again`,
  );
}

/** The topic was deleted or has no streams any more, or the broker closes. */
export function notFollowed(partition: string): MillraceError {
  const text = `partition ${partition} has no streams on this broker any more; refresh metadata`;
  return new MillraceError("NOT_LEADER", text, { details: { partition } });
}
