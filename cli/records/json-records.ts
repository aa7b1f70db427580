import type { ProducerRecord } from "../../src/index.ts";
import { contentOf, type Headers, headersOf, parseJsonLine, timestampOf } from "./json-fields.ts";
import type { JsonObject } from "./json-object.ts";
import type { RecordDefaults, RecordParser } from "./line-records.ts";

const WHAT = {
  name: "record",
  fields: ["key", "keyBase64", "value", "valueBase64", "headers", "timestamp", "partition"],
  // What `consume -o json` prints beyond that; it says where a record was and is of no use for a new one.
  ignored: ["topic", "offset"],
} as const;

/**
 * Lines are JSON objects, as `consume -o json` prints them: `key`, `value` (text, null, or any other JSON, which is
 * stored exactly as it is written), `keyBase64`, `valueBase64` for bytes that are no text, `headers` (an object, or a
 * list of {"key","value"}), `timestamp` (milliseconds or ISO 8601), `partition`. A line's partition goes before that of
 * the defaults; its headers follow theirs.
 */
export function jsonParser(defaults: RecordDefaults): RecordParser {
  return (line, lineNumber) => parseJsonLine(line, lineNumber, WHAT, (fields) => recordOf(fields, defaults));
}

function recordOf(fields: JsonObject, defaults: RecordDefaults): ProducerRecord {
  const headers = joined(defaults.headers, headersOf(fields));
  const partition = partitionOf(fields) ?? defaults.partition;
  const timestampMs = timestampOf(fields);
  return {
    key: contentOf(fields, "key"),
    value: contentOf(fields, "value"),
    ...(headers === undefined ? {} : { headers }),
    ...(partition === undefined ? {} : { partition }),
    ...(timestampMs === undefined ? {} : { timestampMs }),
  };
}

function joined(first: RecordDefaults["headers"], then: Headers | undefined): RecordDefaults["headers"] {
  return first === undefined || then === undefined ? (first ?? then) : [...first, ...then];
}

function partitionOf(fields: JsonObject): number | undefined {
  const partition = fields.get("partition");
  if (partition === undefined) return undefined;
  if (typeof partition === "number" && Number.isSafeInteger(partition) && partition >= 0) return partition;
  throw new Error(`"partition" is ${fields.textOf("partition")}; allowed are whole numbers from 0`);
}
