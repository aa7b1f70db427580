/** Records as programs give them: checks, copies and sizes. */
import type { RecordContent } from "../../record/index.ts";
import type { ProducerRecord } from "../api/producer.ts";

/** Throws TypeError unless key and value are bytes, text, or absent. */
export function requireRecord(record: ProducerRecord): void {
  if (!isContent(record.key)) throw wrongContent("key", record.key);
  if (!isContent(record.value)) throw wrongContent("value", record.value);
}

/** A record that no longer depends on the caller's buffers. */
export function ownedRecord(record: ProducerRecord): ProducerRecord {
  return {
    ...record,
    key: ownedContent(record.key),
    value: ownedContent(record.value),
    ...(record.headers && {
      headers: record.headers.map(({ key, value }) => ({ key, value: value && Buffer.from(value) })),
    }),
  };
}

function isContent(content: unknown): content is RecordContent {
  return (
    typeof content === "string" || content instanceof Uint8Array || content === undefined || content === null
  );
}

function ownedContent(content: RecordContent): string | Buffer | null {
  if (typeof content === "string") return content;
  return content ? Buffer.from(content) : null;
}

function wrongContent(field: string, content: unknown): TypeError {
  const found = typeof content === "object" ? (content?.constructor?.name ?? "object") : typeof content;
  return new TypeError(`the ${field} of a record is a ${found}: a string, a Uint8Array or null is needed`);
}
