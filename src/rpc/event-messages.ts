/** Events between the broker's words and the protocol's. */
import { RPC_MESSAGE_BYTES_MAX } from "../base/index.ts";
import type { StreamEvent, StreamInfo } from "../broker/index.ts";
import { MillraceError } from "../errors/index.ts";
import { millrace } from "../gen/millrace.js";

/** Bytes of events of one message, about; a single event may have more. */
export const EVENTS_BYTES_MAX = 1_048_576;

/** A message that is encoded already: its size has to be known before it is written. */
export type Encoded = Buffer;

interface MessageClass<Properties> {
  encode(message: Properties): { finish(): Uint8Array };
}

/** Encodes a message. Throws INVALID_REQUEST if one event alone is too large for it. */
export function encodeMessage<Properties>(type: MessageClass<Properties>, message: Properties): Encoded {
  const bytes = type.encode(message).finish();
  if (bytes.length > RPC_MESSAGE_BYTES_MAX) throw tooLarge(bytes.length);
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** An event as stored. */
export function eventMessage(event: StreamEvent): millrace.v1.Event.$Properties {
  const { stream, revision, isSnapshot, type, value, headers, timestampMs, partition, offset } = event;
  return {
    ...(stream === null ? {} : { stream }),
    ...(revision === undefined ? {} : { revision }),
    isSnapshot,
    type,
    ...(value === null ? {} : { value }),
    headers: headers.map((header) => ({
      key: header.key,
      ...(header.value === null ? {} : { value: header.value }),
    })),
    timestampMs,
    partition,
    offset,
  };
}

/** What is known of a stream. */
export function streamInfoMessage(info: StreamInfo): millrace.v1.StreamInfo.$Properties {
  const { exists, firstRevision, lastRevision, snapshotRevision } = info;
  return {
    exists,
    firstRevision: lastRevision === undefined ? 0 : firstRevision,
    ...(lastRevision === undefined ? {} : { lastRevision }),
    ...(snapshotRevision === undefined ? {} : { snapshotRevision }),
  };
}

/** Events of a topic, encoded as ReadAllResponse. */
export function encodeReadAll(events: readonly StreamEvent[]): Encoded {
  return encodeMessage(millrace.v1.ReadAllResponse, { events: events.map(eventMessage) });
}

function tooLarge(size: number): MillraceError {
  const text = `an event makes a message of ${size} bytes, allowed are ${RPC_MESSAGE_BYTES_MAX}; read it with LogService.Fetch and RECORD_FORMAT_BATCHES`;
  return new MillraceError("INVALID_REQUEST", text, {
    details: { field: "events", size, allowed: "RECORD_FORMAT_BATCHES" },
  });
}
