import { Command, Option } from "commander";
import { BATCH_BYTES_MAX, PARTITIONS_PER_TOPIC_MAX } from "../../src/base/index.ts";
import { COMPRESSIONS } from "../arguments/compressions.ts";
import { collectPairs, type NameValue } from "../arguments/name-value.ts";
import { byteSize, parseDuration, wholeNumber } from "../arguments/quantities.ts";
import { usageError } from "../cli-error.ts";
import type { Io } from "../io.ts";
import { jsonParser } from "../records/json-records.ts";
import { lineParser, type RecordDefaults, type RecordParser } from "../records/line-records.ts";
import { parseSeparator } from "../records/record-format.ts";
import { withConnection } from "../connected.ts";
import { type ProduceOptions, produce } from "./produce-run.ts";

const EXAMPLES = `
Examples:
  echo hello | millrace produce orders
  millrace produce orders --file orders.txt --key-separator '\\t'
  printf 'a:1\\na:-\\n' | millrace produce orders --key-separator : --null-value -    the second is a tombstone
  echo '{"key":"a","value":{"total":12},"headers":{"source":"shop"}}' | millrace produce orders --format json
  millrace produce orders --file orders.txt -o json | jq .recordsAcknowledged
  millrace consume orders -e -o json | millrace produce copy --format json

Each line is a record; its end (\\n or \\r\\n) does not belong to it. Lines keep their order within a partition.
JSON that is no text becomes a key or value exactly as it is written, numbers to the last digit. A line's "partition"
goes before --partition; its "headers" come after those of --header, and both are kept.
Exit code 1 if a record was not appended, 3 if its topic or partition does not exist: stderr tells how many were
acknowledged before. With -o json or yaml stdout gets the counts as data at the end, also then; durability is the least
that a record was acknowledged as.`;

/** `millrace produce`: lines become records. */
export function produceCommand(io: Io): Command {
  return new Command("produce")
    .summary("append records from lines of text or JSON")
    .description("Appends a record for each line of stdin or of a file.")
    .argument("<topic>")
    .option("--file <path>", 'read this file instead of stdin ("-")')
    .addOption(
      new Option("--format <format>", "what lines are: text, or JSON objects with key, value, headers, …")
        .choices(["line", "json"])
        .default("line"),
    )
    .option("-k, --key-separator <text>", "text between key and value, such as ':' or '\\t'", parseSeparator)
    .option("--null-value <text>", "value that stands for null (a tombstone in compacted topics)")
    .option<NameValue[]>(
      "-H, --header <name=value>",
      "header of every record, before its own; repeatable",
      collectPairs,
    )
    .option(
      "-p, --partition <n>",
      "partition of records that name none (default: by key)",
      wholeNumber({ min: 0, max: PARTITIONS_PER_TOPIC_MAX - 1 }),
    )
    .addOption(
      new Option("--durability <level>", "what to wait for (default: the topic's flush.mode)").choices([
        "durable",
        "written",
      ]),
    )
    .addOption(
      new Option("-z, --compression <codec>", "compress batches").choices(COMPRESSIONS).default("none"),
    )
    .option(
      "--linger <duration>",
      "wait for more records to a batch, such as 5ms; milliseconds without a unit",
      (text) => parseDuration(text, { min: 0, max: 60_000 }),
    )
    .option("--batch <size>", "close a batch at this size", byteSize({ min: 1_024, max: BATCH_BYTES_MAX }))
    .option("-q, --quiet", "no progress and no summary")
    .addHelpText("after", EXAMPLES)
    .action((topic: string, options: ProduceOptions, command: Command) => {
      const parse = parserFor(options);
      return withConnection(io, command, (connected) => produce(io, connected, { topic, options, parse }));
    });
}

function parserFor({ format, keySeparator, nullValue, header, partition }: ProduceOptions): RecordParser {
  const defaults: RecordDefaults = {
    ...(header === undefined
      ? {}
      : { headers: header.map(({ name, value }) => ({ key: name, value: Buffer.from(value) })) }),
    ...(partition === undefined ? {} : { partition }),
  };
  if (format === "json") {
    if (keySeparator === undefined && nullValue === undefined) return jsonParser(defaults);
    throw usageError("--key-separator and --null-value are for lines; JSON has fields and null");
  }
  return lineParser({
    ...defaults,
    ...(keySeparator === undefined ? {} : { keySeparator }),
    ...(nullValue === undefined ? {} : { nullValue }),
  });
}
