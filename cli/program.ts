import { Command, Option } from "commander";
import { VERSION } from "../src/version.ts";
import { parseDuration } from "./arguments/quantities.ts";
import { benchCommand } from "./commands/bench.ts";
import { clusterCommand } from "./commands/cluster.ts";
import { completionCommand } from "./commands/completion.ts";
import { consumeCommand } from "./commands/consume.ts";
import { contextCommand } from "./commands/context.ts";
import { groupCommand } from "./commands/group.ts";
import { logCommand } from "./commands/log.ts";
import { produceCommand } from "./commands/produce.ts";
import { startCommand } from "./commands/start.ts";
import { streamCommand } from "./commands/stream.ts";
import { topicCommand } from "./commands/topic.ts";
import { versionCommand } from "./commands/version.ts";
import type { Io } from "./io.ts";
import { colorsFor } from "./output/colors.ts";
import { OUTPUT_FORMATS } from "./output/print.ts";

const EXAMPLES = `
First steps:
  millrace start                              run a broker here (leave it running)
  millrace topic create orders --partitions 6
  echo 'hello' | millrace produce orders
  millrace consume orders -e

Every command has examples of its own: millrace COMMAND --help

Settings come from flags, then the environment, then the context in use, then defaults.
Exit codes: 0 done, 1 failed, 2 wrong usage, 3 not found, 4 unavailable (try again later).`;

/** The whole tree of commands. */
export function buildProgram(io: Io): Command {
  const program = new Command("millrace")
    .description(
      "A partitioned, durable event log over gRPC: run a broker, administer topics and groups, move records.",
    )
    .version(VERSION, "-V, --version", "print the version")
    .addHelpText("after", EXAMPLES);
  addGlobalOptions(program);
  program
    .exitOverride()
    .showHelpAfterError("(add --help to see what is allowed)")
    .configureHelp({ showGlobalOptions: true, styleTitle: bold(io) })
    .configureOutput({
      writeOut: (text) => io.stdout.write(text),
      writeErr: (text) => io.stderr.write(text),
      getOutHelpWidth: () => (io.stdout.isTerminal ? io.stdout.columns : 100),
      getErrHelpWidth: () => (io.stderr.isTerminal ? io.stderr.columns : 100),
      getOutHasColors: () => io.stdout.hasColors,
      getErrHasColors: () => io.stderr.hasColors,
    })
    .hook("preAction", () => {
      if (program.opts().color !== false) return;
      io.stdout.disableColors();
      io.stderr.disableColors();
    });
  // Help that is asked for would hide that there is no such command: then the command refuses it as without --help.
  program.addHelpText("beforeAll", ({ command }) => {
    const [word] = command.args;
    const isUnknown = word !== undefined && !word.startsWith("-") && command.commands.length > 0;
    if (isUnknown && word !== "help") command.parse([word], { from: "user" });
    return "";
  });
  program.addHelpCommand(
    new Command("help")
      .argument("[command]")
      .description("show the help of a command")
      .helpGroup("This command:"),
  );
  add(program, "Broker:", [startCommand()]);
  add(program, "Records:", [produceCommand(io), consumeCommand(io), streamCommand(io)]);
  add(program, "Administration:", [topicCommand(io), groupCommand(io), clusterCommand(io)]);
  add(program, "Tools:", [benchCommand(io), logCommand(io)]);
  add(program, "This command:", [contextCommand(io), completionCommand(io), versionCommand(io)]);
  return program;
}

function addGlobalOptions(program: Command): void {
  program
    .addOption(
      new Option(
        "--broker <host:port>",
        "endpoint to ask first, several separated by commas (default: 127.0.0.1:7171)",
      ).env("MILLRACE_BROKER"),
    )
    .addOption(
      new Option(
        "--timeout <duration>",
        "longest wait for one answer, such as 500ms, 10s; milliseconds without a unit (default: 10s)",
      )
        .env("MILLRACE_TIMEOUT")
        .argParser((text) => parseDuration(text, { min: 1, max: 600_000 })),
    )
    .addOption(
      new Option("--context <name>", "context to use instead of the current one").env("MILLRACE_CONTEXT"),
    )
    .addOption(
      new Option("-o, --output <format>", "how results are written (default: table)")
        .choices(OUTPUT_FORMATS)
        .env("MILLRACE_OUTPUT"),
    )
    .option("--no-color", "write no colours, even on a terminal (also: NO_COLOR)")
    .option("-v, --verbose", "tell more on stderr: retries, causes of errors");
}

function add(program: Command, group: string, commands: readonly Command[]): void {
  for (const command of commands) {
    inherit(command, program);
    program.addCommand(command.helpGroup(group));
  }
}

/** Commands built on their own do not take over the settings of the program as those made by it do. */
function inherit(command: Command, parent: Command): void {
  command.copyInheritedSettings(parent);
  for (const child of command.commands) inherit(child, command);
}

function bold(io: Io): (title: string) => string {
  return (title) => colorsFor(io.stdout).bold(title);
}
