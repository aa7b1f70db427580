/** What a call must be like before anything is done for it. Names of fields are those of the API. */
import { MillraceError } from "../errors/index.ts";
import { RESERVED_PREFIX, STREAM_BYTES_MAX } from "./event-headers.ts";
import type { AppendEventsCommand, ExpectedRevision, NewEvent, ReadStreamQuery } from "./types.ts";

const EVENTS_MAX = 1_000;
const TYPE_BYTES_MAX = 255;
const IDEMPOTENCY_KEY_BYTES_MAX = 255;
const MISSED_MAX = 1_000;

/** Throws INVALID_REQUEST. */
export function checkAppend(command: AppendEventsCommand): void {
  const { stream, events, expected, idempotencyKey, snapshotRevision, missedMax } = command;
  checkStream(stream);
  checkExpected(expected);
  checkCount(missedMax, 0, MISSED_MAX, "missed_max");
  if (snapshotRevision === undefined) checkCount(events.length, 1, EVENTS_MAX, "the number of events");
  else {
    checkCount(snapshotRevision, 0, Number.MAX_SAFE_INTEGER, "snapshot_revision");
    checkCount(events.length, 1, 1, "the number of events of a snapshot");
  }
  if (idempotencyKey !== undefined) {
    checkBytes(idempotencyKey, 1, IDEMPOTENCY_KEY_BYTES_MAX, "idempotency_key");
  }
  for (const [index, event] of events.entries()) checkEvent(event, `events[${index}]`);
}

/** Throws INVALID_REQUEST. */
export function checkRead({
  stream,
  direction,
  fromRevision,
  maxEvents,
  fromSnapshot,
}: ReadStreamQuery): void {
  checkStream(stream);
  if (fromRevision !== undefined) checkCount(fromRevision, 0, Number.MAX_SAFE_INTEGER, "from_revision");
  if (maxEvents !== undefined) checkCount(maxEvents, 1, Number.MAX_SAFE_INTEGER, "max_events");
  if (!fromSnapshot) return;
  if (direction === "backwards") throw invalid("from_snapshot", "true", "false for a read backwards");
  if (fromRevision !== undefined) throw invalid("from_snapshot", "true", "false with a from_revision");
}

function checkStream(stream: Uint8Array): void {
  checkCount(stream.length, 1, STREAM_BYTES_MAX, "the number of bytes of stream");
}

function checkExpected(expected: ExpectedRevision): void {
  if (typeof expected === "number") checkCount(expected, 0, Number.MAX_SAFE_INTEGER, "revision");
}

function checkEvent({ type, headers }: NewEvent, field: string): void {
  if (type !== undefined) checkBytes(type, 0, TYPE_BYTES_MAX, `${field}.type`);
  for (const { key } of headers) {
    if (!key.startsWith(RESERVED_PREFIX)) continue;
    throw invalid(`${field}.headers`, key, `names that do not begin with "${RESERVED_PREFIX}"`);
  }
}

function checkBytes(text: string, min: number, max: number, field: string): void {
  const length = Buffer.byteLength(text);
  if (length < min || length > max)
    throw invalid(`the number of bytes of ${field}`, length, `${min} to ${max}`);
}

function checkCount(value: number, min: number, max: number, field: string): void {
  if (!Number.isSafeInteger(value) || value < min || value > max)
    throw invalid(field, value, `${min} to ${max}`);
}

function invalid(field: string, value: string | number, allowed: string): MillraceError {
  const text = `${field} is ${JSON.stringify(value)}; allowed: ${allowed}`;
  return new MillraceError("INVALID_REQUEST", text, { details: { field, value, allowed } });
}
