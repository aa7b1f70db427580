import type { RecordHeader } from "../../record/index.ts";
import type { ConsumedRecord } from "../api/reader.ts";
import type { StreamEvent } from "../api/streams.ts";

/** Records with longer keys belong to no stream. */
const STREAM_BYTES_MAX = 1_024;
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
  const isOfStream = stream !== null && stream.length > 0 && stream.length <= STREAM_BYTES_MAX;
  for (const header of record.headers) {
    if (!header.key.startsWith(RESERVED_PREFIX)) headers.push(header);
    else if (header.key === "millrace.type") type ??= text(header);
    else if (!isOfStream) continue;
    else if (header.key === "millrace.revision") revision = number(header, offset);
    else if (header.key === "millrace.snapshot") snapshotRevision = number(header, offset - 1);
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

/** Undefined for what no append has written: a stream has no more events than its log has offsets. */
function number(header: RecordHeader, max: number): number | undefined {
  const digits = text(header);
  return DECIMAL.test(digits) && Number(digits) <= max ? Number(digits) : undefined;
}
