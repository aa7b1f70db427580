import { isUtf8 } from "node:buffer";
import type { ConsumedBatch, ConsumedRecordCursor } from "../../src/index.ts";
import type { YamlWriter } from "../output/print.ts";
import type { RecordWriter } from "./record-format.ts";

/** One line of JSON per record, which `produce --format json` reads back. */
export const writeJson: RecordWriter = (sink, batch, cursor) => {
  sink.writeText(`${JSON.stringify(recordObject(batch, cursor))}\n`);
};

/** One YAML document per record. */
export function yamlRecordWriter(yaml: YamlWriter): RecordWriter {
  return (sink, batch, cursor) => sink.writeText(`---\n${yaml(recordObject(batch, cursor))}`);
}

function recordObject(batch: ConsumedBatch, cursor: ConsumedRecordCursor): Record<string, unknown> {
  return { topic: batch.topic, partition: batch.partition, ...recordFields(cursor) };
}

/** The record of a cursor as JSON shows it. */
export interface RecordFields {
  readonly offset: number;
  /** Milliseconds since the Unix epoch. */
  readonly timestamp: number;
  /** `key`, `value`, or with "Base64" after the name if the bytes are no UTF-8; and `headers`. */
  readonly [field: string]: unknown;
}

/** The current record, whatever kind of cursor stands at it. */
export function recordFields(
  cursor: Pick<ConsumedRecordCursor, "offset" | "timestampMs" | "key" | "value" | "headers">,
): RecordFields {
  return {
    offset: cursor.offset,
    timestamp: cursor.timestampMs,
    ...content("key", cursor.key),
    ...content("value", cursor.value),
    headers: cursor.headers.map(({ key, value }) => ({ key, ...content("value", value) })),
  };
}

function content(name: string, bytes: Uint8Array | null): Record<string, string | null> {
  if (bytes === null) return { [name]: null };
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (isUtf8(buffer)) return { [name]: buffer.toString("utf8") };
  return { [`${name}Base64`]: buffer.toString("base64") };
}
