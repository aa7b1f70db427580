/** The headers that make a record an event; everything else about it is the program's. */
import type { RecordHeader } from "../record/index.ts";

/** What all of them begin with. Names of programs must not. */
export const RESERVED_PREFIX = "millrace.";
const TYPE = "millrace.type";
const REVISION = "millrace.revision";
const SNAPSHOT = "millrace.snapshot";
const IDEMPOTENCY_KEY = "millrace.idempotency-key";
/** Those that only appends to a stream may write: the index stands on them. */
const OF_THE_INDEX: readonly string[] = [REVISION, SNAPSHOT, IDEMPOTENCY_KEY];
const DECIMAL = /^(0|[1-9][0-9]{0,15})$/;

/** What the headers of a record say. */
export interface EventMarks {
  /** Undefined for a record that was not appended to a stream. */
  readonly revision: number | undefined;
  /** Revision that it is a snapshot of. */
  readonly snapshotRevision: number | undefined;
  readonly idempotencyKey: string | undefined;
}

const NO_MARKS: EventMarks = { revision: undefined, snapshotRevision: undefined, idempotencyKey: undefined };

/** Longest key of a stream. Records with longer ones belong to none. */
export const STREAM_BYTES_MAX = 1_024;

/** Whether a key of this length, undefined for none, may be that of a stream. */
export function isStreamKey(length: number | undefined): boolean {
  return length !== undefined && length > 0 && length <= STREAM_BYTES_MAX;
}

/**
 * Reads the marks of a record; of a name that is there twice the last counts. What cannot be a revision at this offset
 * is passed over: a stream has no more events than the log has offsets.
 */
export function marksOf(headers: readonly RecordHeader[], offset: number): EventMarks {
  let marks = NO_MARKS;
  for (const { key, value } of headers) {
    if (!key.startsWith(RESERVED_PREFIX)) continue;
    if (key === REVISION) marks = { ...marks, revision: numberOf(value, offset) };
    else if (key === SNAPSHOT) marks = { ...marks, snapshotRevision: numberOf(value, offset - 1) };
    else if (key === IDEMPOTENCY_KEY) marks = { ...marks, idempotencyKey: textOf(value) };
  }
  return marks;
}

/** Name of a header that plain producers must not write, if one is there. */
export function reservedHeader(headers: readonly RecordHeader[]): string | undefined {
  return headers.find(({ key }) => OF_THE_INDEX.includes(key))?.key;
}

/** The kind of an event; empty if it has none. */
export function typeOf(headers: readonly RecordHeader[]): string {
  return textOf(headers.find(({ key }) => key === TYPE)?.value) ?? "";
}

/** The headers of the program, with values of their own. */
export function programHeaders(headers: readonly RecordHeader[]): RecordHeader[] {
  return headers
    .filter(({ key }) => !key.startsWith(RESERVED_PREFIX))
    .map(({ key, value }) => ({ key, value: value === null ? null : Buffer.from(value) }));
}

/** The headers to store with an event. */
export function markedHeaders(
  type: string | undefined,
  marks: EventMarks,
  headers: readonly RecordHeader[],
): RecordHeader[] {
  const all: RecordHeader[] = [];
  const add = (key: string, text: string | number | undefined) => {
    if (text !== undefined) all.push({ key, value: Buffer.from(String(text)) });
  };
  add(TYPE, type === "" ? undefined : type);
  add(REVISION, marks.revision);
  add(SNAPSHOT, marks.snapshotRevision);
  add(IDEMPOTENCY_KEY, marks.idempotencyKey);
  return all.concat(headers);
}

function textOf(value: Uint8Array | null | undefined): string | undefined {
  return value === null || value === undefined ? undefined : Buffer.from(value).toString();
}

function numberOf(value: Uint8Array | null, max: number): number | undefined {
  const text = textOf(value);
  const number = text !== undefined && DECIMAL.test(text) ? Number(text) : undefined;
  return number !== undefined && number <= max ? number : undefined;
}
