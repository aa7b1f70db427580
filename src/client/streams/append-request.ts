/** What a program wants to append, checked and as the protocol has it. */
import { BATCH_BYTES_MAX } from "../../base/index.ts";
import { MillraceError } from "../../errors/index.ts";
import type { millrace } from "../../gen/millrace.js";
import type { AppendOptions, ExpectedRevision, NewEvent } from "../api/streams.ts";
import { oneOf, requireKnown, wholeNumber } from "../option-checks.ts";
import { bytesOf, durabilityNumber, expectation, newEventMessage } from "./event-messages.ts";
import type { StreamTarget } from "./leader-calls.ts";

const COUNT_MAX = Number.MAX_SAFE_INTEGER;
/** Events of one append. */
const EVENTS_MAX = 1_000;
/** Bytes that an event takes at least, about. */
const EVENT_BYTES = 8;
const NEW_EVENT = { type: true, value: true, headers: true, timestampMs: true } as const;

/** An append; the key is chosen if the program names none. */
export interface Append extends StreamTarget {
  readonly events: readonly NewEvent[];
  readonly options: AppendOptions;
  readonly newKey: () => string;
}

/**
 * The request for an append. Throws TypeError for what is no event or no option, and refuses as the broker would what no
 * topic could take: INVALID_REQUEST, BATCH_TOO_LARGE.
 */
export function appendRequest({
  topic,
  stream,
  events,
  options,
  newKey,
}: Append): millrace.v1.AppendEventsRequest.$Properties {
  const { expected = "any", idempotencyKey, durability } = options;
  if (Object.hasOwn(options, "expected") && options.expected === undefined) throw undefinedExpectation();
  if (!Array.isArray(events)) throw wrongContent("events", events, "a list of events");
  requireCount(events.length);
  for (const [index, event] of events.entries()) requireEvent(event, `events[${index}]`);
  requireFitting(events);
  return {
    topic,
    stream,
    ...expectation(checkedExpectation(expected)),
    events: events.map(newEventMessage),
    idempotencyKey: checkedKey(idempotencyKey) ?? newKey(),
    durability: durabilityNumber(checkedDurability(durability)),
  };
}

/** The key of a stream as bytes. Throws TypeError. */
export function streamKey(stream: Uint8Array | string): Uint8Array {
  if (!isContent(stream)) throw wrongContent("the key of a stream", stream, "a string or a Uint8Array");
  return bytesOf(stream);
}

function requireCount(count: number): void {
  if (count >= 1 && count <= EVENTS_MAX) return;
  const allowed = `1 to ${EVENTS_MAX}`;
  throw new MillraceError("INVALID_REQUEST", `the number of events is ${count}; allowed: ${allowed}`, {
    details: { field: "events", value: count, allowed },
  });
}

function requireEvent(event: NewEvent, name: string): void {
  requireKnown(name, event, NEW_EVENT);
  const { type, value, headers, timestampMs } = event;
  if (type !== undefined && typeof type !== "string") throw wrongContent(`${name}.type`, type, "a string");
  if (value != null && !isContent(value)) {
    throw wrongContent(`${name}.value`, value, "a string, a Uint8Array or null");
  }
  for (const header of headers ?? []) {
    if (header.value === null || header.value instanceof Uint8Array) continue;
    throw wrongContent(`${name}.headers: ${header.key}`, header.value, "a Uint8Array or null");
  }
  wholeNumber(`${name}.timestampMs`, timestampMs, { preset: 0, min: 0, max: COUNT_MAX });
}

/** What is larger than any topic allows is not sent: a transport on the way would refuse it without a reason. */
function requireFitting(events: readonly NewEvent[]): void {
  let size = 0;
  for (const { value, headers = [] } of events) {
    size += EVENT_BYTES + sizeOf(value);
    for (const header of headers) size += Buffer.byteLength(header.key) + sizeOf(header.value);
  }
  if (size <= BATCH_BYTES_MAX) return;
  throw new MillraceError(
    "BATCH_TOO_LARGE",
    `the ${events.length} events have more than ${BATCH_BYTES_MAX} bytes, which no topic allows; append fewer at a time`,
    { details: { size, max: BATCH_BYTES_MAX } },
  );
}

function checkedExpectation(expected: ExpectedRevision): ExpectedRevision {
  if (typeof expected === "string") return oneOf("expected", expected, ["any", "none", "exists"]);
  return wholeNumber("expected", expected, { preset: Number.NaN, min: 0, max: COUNT_MAX });
}

/** The revision of a stream without events, as info and conflicts tell it: taken for "any" it would check nothing. */
function undefinedExpectation(): TypeError {
  return new TypeError(
    'expected is undefined: "none" expects a stream without events (expected: lastRevision ?? "none"), "any" takes any',
  );
}

function checkedKey(idempotencyKey: string | undefined): string | undefined {
  if (idempotencyKey === "") throw new TypeError('idempotencyKey is "": 1 to 255 bytes are allowed');
  return idempotencyKey;
}

function checkedDurability(durability: AppendOptions["durability"]): AppendOptions["durability"] {
  return durability === undefined ? undefined : oneOf("durability", durability, ["durable", "written"]);
}

function sizeOf(content: Uint8Array | string | null | undefined): number {
  if (content == null) return 0;
  return typeof content === "string" ? Buffer.byteLength(content) : content.length;
}

function isContent(content: unknown): content is Uint8Array | string {
  return typeof content === "string" || content instanceof Uint8Array;
}

function wrongContent(name: string, content: unknown, needed: string): TypeError {
  const found = typeof content === "object" ? (content?.constructor?.name ?? "null") : typeof content;
  return new TypeError(`${name} is a ${found}: ${needed} is needed`);
}
