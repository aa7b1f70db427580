/** Events as records, and records as events. */
import { BATCH_BYTES_MAX } from "../base/index.ts";
import { MillraceError } from "../errors/index.ts";
import { BatchBuilder, type RecordCursor } from "../record/index.ts";
import { isStreamKey, markedHeaders, marksOf, programHeaders, typeOf } from "./event-headers.ts";
import type { NewEvent, StreamEvent } from "./types.ts";

/** Events of one append. */
export interface EventsToEncode {
  /** Key of the stream. */
  readonly stream: Uint8Array;
  readonly events: readonly NewEvent[];
  readonly firstRevision: number;
  /** Makes the event a snapshot. */
  readonly snapshotRevision: number | undefined;
  readonly idempotencyKey: string | undefined;
  /** For events without a time of their own. */
  readonly nowMs: number;
}

/** Encodes events as one batch. Throws BATCH_TOO_LARGE, INVALID_REQUEST for headers and timestamps that cannot be. */
export function encodeEventBatch(append: EventsToEncode): Buffer {
  const { stream, events, firstRevision, snapshotRevision, idempotencyKey, nowMs } = append;
  const builder = new BatchBuilder({ bytesMax: BATCH_BYTES_MAX });
  for (const [index, event] of events.entries()) {
    const marks = {
      revision: snapshotRevision === undefined ? firstRevision + index : undefined,
      snapshotRevision,
      idempotencyKey: index === 0 ? idempotencyKey : undefined,
    };
    const headers = markedHeaders(event.type, marks, event.headers);
    if (builder.append(stream, event.value, event.timestampMs ?? nowMs, headers)) continue;
    const text = `the ${events.length} events make a batch of more than ${BATCH_BYTES_MAX} bytes, which no topic allows; append fewer at a time`;
    throw new MillraceError("BATCH_TOO_LARGE", text, {
      details: { size: builder.sizeInBytes, max: BATCH_BYTES_MAX },
    });
  }
  return builder.build();
}

/** Where a record is, and its revision by the index; undefined takes the one that it tells. */
export interface RecordPlace {
  readonly partition: number;
  readonly revision: number | undefined;
}

/** The record under the cursor, copied out of its batch. */
export function decodeEvent(cursor: RecordCursor, { partition, revision }: RecordPlace): StreamEvent {
  const headers = cursor.headerCount > 0 ? cursor.headers : [];
  const marks = marksOf(headers, cursor.offset);
  const { key, value } = cursor;
  const isOfStream = isStreamKey(cursor.keyLength);
  return {
    stream: key === null ? null : Buffer.from(key),
    revision: isOfStream ? (revision ?? marks.snapshotRevision ?? marks.revision) : undefined,
    isSnapshot: isOfStream && marks.snapshotRevision !== undefined,
    type: typeOf(headers),
    value: value === null ? null : Buffer.from(value),
    headers: programHeaders(headers),
    timestampMs: cursor.timestampMs,
    partition,
    offset: cursor.offset,
  };
}

/** About how many bytes an event takes, wherever it goes. */
export function sizeOfEvent({ stream, type, value, headers }: StreamEvent): number {
  let size = 64 + (stream?.length ?? 0) + type.length + (value?.length ?? 0);
  for (const header of headers) size += 8 + header.key.length + (header.value?.length ?? 0);
  return size;
}
