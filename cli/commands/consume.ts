import { Command, Option } from "commander";
import { collectPartitions } from "../arguments/partitions.ts";
import { wholeNumber } from "../arguments/quantities.ts";
import type { Io } from "../io.ts";
import { compileFormat, FORMAT_HELP } from "../records/record-format.ts";
import { parseStart } from "../records/start-position.ts";
import { withConnection } from "../connected.ts";
import { type ConsumeOptions, consume } from "./consume-run.ts";

const EXAMPLES = `
Examples:
  millrace consume orders                          everything there is, then wait for more
  millrace consume orders -e                       everything there is, then exit
  millrace consume orders --from end               only what comes from now on
  millrace consume orders --from -10 -e            the last 10 records of each partition
  millrace consume orders --from @2026-01-31T12:00:00Z -n 100
  millrace consume orders --from @-15m -e          the last 15 minutes
  millrace consume orders -p 2 --from 120000 -n 1  one record by its place
  millrace consume orders -f '%p:%o %T %k = %v'
  millrace consume orders -o json | jq .value

The order of records is that of their partition; partitions interleave. Output that nobody reads any more (| head)
ends it quietly, with the next record: prefer -n where none may come. Ctrl-C prints a summary and exits 0 where nothing else was to end it, and 130 with -n or -e.`;

/** `millrace consume`: records become lines. */
export function consumeCommand(io: Io): Command {
  return new Command("consume")
    .summary("print records, from any point of the past")
    .description("Prints the records of topics, one a line, from the start or any other place.")
    .argument("<topic...>")
    .addOption(
      new Option("--from <place>", "start, end, an offset, -N (last N of each partition), @time, or @-15m")
        .argParser((text) => parseStart(text, io.clock.nowMs()))
        .default("start"),
    )
    .option("-p, --partition <n>", "only these partitions; repeatable, or with commas", collectPartitions)
    .option(
      "-n, --count <n>",
      "exit after so many records",
      wholeNumber({ min: 1, max: Number.MAX_SAFE_INTEGER }),
    )
    .option("-e, --exit", "exit when everything there is has been printed")
    .option("-f, --format <format>", "what to print of a record (default: its value)", checkedFormat)
    .option("--null-value <text>", "what to print for a null key or value (default: nothing)", "")
    .addOption(
      new Option("--on-out-of-range <action>", "what to do when an offset is not in the log")
        .choices(["error", "start", "end"])
        .default("error"),
    )
    .option("-q, --quiet", "no summary")
    .addHelpText("after", FORMAT_HELP)
    .addHelpText("after", EXAMPLES)
    .action((topics: string[], options: ConsumeOptions, command: Command) =>
      withConnection(io, command, (connected) => consume(io, connected, topics, options)),
    );
}

function checkedFormat(format: string): string {
  compileFormat(format, Buffer.alloc(0));
  return format;
}
