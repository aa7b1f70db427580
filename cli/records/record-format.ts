/** The language of `consume -f`: text with places for parts of the record. */
import { InvalidArgumentError } from "commander";
import type { ConsumedBatch, ConsumedRecordCursor } from "../../src/index.ts";
import type { ByteSink } from "./byte-sink.ts";
import { formatTimestamp } from "./timestamp.ts";

/** Writes the current record of the cursor; `number` counts the records written, from 1. */
export type RecordWriter = (
  sink: ByteSink,
  batch: ConsumedBatch,
  cursor: ConsumedRecordCursor,
  number: number,
) => void;

/** What the format may hold, for the help. */
export const FORMAT_HELP = `
Formats (-f):
  %t topic       %o offset      %k key         %T timestamp, ISO 8601
  %p partition   %v value       %h headers     %d timestamp, milliseconds
  %n number of the record in this output, from 1
  %% a percent sign, and \\t \\n \\r \\0 \\\\ \\xNN as in C
A line end follows each record unless the format ends with \\n, \\r or \\0.`;

/** Compiles a format. Throws InvalidArgumentError for what it does not know. */
export function compileFormat(format: string, nullText: Buffer): RecordWriter {
  const parts = [...partsOf(format, nullText)];
  return (sink, batch, cursor, number) => {
    for (const write of parts) write(sink, batch, cursor, number);
  };
}

/** What may end a record in the output: "\\n", "\\r", "\\0". */
const LINE_ENDS: ReadonlySet<number | undefined> = new Set([0x0a, 0x0d, 0x00]);
const TOKEN = /%(.?)|\\(x[0-9A-Fa-f]{2}|.?)|[^%\\]+/gsu;

function* partsOf(format: string, nullText: Buffer): Generator<RecordWriter> {
  let literal: Buffer[] = [];
  const literalPart = (): RecordWriter => {
    const bytes = Buffer.concat(literal);
    literal = [];
    return (sink) => sink.writeBytes(bytes);
  };
  for (const [token, place, escaped] of format.matchAll(TOKEN)) {
    if (place !== undefined && place !== "%") {
      if (literal.length > 0) yield literalPart();
      yield placeWriter(place, nullText);
    } else if (place === "%") literal.push(Buffer.from("%"));
    else literal.push(escaped === undefined ? Buffer.from(token, "utf8") : escapedBytes(escaped));
  }
  if (!LINE_ENDS.has(literal.at(-1)?.at(-1))) literal.push(Buffer.from("\n"));
  yield literalPart();
}

function placeWriter(place: string, nullText: Buffer): RecordWriter {
  switch (place) {
    case "t":
      return (sink, batch) => sink.writeText(batch.topic);
    case "p":
      return (sink, batch) => sink.writeText(String(batch.partition));
    case "o":
      return (sink, _batch, cursor) => sink.writeText(String(cursor.offset));
    case "k":
      return (sink, _batch, cursor) => sink.writeBytes(cursor.key ?? nullText);
    case "v":
      return (sink, _batch, cursor) => sink.writeBytes(cursor.value ?? nullText);
    case "h":
      return (sink, _batch, cursor) => writeHeaders(sink, cursor, nullText);
    case "T":
      return (sink, _batch, cursor) => sink.writeText(formatTimestamp(cursor.timestampMs));
    case "d":
      return (sink, _batch, cursor) => sink.writeText(String(cursor.timestampMs));
    case "n":
      return (sink, _batch, _cursor, number) => sink.writeText(String(number));
    default:
      throw new InvalidArgumentError(
        `"%${place}" is not known; allowed are %t %p %o %k %v %h %T %d %n and %% for a percent sign.`,
      );
  }
}

/** "name=value" pairs with commas between. */
function writeHeaders(sink: ByteSink, cursor: ConsumedRecordCursor, nullText: Buffer): void {
  let isFirst = true;
  for (const { key, value } of cursor.headers) {
    sink.writeText(`${isFirst ? "" : ","}${key}=`);
    sink.writeBytes(value ?? nullText);
    isFirst = false;
  }
}

const ESCAPES: Readonly<Record<string, string>> = { t: "\t", n: "\n", r: "\r", "0": "\0", "\\": "\\" };

function escapedBytes(escaped: string): Buffer {
  if (/^x./s.test(escaped)) return Buffer.from(escaped.slice(1), "hex");
  const known = ESCAPES[escaped];
  if (known !== undefined) return Buffer.from(known);
  throw new InvalidArgumentError(`"\\${escaped}" is not known; allowed are \\t \\n \\r \\0 \\\\ and \\xNN.`);
}

/** A separator given on the command line, where tabs are hard to type: escapes as in formats. */
export function parseSeparator(text: string): Buffer {
  if (text === "") throw new InvalidArgumentError("It must not be empty.");
  const parts = [...text.matchAll(/\\(x[0-9A-Fa-f]{2}|.?)|[^\\]+/gsu)];
  return Buffer.concat(
    parts.map(([token, escaped]) =>
      escaped === undefined ? Buffer.from(token, "utf8") : escapedBytes(escaped),
    ),
  );
}
