import { Command, Option } from "commander";
import { collectPartitions } from "../arguments/partitions.ts";
import { parseDuration } from "../arguments/quantities.ts";
import { parseSeekPlace } from "../arguments/seek-place.ts";
import type { Io } from "../io.ts";
import * as actions from "./group-actions.ts";
import { type DescribeOptions, describeGroup } from "./group-describe.ts";

/** `millrace group`: look at consumer groups, move them, and forget them. */
export function groupCommand(io: Io): Command {
  const command = new Command("group")
    .summary("list, describe, move and delete consumer groups")
    .description("Shows how far consumer groups have read and why they wait, moves them, and forgets them.")
    .addHelpText("after", GROUP_EXAMPLES);
  addLooking(command, io);
  addSeek(command, io);
  addLosing(command, io);
  return command;
}

const GROUP_EXAMPLES = `
Examples:
  millrace group list
  millrace group describe billing --watch
  millrace group seek billing --to start --dry-run
  millrace consume orders -g billing             read as a member of the group`;

function addLooking(command: Command, io: Io): void {
  command
    .command("list")
    .description("Lists all consumer groups.")
    .addHelpText("after", LIST_EXAMPLES)
    .action((_options: unknown, self: Command) => actions.listGroups(io, self));
  command
    .command("describe <group>")
    .description("Shows the members, offsets and lag of a group, and why it waits where it does.")
    .option("-t, --topic <topic>", "only partitions of this topic")
    .addOption(
      new Option("-w, --watch [interval]", "show it again and again, until Ctrl-C")
        .argParser((text) => parseDuration(text, { min: 100, max: 3_600_000 }))
        .preset("2s"),
    )
    .addHelpText("after", DESCRIBE_EXAMPLES)
    .action((name: string, options: DescribeOptions, self: Command) =>
      describeGroup(io, self, name, options),
    );
}

const LIST_EXAMPLES = `
Examples:
  millrace group list
  millrace group list -o json | jq -r '.[] | select(.state == "empty").group'`;

const DESCRIBE_EXAMPLES = `
Examples:
  millrace group describe billing
  millrace group describe billing --watch          every 2 s: in place at a terminal
  millrace group describe billing --watch 30s -o json | jq .lag
  millrace group describe billing --topic orders -o json | jq '.findings[].why'

COMMITTED is the next offset to read, LAG what is between it and END. An interval without a unit is milliseconds.`;

function addSeek(command: Command, io: Io): void {
  command
    .command("seek <group>")
    .description("Moves the committed offsets of a group without members, and shows from where to where.")
    .addOption(
      new Option("--to <place>", "start, end, an offset, +N, -N, @time, or @-15m")
        .argParser((text) => parseSeekPlace(text, io.clock.nowMs()))
        .conflicts("toGroup"),
    )
    .option("--to-group <group>", "to where another group has got")
    .option("-t, --topic <topic>", "only this topic (default: all that the group has committed offsets of)")
    .option("-p, --partition <n>", "only these partitions; repeatable, or with commas", collectPartitions)
    .option("--dry-run", "show what would be done, do nothing")
    .addHelpText("after", SEEK_EXAMPLES)
    .action((name: string, options: actions.SeekOptions, self: Command) =>
      actions.seekGroup(io, self, name, options),
    );
}

const SEEK_EXAMPLES = `
Examples:
  millrace group seek billing --to start --dry-run
  millrace group seek billing --to end --topic orders
  millrace group seek billing --to @2026-01-31T12:00:00Z
  millrace group seek billing --to @-15m                  what came in the last 15 minutes, again
  millrace group seek billing --to -100 --topic orders --partition 0,1
  millrace group seek billing --to 120000 -t orders -p 2
  millrace group seek replay --to-group billing           begin where another group is

Places: +N and -N count from the committed offset of each partition; what lies outside the log becomes its nearest
end. A group that does not exist comes to be, with --topic. Members must have left: stop them first.`;

function addLosing(command: Command, io: Io): void {
  command
    .command("delete <group...>")
    .description("Deletes groups with their committed offsets, or none of them if one cannot be deleted.")
    .option("-y, --yes", "do not ask")
    .addHelpText("after", DELETE_EXAMPLES)
    .action((names: string[], { yes }: { yes?: true }, self: Command) =>
      actions.deleteGroups(io, self, names, yes === true),
    );
  command
    .command("delete-offsets <group>")
    .description("Forgets how far a group has read a topic that no member subscribes to.")
    .requiredOption("-t, --topic <topic>", "topic whose offsets to forget")
    .option("-p, --partition <n>", "only these partitions; repeatable, or with commas", collectPartitions)
    .option("-y, --yes", "do not ask")
    .addHelpText("after", DELETE_OFFSETS_EXAMPLES)
    .action((name: string, options: actions.DeleteOffsetsCommandOptions, self: Command) =>
      actions.deleteOffsets(io, self, name, options),
    );
}

const DELETE_EXAMPLES = `
Examples:
  millrace group delete billing
  millrace group delete billing replay --yes`;

const DELETE_OFFSETS_EXAMPLES = `
Examples:
  millrace group delete-offsets billing --topic orders
  millrace group delete-offsets billing --topic orders --partition 4,5 --yes

Prints how many there were. A member that reads there again begins as one that never did.`;
