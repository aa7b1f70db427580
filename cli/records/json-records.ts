import type { ProducerRecord } from "../../src/index.ts";
import { CliError, ExitCode } from "../cli-error.ts";
import { JsonObject } from "./json-object.ts";
import type { RecordDefaults, RecordParser } from "./line-records.ts";
import { parseTimestamp } from "./timestamp.ts";

const FIELDS = ["key", "keyBase64", "value", "valueBase64", "headers", "timestamp", "partition"] as const;
/** What `consume -o json` prints beyond that; it says where a record was and is of no use for a new one. */
const IGNORED = ["topic", "offset"] as const;

/**
 * Lines are JSON objects, as `consume -o json` prints them: `key`, `value` (text, null, or any other JSON, which is
 * stored exactly as it is written), `keyBase64`, `valueBase64` for bytes that are no text, `headers` (an object, or a
 * list of {"key","value"}), `timestamp` (milliseconds or ISO 8601), `partition`. A line's partition goes before that of
 * the defaults; its headers follow theirs.
 */
export function jsonParser(defaults: RecordDefaults): RecordParser {
  return (line, lineNumber) => {
    try {
      return parseRecord(line.toString("utf8"), defaults);
    } catch (error) {
      const problem = error instanceof Error ? error.message : String(error);
      throw new CliError(ExitCode.failure, `line ${lineNumber} is no record: ${problem}`, error);
    }
  };
}

function parseRecord(text: string, defaults: RecordDefaults): ProducerRecord {
  const fields = JsonObject.of(JSON.parse(text), () => text, "it");
  for (const name of fields.names) {
    if (![...FIELDS, ...IGNORED].some((known) => known === name)) {
      throw new Error(`field "${name}" is not known; known are ${FIELDS.join(", ")}`);
    }
  }
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

type Headers = { readonly key: string; readonly value: Buffer | null }[];

function joined(first: RecordDefaults["headers"], then: Headers | undefined): RecordDefaults["headers"] {
  return first === undefined || then === undefined ? (first ?? then) : [...first, ...then];
}

/** Text, bytes or null. */
function contentOf(fields: JsonObject, name: string): string | Buffer | null {
  const base64 = fields.get(`${name}Base64`);
  if (base64 === undefined) return textOf(fields, name);
  if (fields.get(name) !== undefined) throw new Error(`"${name}" and "${name}Base64" exclude each other`);
  return bytesOf(base64, `${name}Base64`);
}

/** Text or null; other JSON is its text. */
function textOf(fields: JsonObject, name: string): string | null {
  const content = fields.get(name);
  if (content === undefined || content === null) return null;
  return typeof content === "string" ? content : fields.textOf(name);
}

function bytesOf(base64: unknown, name: string): Buffer {
  if (typeof base64 === "string" && /^[A-Za-z0-9+/]*={0,2}$/.test(base64) && base64.length % 4 === 0) {
    return Buffer.from(base64, "base64");
  }
  throw new Error(`"${name}" must be text in base64`);
}

function headersOf(fields: JsonObject): Headers | undefined {
  const headers = fields.get("headers");
  if (headers === undefined) return undefined;
  if (!Array.isArray(headers)) {
    const pairs = JsonObject.of(headers, () => fields.textOf("headers"), '"headers"');
    return pairs.names.map((key) => ({ key, value: headerValue(textOf(pairs, key)) }));
  }
  return fields.listOf("headers", "a header").map((header) => {
    const key = header.get("key");
    if (typeof key !== "string") throw new Error('a header needs a "key" of text');
    return { key, value: headerValue(contentOf(header, "value")) };
  });
}

function headerValue(content: string | Buffer | null): Buffer | null {
  return typeof content === "string" ? Buffer.from(content, "utf8") : content;
}

function partitionOf(fields: JsonObject): number | undefined {
  const partition = fields.get("partition");
  if (partition === undefined) return undefined;
  if (typeof partition === "number" && Number.isSafeInteger(partition) && partition >= 0) return partition;
  throw new Error(`"partition" is ${fields.textOf("partition")}; allowed are whole numbers from 0`);
}

function timestampOf(fields: JsonObject): number | undefined {
  const timestamp = fields.get("timestamp");
  if (timestamp === undefined) return undefined;
  const timestampMs = typeof timestamp === "string" ? parseTimestamp(timestamp) : timestamp;
  if (typeof timestampMs === "number" && Number.isSafeInteger(timestampMs) && timestampMs >= 0)
    return timestampMs;
  throw new Error(
    `"timestamp" is ${fields.textOf("timestamp")}; allowed are milliseconds since 1970 or ISO 8601 as "2026-01-31T12:00:00Z"`,
  );
}
