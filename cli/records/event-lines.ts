import { RPC_MESSAGE_BYTES_MAX } from "../../src/base/index.ts";
import type { NewEvent } from "../../src/index.ts";
import { CliError, ExitCode, usageError } from "../cli-error.ts";
import type { Input } from "./input.ts";
import { contentOf, headersOf, parseJsonLine, timestampOf } from "./json-fields.ts";
import { LineSplitter } from "./line-splitter.ts";

/** Events of one append. */
const EVENTS_MAX = 1_000;

const WHAT = {
  name: "event",
  fields: ["type", "value", "valueBase64", "headers", "timestamp"],
  // What `stream read -o json` prints beyond that.
  ignored: ["topic", "partition", "offset", "stream", "streamBase64", "revision", "isSnapshot"],
} as const;

/** What the command line says of all lines. */
export interface EventDefaults extends Pick<NewEvent, "type" | "headers"> {
  /** The line is the state of a stream, not an event. */
  readonly isSnapshot: boolean;
}

/** Makes an event of a line. */
export type EventParser = (line: Buffer, lineNumber: number) => NewEvent;

/** Lines are values; all events have the type. */
export function lineEvents({ isSnapshot: _, ...defaults }: EventDefaults): EventParser {
  // The line holds only until the next one.
  return (line) => ({ ...defaults, value: Buffer.from(line) });
}

/** Lines are JSON objects, as `stream read -o json` prints them; a type of their own goes before the given one. */
export function jsonEvents(defaults: EventDefaults): EventParser {
  return (line, lineNumber) =>
    parseJsonLine(line, lineNumber, WHAT, (fields) => {
      const own = fields.get("type") ?? "";
      if (typeof own !== "string") throw new Error('"type" must be text');
      if (fields.get("isSnapshot") === true && !defaults.isSnapshot) {
        throw new Error("it is a snapshot; leave it out, or append it alone with --snapshot-of REVISION");
      }
      const type = own === "" ? defaults.type : own;
      const timestampMs = timestampOf(fields);
      return {
        value: contentOf(fields, "value"),
        headers: [...(defaults.headers ?? []), ...(headersOf(fields) ?? [])],
        ...(type === undefined ? {} : { type }),
        ...(timestampMs === undefined ? {} : { timestampMs }),
      };
    });
}

/** Reads all lines: they are appended together or not at all. Throws CliError for none, too many or too much. */
export async function readEvents(input: Input, parse: EventParser): Promise<NewEvent[]> {
  const splitter = new LineSplitter(RPC_MESSAGE_BYTES_MAX);
  const events: NewEvent[] = [];
  let bytes = 0;
  const take = (line: Buffer) => {
    bytes += line.length;
    if (events.length === EVENTS_MAX || bytes > RPC_MESSAGE_BYTES_MAX) {
      throw new CliError(
        ExitCode.failure,
        `the input has more than ${EVENTS_MAX} lines or ${RPC_MESSAGE_BYTES_MAX} bytes, and events are appended together or not at all; append it in parts`,
      );
    }
    events.push(parse(line, splitter.lineNumber));
  };
  for await (const chunk of input.chunks) {
    splitter.push(chunk);
    for (let line = splitter.next(); line !== undefined; line = splitter.next()) take(line);
  }
  const last = splitter.rest();
  if (last !== undefined) take(last);
  if (events.length === 0) throw usageError("the input has no lines; each line is an event");
  return events;
}
