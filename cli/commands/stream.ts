import { Command, InvalidArgumentError, Option } from "commander";
import { OFFSET_MAX } from "../../src/base/index.ts";
import type { ExpectedRevision } from "../../src/index.ts";
import { collectPairs, type NameValue } from "../arguments/name-value.ts";
import { wholeNumber } from "../arguments/quantities.ts";
import { withConnection } from "../connected.ts";
import type { Io } from "../io.ts";
import {
  type AppendEventsOptions,
  appendEvents,
  describeStream,
  type ReadEventsOptions,
  readEventsOf,
} from "./stream-run.ts";

const revision = wholeNumber({ min: 0, max: OFFSET_MAX });
const KEY_BYTES_MAX = 255;

/** `millrace stream`: append to and read event-sourced streams. */
export function streamCommand(io: Io): Command {
  const command = new Command("stream")
    .summary("append to and read event-sourced streams")
    .description(
      "A stream is all records with one key in a topic with stream.index=true; revisions count from 0.",
    )
    .addHelpText("after", GROUP_EXAMPLES);
  addAppend(command, io);
  addReading(command, io);
  return command;
}

const GROUP_EXAMPLES = `
Examples:
  millrace topic create orders --partitions 6 --config stream.index=true --config retention.ms=-1
  echo '{"total":12}' | millrace stream append orders order-17 --type OrderPlaced --expect none
  millrace stream read orders order-17`;

function addAppend(command: Command, io: Io): void {
  command
    .command("append <topic> <stream>")
    .description("Appends each line of stdin or of a file as an event of one stream, all of them or none.")
    .addOption(
      new Option("--expect <what>", "what the stream must be like: any, none, exists, or its last revision")
        .argParser(parseExpectation)
        .default("any"),
    )
    .option("--type <name>", "kind of the events")
    .option("--file <path>", 'read this file instead of stdin ("-")')
    .addOption(
      new Option("--format <format>", "what lines are: values, or JSON objects with type, value, headers, …")
        .choices(["line", "json"])
        .default("line"),
    )
    .option<NameValue[]>("-H, --header <name=value>", "header of every event; repeatable", collectPairs)
    .option("--idempotency-key <key>", "name of this append: repeated, it gets the first result", parseKey)
    .addOption(
      new Option("--snapshot-of <revision>", "the line is the stream's state after this revision")
        .argParser(revision)
        .conflicts("expect"),
    )
    .addOption(
      new Option("--durability <level>", "what to wait for (default: the topic's flush.mode)").choices([
        "durable",
        "written",
      ]),
    )
    .addHelpText("after", APPEND_EXAMPLES)
    .action((topic: string, stream: string, options: AppendEventsOptions, self: Command) =>
      withConnection(io, self, (connected) => appendEvents(io, connected, { topic, stream }, options)),
    );
}

const APPEND_EXAMPLES = `
Examples:
  echo '{"total":12}' | millrace stream append orders order-17 --type OrderPlaced --expect none
  echo '{"by":"ups"}' | millrace stream append orders order-17 --type OrderShipped --expect 0
  echo '{"state":"shipped"}' | millrace stream append orders order-17 --snapshot-of 1
  millrace stream read orders order-17 -o json | millrace stream append copies order-17 --format json

A stream that is not as expected is left alone: WRONG_REVISION tells its actual revision, exit code 1.`;

function addReading(command: Command, io: Io): void {
  command
    .command("read <topic> <stream>")
    .description("Prints the events of a stream: revision, time, type and value.")
    .option("--from <revision>", "first revision to print", revision)
    .option("--backwards", "from the newest to the oldest")
    .option("-n, --count <n>", "at most so many events", wholeNumber({ min: 1, max: OFFSET_MAX }))
    .addOption(
      new Option("--from-snapshot", "begin with the latest snapshot, if there is one").conflicts([
        "from",
        "backwards",
      ]),
    )
    .addHelpText("after", READ_EXAMPLES)
    .action((topic: string, stream: string, options: ReadEventsOptions, self: Command) =>
      withConnection(io, self, (connected) => readEventsOf(io, connected, { topic, stream }, options)),
    );
  command
    .command("describe <topic> <stream>")
    .description("Tells which revisions a stream has, and its latest snapshot.")
    .addHelpText("after", DESCRIBE_EXAMPLES)
    .action((topic: string, stream: string, _options: unknown, self: Command) =>
      withConnection(io, self, (connected) => describeStream(io, connected, { topic, stream })),
    );
}

const READ_EXAMPLES = `
Examples:
  millrace stream read orders order-17
  millrace stream read orders order-17 --backwards -n 1     the last event
  millrace stream read orders order-17 --from-snapshot -o json | jq .value`;

const DESCRIBE_EXAMPLES = `
Examples:
  millrace stream describe orders order-17
  millrace stream describe orders order-17 -o json | jq .lastRevision`;

function parseKey(text: string): string {
  const bytes = Buffer.byteLength(text);
  if (bytes >= 1 && bytes <= KEY_BYTES_MAX) return text;
  throw new InvalidArgumentError(`Allowed are 1 to ${KEY_BYTES_MAX} bytes.`);
}

function parseExpectation(text: string): ExpectedRevision {
  if (text === "any" || text === "none" || text === "exists") return text;
  if (/^\d+$/.test(text)) return revision(text);
  throw new InvalidArgumentError('Allowed is "any", "none", "exists" or a revision from 0.');
}
