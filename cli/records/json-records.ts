import type { ProducerRecord } from "../../src/index.ts";
import { CliError, ExitCode } from "../cli-error.ts";
import type { RecordDefaults, RecordParser } from "./line-records.ts";
import { parseTimestamp } from "./timestamp.ts";

const FIELDS = ["key", "keyBase64", "value", "valueBase64", "headers", "timestamp", "partition"] as const;
/** What `consume -o json` prints beyond that; it says where a record was and is of no use for a new one. */
const IGNORED = ["topic", "offset"] as const;

/**
 * Lines are JSON objects, as `consume -o json` prints them: `key`, `value` (text, null, or any other JSON, which is
 * stored as its text), `keyBase64`, `valueBase64` for bytes that are no text, `headers` (an object, or a list of
 * {"key","value"}), `timestamp` (milliseconds or ISO 8601), `partition`.
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
  const fields = objectOf(JSON.parse(text), "it");
  for (const name of Object.keys(fields)) {
    if (![...FIELDS, ...IGNORED].some((known) => known === name)) {
      throw new Error(`field "${name}" is not known; known are ${FIELDS.join(", ")}`);
    }
  }
  const headers = fields.headers === undefined ? defaults.headers : headersOf(fields.headers);
  const partition = fields.partition === undefined ? defaults.partition : partitionOf(fields.partition);
  const timestampMs = fields.timestamp === undefined ? undefined : timestampOf(fields.timestamp);
  return {
    key: contentOf(fields, "key"),
    value: contentOf(fields, "value"),
    ...(headers === undefined ? {} : { headers }),
    ...(partition === undefined ? {} : { partition }),
    ...(timestampMs === undefined ? {} : { timestampMs }),
  };
}

/** Text, bytes or null; other JSON becomes its text. */
function contentOf(fields: Record<string, unknown>, name: string): string | Buffer | null {
  const base64 = fields[`${name}Base64`];
  const content = fields[name];
  if (base64 !== undefined) {
    if (content !== undefined) throw new Error(`"${name}" and "${name}Base64" exclude each other`);
    return bytesOf(base64, `${name}Base64`);
  }
  if (content === undefined || content === null) return null;
  return typeof content === "string" ? content : JSON.stringify(content);
}

function bytesOf(base64: unknown, name: string): Buffer {
  if (typeof base64 === "string" && /^[A-Za-z0-9+/]*={0,2}$/.test(base64) && base64.length % 4 === 0) {
    return Buffer.from(base64, "base64");
  }
  throw new Error(`"${name}" must be text in base64`);
}

function headersOf(value: unknown): { key: string; value: Buffer | null }[] {
  if (!Array.isArray(value)) {
    const entries = Object.entries(objectOf(value, '"headers"'));
    return entries.map(([key, content]) => ({ key, value: headerValue({ value: content }) }));
  }
  return value.map((item: unknown) => {
    const fields = objectOf(item, "a header");
    const key = fields.key;
    if (typeof key !== "string") throw new Error('a header needs a "key" of text');
    return { key, value: headerValue(fields) };
  });
}

function headerValue(fields: Record<string, unknown>): Buffer | null {
  const content = contentOf(fields, "value");
  return typeof content === "string" ? Buffer.from(content, "utf8") : content;
}

function partitionOf(value: unknown): number {
  if (typeof value === "number" && Number.isInteger(value) && value >= 0) return value;
  throw new Error(`"partition" is ${JSON.stringify(value)}; allowed are whole numbers from 0`);
}

function timestampOf(value: unknown): number {
  const timestampMs = typeof value === "string" ? parseTimestamp(value) : value;
  if (typeof timestampMs === "number" && Number.isSafeInteger(timestampMs) && timestampMs >= 0)
    return timestampMs;
  throw new Error(
    `"timestamp" is ${JSON.stringify(value)}; allowed are milliseconds since 1970 or ISO 8601 as "2026-01-31T12:00:00Z"`,
  );
}

function objectOf(value: unknown, what: string): Record<string, unknown> {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) {
    return value as Record<string, unknown>;
  }
  throw new Error(`${what} must be a JSON object`);
}
