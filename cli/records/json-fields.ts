/** The fields that JSON lines have in common, whatever they become. */
import { CliError, ExitCode } from "../cli-error.ts";
import { JsonObject } from "./json-object.ts";
import { parseTimestamp } from "./timestamp.ts";

/** Headers of a line, in order. */
export type Headers = { readonly key: string; readonly value: Buffer | null }[];

/**
 * Makes something of a line that is a JSON object with known fields. What `make` throws is told as a failure of the
 * line.
 */
export function parseJsonLine<Made>(
  line: Buffer,
  lineNumber: number,
  what: { readonly name: string; readonly fields: readonly string[]; readonly ignored: readonly string[] },
  make: (fields: JsonObject) => Made,
): Made {
  try {
    const text = line.toString("utf8");
    const fields = JsonObject.of(JSON.parse(text), () => text, "it");
    for (const name of fields.names) {
      if (!what.fields.includes(name) && !what.ignored.includes(name)) {
        throw new Error(`field "${name}" is not known; known are ${what.fields.join(", ")}`);
      }
    }
    return make(fields);
  } catch (error) {
    const problem = error instanceof Error ? error.message : String(error);
    throw new CliError(ExitCode.failure, `line ${lineNumber} is no ${what.name}: ${problem}`, error);
  }
}

/** Text, bytes or null. */
export function contentOf(fields: JsonObject, name: string): string | Buffer | null {
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

/** A list of headers, or an object of names and values. */
export function headersOf(fields: JsonObject): Headers | undefined {
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

/** Milliseconds since 1970, also given as ISO 8601. */
export function timestampOf(fields: JsonObject): number | undefined {
  const timestamp = fields.get("timestamp");
  if (timestamp === undefined) return undefined;
  const timestampMs = typeof timestamp === "string" ? parseTimestamp(timestamp) : timestamp;
  if (typeof timestampMs === "number" && Number.isSafeInteger(timestampMs) && timestampMs >= 0)
    return timestampMs;
  throw new Error(
    `"timestamp" is ${fields.textOf("timestamp")}; allowed are milliseconds since 1970 or ISO 8601 as "2026-01-31T12:00:00Z"`,
  );
}
