import type { RecordHeader } from "../../record/index.ts";
import type { ConsumedRecord } from "../api/reader.ts";
import type { StreamEvent } from "../api/streams.ts";

/** Headers that Millrace adds to the records of events begin so; see src/stream/README.md. */
const RESERVED_PREFIX = "millrace.";

/**
 * A record of a topic with `stream.index=true` as the event that it is: for consumers and readers of such topics. What
 * an append made of it is told by its own headers; a record that a producer wrote has no `revision` here.
 */
export function eventOfRecord(record: ConsumedRecord): StreamEvent {
  const { topic, partition, offset, timestampMs, key, value } = record;
  const headers: RecordHeader[] = [];
  let type = "";
  let revision: number | undefined;
  let isSnapshot = false;
  for (const header of record.headers) {
    if (!header.key.startsWith(RESERVED_PREFIX)) headers.push(header);
    else if (header.key === "millrace.type") type = text(header);
    else if (header.key === "millrace.revision") revision = Number(text(header));
    else if (header.key === "millrace.snapshot") {
      isSnapshot = true;
      revision = Number(text(header));
    }
  }
  return { topic, partition, offset, timestampMs, stream: key, value, headers, type, revision, isSnapshot };
}

function text({ value }: RecordHeader): string {
  return value === null ? "" : Buffer.from(value).toString();
}
