import { Command, Option } from "commander";
import { OFFSET_MAX, PARTITIONS_PER_TOPIC_MAX } from "../../src/base/index.ts";
import { collectList, collectPairs, type NameValue, toRecord } from "../arguments/name-value.ts";
import { wholeNumber } from "../arguments/quantities.ts";
import type { Io } from "../io.ts";
import * as actions from "./topic-actions.ts";

/** `millrace topic`: create, look at, change and delete topics. */
export function topicCommand(io: Io): Command {
  const command = new Command("topic")
    .summary("create, list, change and delete topics")
    .description("Creates, lists, describes, changes and deletes topics.")
    .addHelpText("after", GROUP_EXAMPLES);
  addLooking(command, io);
  addMaking(command, io);
  addLosing(command, io);
  return command;
}

const GROUP_EXAMPLES = `
Examples:
  millrace topic create orders --partitions 6 --config retention.ms=86400000
  millrace topic list
  millrace topic describe orders
  millrace topic alter orders --set retention.ms=3600000 --reset segment.bytes`;

const partitionCount = wholeNumber({ min: 1, max: PARTITIONS_PER_TOPIC_MAX });

function addLooking(command: Command, io: Io): void {
  command
    .command("list")
    .description("Lists all topics.")
    .option("--internal", "the broker's own topics too, which can be read and nothing else")
    .addHelpText("after", LIST_EXAMPLES)
    .action(({ internal }: { internal?: true }, self: Command) =>
      actions.listTopics(io, self, internal === true),
    );
  command
    .command("describe <topic...>")
    .description("Shows the partitions, offsets and configs of topics.")
    .addHelpText("after", DESCRIBE_EXAMPLES)
    .action((names: string[], _options: unknown, self: Command) => actions.describeTopics(io, self, names));
}

const LIST_EXAMPLES = `
Examples:
  millrace topic list
  millrace topic list --internal
  millrace topic list -o json | jq -r '.[].name'`;

const DESCRIBE_EXAMPLES = `
Examples:
  millrace topic describe orders
  millrace topic describe orders payments -o json

Offsets: records from START up to, but not including, HIGH WATERMARK can be read; END is the next to be assigned.`;

function addMaking(command: Command, io: Io): void {
  command
    .command("create <topic>")
    .description("Creates a topic and shows it.")
    .addOption(
      new Option("-p, --partitions <n>", "number of partitions (default: the broker's)").argParser(
        partitionCount,
      ),
    )
    .option<NameValue[]>(
      "-c, --config <name=value>",
      "config to set, Kafka's names; repeatable",
      collectPairs,
    )
    .option("--if-not-exists", "succeed if the topic exists already, whatever it is like")
    .option("--dry-run", "check everything, create nothing")
    .addHelpText("after", CREATE_EXAMPLES)
    .action((name: string, options: actions.CreateOptions, self: Command) =>
      actions.createTopic(io, self, name, options),
    );
  command
    .command("alter <topic>")
    .description("Changes configs of a topic, all of them or none, and shows the result.")
    .option<NameValue[]>("-s, --set <name=value>", "config to set; repeatable", collectPairs)
    .option<string[]>("-r, --reset <name>", "config to set back to its default; repeatable", collectList)
    .addHelpText("after", ALTER_EXAMPLES)
    .action((name: string, options: { set?: NameValue[]; reset?: string[] }, self: Command) =>
      actions.alterTopic(io, self, name, { set: toRecord(options.set), reset: options.reset ?? [] }),
    );
  command
    .command("add-partitions <topic>")
    .description("Raises the number of partitions. Keys may map to other partitions afterwards.")
    .addOption(
      new Option("--to <n>", "new number of partitions, the present ones included")
        .argParser(partitionCount)
        .makeOptionMandatory(),
    )
    .addHelpText("after", ADD_EXAMPLES)
    .action((name: string, { to }: { to: number }, self: Command) =>
      actions.addPartitions(io, self, name, to),
    );
}

const CREATE_EXAMPLES = `
Examples:
  millrace topic create orders
  millrace topic create orders --partitions 6 --config retention.ms=86400000
  millrace topic create clicks -c flush.mode=written      acknowledge before the flush to disk

"millrace topic describe" shows every config with its value.`;

const ALTER_EXAMPLES = `
Examples:
  millrace topic alter orders --set retention.ms=3600000
  millrace topic alter orders --set segment.bytes=268435456 --reset retention.ms`;

const ADD_EXAMPLES = `
Examples:
  millrace topic add-partitions orders --to 12`;

function addLosing(command: Command, io: Io): void {
  command
    .command("delete <topic...>")
    .description("Deletes topics with all their records, or none of them if one does not exist.")
    .option("-y, --yes", "do not ask")
    .addHelpText("after", DELETE_EXAMPLES)
    .action((names: string[], { yes }: { yes?: true }, self: Command) =>
      actions.deleteTopics(io, self, names, yes === true),
    );
  command
    .command("trim <topic>")
    .description("Drops the oldest records of a partition: those before an offset.")
    .addOption(
      new Option("-p, --partition <n>", "partition to trim")
        .argParser(wholeNumber({ min: 0, max: PARTITIONS_PER_TOPIC_MAX - 1 }))
        .makeOptionMandatory(),
    )
    .addOption(
      new Option("--before <offset>", "first offset to keep; the high watermark empties the partition")
        .argParser(wholeNumber({ min: 0, max: OFFSET_MAX }))
        .conflicts("all"),
    )
    .option("--all", "drop every record of the partition")
    .option("-y, --yes", "do not ask")
    .addHelpText("after", TRIM_EXAMPLES)
    .action((name: string, options: actions.TrimCommandOptions, self: Command) =>
      actions.trimPartition(io, self, name, options),
    );
}

const DELETE_EXAMPLES = `
Examples:
  millrace topic delete orders
  millrace topic delete orders payments --yes`;

const TRIM_EXAMPLES = `
Examples:
  millrace topic trim orders --partition 0 --before 120000
  millrace topic trim orders --partition 0 --all --yes

Prints the new log start offset. Files go in whole segments; offsets never change.`;
