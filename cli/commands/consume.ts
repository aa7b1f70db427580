import { Command, Option } from "commander";
import { collectPartitions } from "../arguments/partitions.ts";
import { parseDuration, wholeNumber } from "../arguments/quantities.ts";
import { usageError } from "../cli-error.ts";
import type { Io } from "../io.ts";
import { compileFormat, FORMAT_HELP } from "../records/record-format.ts";
import { parseStart } from "../records/start-position.ts";
import { withConnection } from "../connected.ts";
import { type ConsumeGroupOptions, consumeGroup } from "./consume-group.ts";
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
  millrace consume orders -g billing               as a member of a group: go on where it has got to
  millrace consume -g audit --pattern 'orders-.*'  topics by their names, those to come too
  millrace consume orders -g billing -n 100 -q > batch.txt

The order of records is that of their partition; partitions interleave. Output that nobody reads any more (| head)
ends it quietly, with the next record: prefer -n where none may come. Ctrl-C prints a summary and exits 0 where nothing else was to end it, and 130 with -n or -e.

Groups: what stdout has taken is committed every second and at the end, Ctrl-C included; a member that is killed has the
records since then printed again by whoever goes on. --from holds where the group has committed nothing.`;

type Options = ConsumeOptions & Partial<ConsumeGroupOptions>;

/** `millrace consume`: records become lines. */
export function consumeCommand(io: Io): Command {
  const command = new Command("consume")
    .summary("print records, from any point of the past, or as a member of a group")
    .description(
      "Prints the records of topics, one a line, from the start or any other place, or from where a group has got to.",
    )
    .argument("[topic...]", "topics to read")
    .addOption(
      new Option("--from <place>", "start, end, an offset, -N (last N of each partition), @time, or @-15m")
        .argParser((text) => parseStart(text, io.clock.nowMs()))
        .default("start"),
    )
    .addOption(
      new Option("-p, --partition <n>", "only these partitions; repeatable, or with commas")
        .argParser(collectPartitions)
        .conflicts("group"),
    )
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
        .default("error")
        .conflicts("group"),
    )
    .option("-q, --quiet", "no summary, nothing about assignments");
  addMembership(command);
  return command
    .addHelpText("after", FORMAT_HELP)
    .addHelpText("after", EXAMPLES)
    .action((topics: string[], options: Options, self: Command) => {
      const { group } = options;
      requireFitting(topics, options);
      return withConnection(io, self, (connected) =>
        group === undefined
          ? consume(io, connected, topics, options)
          : consumeGroup(io, connected, topics, { ...options, group }),
      );
    });
}

function addMembership(command: Command): void {
  command
    .optionsGroup("Options of members of a consumer group:")
    .option("-g, --group <group>", "share the partitions with other members, commit what is printed")
    .option("--pattern <regex>", "read all topics whose whole names match, those to come too")
    .option("--instance <name>", "keep partitions over a restart within the session timeout")
    .addOption(
      new Option(
        "--on-gap <action>",
        "what to do when the group's offset is not in the log (default: fail)",
      ).choices(["fail", "start", "end"]),
    )
    .addOption(
      new Option("--assignor <name>", "how partitions are shared (default: the group's)").choices([
        "uniform",
        "range",
      ]),
    )
    .addOption(
      new Option(
        "--session-timeout <duration>",
        "how long others wait for this member (default: 45s)",
      ).argParser((text) => parseDuration(text, { min: 1_000, max: 3_600_000 })),
    );
}

/** Refuses a command line that names nothing to read, or membership without a group. */
function requireFitting(topics: readonly string[], options: Options): void {
  const { group, pattern, instance, onGap, assignor, sessionTimeout } = options;
  if (group === undefined) {
    const membership = { pattern, instance, "on-gap": onGap, assignor, "session-timeout": sessionTimeout };
    const [found] = Object.entries(membership).find(([, value]) => value !== undefined) ?? [];
    if (found !== undefined) throw usageError(`--${found} is for members of a group; give --group GROUP too`);
  }
  if (topics.length > 0 || pattern !== undefined) return;
  throw usageError("nothing to consume; give a TOPIC, or with --group a --pattern");
}

function checkedFormat(format: string): string {
  compileFormat(format, Buffer.alloc(0));
  return format;
}
