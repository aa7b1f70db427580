import type { RecordHeader } from "../../record/index.ts";
import type { ConsumedRecord } from "../api/reader.ts";
import type { StreamEvent } from "../api/streams.ts";

/** Headers that Millrace adds to the records of events begin so; see src/stream/README.md. */
const RESERVED_PREFIX = "millrace.";

const DECIMAL = /^(0|[1-9][0-9]{0,15})$/;

/**
 * A record of a topic with `stream.index=true` as the event that it is: for consumers and readers of such topics. What
 * an append made of it is told by its own headers; a record that a producer wrote has no `revision` here.
 */
export function eventOfRecord(record: ConsumedRecord): StreamEvent {
  const { topic, partition, offset, timestampMs, key: stream, value } = record;
  const headers: RecordHeader[] = [];
  let type: string | undefined;
  let revision: number | undefined;
  let snapshotRevision: number | undefined;
  for (const header of record.headers) {
    if (!header.key.startsWith(RESERVED_PREFIX)) headers.push(header);
    else if (header.key === "millrace.type") type ??= text(header);
    else if (stream === null) continue;
    else if (header.key === "millrace.revision") revision = number(header);
    else if (header.key === "millrace.snapshot") snapshotRevision = number(header);
  }
  return {
    topic,
    partition,
    stream,
    revision: snapshotRevision ?? revision,
    isSnapshot: snapshotRevision !== undefined,
    type: type ?? "",
    value,
    headers,
    timestampMs,
    offset,
  };
}

function text({ value }: RecordHeader): string {
  return value === null ? "" : Buffer.from(value).toString();
}

/** Undefined for what no append has written. */
function number(header: RecordHeader): number | undefined {
  const digits = text(header);
  return DECIMAL.test(digits) && Number.isSafeInteger(Number(digits)) ? Number(digits) : undefined;
}
