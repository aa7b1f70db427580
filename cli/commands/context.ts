import { Command } from "commander";
import { systemRandom } from "../../src/base/index.ts";
import { CliError, ExitCode, usageError } from "../cli-error.ts";
import type { Io } from "../io.ts";
import { printResult } from "../output/print.ts";
import { type Column, renderTable } from "../output/table.ts";
import { contextFilePath, readContexts, writeContexts } from "../settings/context-file.ts";
import {
  CONTEXT_NAME_ALLOWED,
  type Contexts,
  type ContextSettings,
  isContextName,
} from "../settings/contexts.ts";
import { type GlobalOptions, resolveSettings } from "../settings/settings.ts";

const EXAMPLES = `
Examples:
  millrace context add production --broker broker1.example.com:7171 --timeout 30s --use
  millrace context list
  millrace context use production
  millrace --context production topic list    for one command only
  millrace context remove production

Contexts are kept in $XDG_CONFIG_HOME/millrace/config.yaml (default ~/.config/millrace/config.yaml).`;

const ADD_EXAMPLES = `
Examples:
  millrace context add local --broker 127.0.0.1:7171
  millrace context add production --broker broker1.example.com:7171,broker2.example.com:7171 --timeout 30s --use
  millrace context add production --broker broker3.example.com:7171 --replace`;

const LIST_EXAMPLES = `
Examples:
  millrace context list
  millrace context list -o json | jq -r '.[] | select(.isCurrent).broker'`;

const USE_EXAMPLES = `
Examples:
  millrace context use production

For one command only: millrace --context production topic list. MILLRACE_CONTEXT does it for a shell.`;

const REMOVE_EXAMPLES = `
Examples:
  millrace context remove production`;

/** `millrace context`: names for clusters. */
export function contextCommand(io: Io): Command {
  const command = new Command("context")
    .summary("name clusters and choose one")
    .description("Names clusters and the settings that go with them, and chooses the one that commands ask.")
    .addHelpText("after", EXAMPLES);
  command
    .command("add <name>")
    .description("Adds a context with the --broker, --timeout and --output given.")
    .option("--use", "use it from now on")
    .option("--replace", "replace it if it exists")
    .addHelpText("after", ADD_EXAMPLES)
    .action((name: string, options: AddOptions, self: Command) => add(io, name, options, self));
  command
    .command("list")
    .description("Lists the contexts; the one in use is marked.")
    .addHelpText("after", LIST_EXAMPLES)
    .action((_options: unknown, self: Command) => list(io, self));
  command
    .command("use <name>")
    .description("Makes a context the one that commands go by.")
    .addHelpText("after", USE_EXAMPLES)
    .action((name: string) =>
      change(io, (contexts) => ({ ...requireContext(contexts, name), current: name })),
    );
  command
    .command("remove <name>")
    .description("Removes a context. No cluster notices.")
    .addHelpText("after", REMOVE_EXAMPLES)
    .action((name: string) => change(io, (contexts) => without(requireContext(contexts, name), name)));
  return command;
}

type AddOptions = { readonly use?: true; readonly replace?: true };

async function add(io: Io, name: string, options: AddOptions, command: Command): Promise<void> {
  if (!isContextName(name))
    throw usageError(`"${name}" is no context name; allowed are ${CONTEXT_NAME_ALLOWED}`);
  const { broker, timeout, output } = command.optsWithGlobals<GlobalOptions>();
  if (broker === undefined) throw usageError(`a context needs a broker: add --broker HOST:PORT`);
  const settings: ContextSettings = {
    broker,
    ...(timeout === undefined ? {} : { timeout: `${timeout}ms` }),
    ...(output === undefined ? {} : { output }),
  };
  await change(io, ({ current, contexts }) => {
    if (Object.hasOwn(contexts, name) && options.replace !== true) {
      throw new CliError(ExitCode.failure, `context "${name}" exists; add --replace to replace it`);
    }
    return { current: options.use === true ? name : current, contexts: { ...contexts, [name]: settings } };
  });
}

interface ContextRow extends ContextSettings {
  readonly name: string;
  readonly isCurrent: boolean;
}

const COLUMNS: readonly Column<ContextRow>[] = [
  { title: "", value: ({ isCurrent }) => (isCurrent ? "*" : ""), color: (_row, { green }) => green },
  { title: "NAME", value: ({ name }) => name },
  { title: "BROKER", value: ({ broker }) => broker },
  { title: "TIMEOUT", value: ({ timeout }) => timeout ?? "" },
  { title: "OUTPUT", value: ({ output }) => output ?? "" },
];

async function list(io: Io, command: Command): Promise<void> {
  const { current, contexts } = await readContexts(io.fs, contextFilePath(io.env));
  const { output: format } = await resolveSettings(command, io);
  const rows = Object.entries(contexts).map(([name, settings]) => ({
    name,
    isCurrent: name === current,
    ...settings,
  }));
  await printResult({ stdout: io.stdout, format }, rows, () => renderTable(COLUMNS, rows, io.stdout));
}

async function change(io: Io, changed: (contexts: Contexts) => Contexts): Promise<void> {
  const path = contextFilePath(io.env);
  await writeContexts(io.fs, path, changed(await readContexts(io.fs, path)), systemRandom.id());
}

function requireContext(contexts: Contexts, name: string): Contexts {
  if (Object.hasOwn(contexts.contexts, name)) return contexts;
  const known = Object.keys(contexts.contexts).join(", ") || "none";
  throw new CliError(ExitCode.notFound, `there is no context "${name}"; known: ${known}`);
}

function without({ current, contexts }: Contexts, name: string): Contexts {
  const { [name]: _removed, ...rest } = contexts;
  return { current: current === name ? undefined : current, contexts: rest };
}
