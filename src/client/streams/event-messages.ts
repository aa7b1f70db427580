/** Events between the SDK's words and the protocol's. */
import { millrace } from "../../gen/millrace.js";
import type { Durability } from "../api/producer.ts";
import type {
  AppendedEvents,
  ExpectedRevision,
  NewEvent,
  RevisionConflict,
  StreamEvent,
  StreamInfo,
} from "../api/streams.ts";

const { STREAM_STATE_ANY, STREAM_STATE_NONE, STREAM_STATE_EXISTS } = millrace.v1.StreamState;
const { DURABILITY_DURABLE, DURABILITY_UNSPECIFIED, DURABILITY_WRITTEN } = millrace.v1.Durability;

const STATES = { any: STREAM_STATE_ANY, none: STREAM_STATE_NONE, exists: STREAM_STATE_EXISTS } as const;

/** The expectation as the fields of AppendEventsRequest. */
export function expectation(expected: ExpectedRevision): millrace.v1.AppendEventsRequest.$Properties {
  return typeof expected === "number" ? { revision: expected } : { state: STATES[expected] };
}

/** The durability as the protocol numbers it. */
export function durabilityNumber(durability: Durability | undefined): millrace.v1.Durability {
  if (durability === undefined) return DURABILITY_UNSPECIFIED;
  return durability === "durable" ? DURABILITY_DURABLE : DURABILITY_WRITTEN;
}

/** An event to append. */
export function newEventMessage(event: NewEvent): millrace.v1.NewEvent.$Properties {
  const { type = "", value, headers = [], timestampMs } = event;
  return {
    type,
    ...(value == null ? {} : { value: bytesOf(value) }),
    headers: headers.map((header) => ({
      key: header.key,
      ...(header.value === null ? {} : { value: header.value }),
    })),
    ...(timestampMs === undefined ? {} : { timestampMs }),
  };
}

/** Text as UTF-8; bytes as they are. */
export function bytesOf(content: Uint8Array | string): Uint8Array {
  return typeof content === "string" ? Buffer.from(content) : content;
}

/** Where events were appended. */
export function appendedEvents(appended: millrace.v1.AppendedEvents.$Properties): AppendedEvents {
  return {
    outcome: "appended",
    partition: appended.partition ?? 0,
    baseOffset: appended.baseOffset ?? 0,
    firstRevision: appended.firstRevision ?? 0,
    lastRevision: appended.lastRevision ?? 0,
    durability: appended.durability === DURABILITY_DURABLE ? "durable" : "written",
    duplicate: appended.duplicate ?? false,
  };
}

/** What was in the way of an append. */
export function revisionConflict(
  topic: string,
  { actualRevision, missed }: millrace.v1.RevisionConflict.$Properties,
): RevisionConflict {
  return {
    outcome: "conflict",
    actualRevision: actualRevision ?? undefined,
    missed: (missed ?? []).map((event) => streamEvent(topic, event)),
  };
}

/** An event of the protocol. */
export function streamEvent(topic: string, event: millrace.v1.Event.$Properties): StreamEvent {
  return {
    topic,
    partition: event.partition ?? 0,
    stream: bufferOrNull(event.stream),
    revision: event.revision ?? undefined,
    isSnapshot: event.isSnapshot ?? false,
    type: event.type ?? "",
    value: bufferOrNull(event.value),
    headers: (event.headers ?? []).map(({ key, value }) => ({ key: key ?? "", value: value ?? null })),
    timestampMs: event.timestampMs ?? 0,
    offset: event.offset ?? 0,
  };
}

/** A stream as the broker describes it. */
export function streamInfo(info: millrace.v1.StreamInfo.$Properties): StreamInfo {
  return {
    exists: info.exists ?? false,
    firstRevision: info.firstRevision ?? 0,
    lastRevision: info.lastRevision ?? undefined,
    snapshotRevision: info.snapshotRevision ?? undefined,
  };
}

function bufferOrNull(bytes: Uint8Array | null | undefined): Buffer | null {
  if (bytes == null) return null;
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
