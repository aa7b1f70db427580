import { type Command, InvalidArgumentError } from "commander";
import { parseDuration } from "../arguments/quantities.ts";
import { CliError, ExitCode } from "../cli-error.ts";
import type { Io } from "../io.ts";
import type { OutputFormat } from "../output/print.ts";
import { contextFilePath, readContexts } from "./context-file.ts";
import type { ContextSettings } from "./contexts.ts";

/** The broker asked where nothing says otherwise. */
export const BROKER_DEFAULT = "127.0.0.1:7171";
const TIMEOUT_MS_DEFAULT = 10_000;

/** What a command goes by: flag before environment before context before default. */
export interface Settings {
  /** Endpoints, separated by commas. */
  readonly broker: string;
  readonly timeoutMs: number;
  readonly output: OutputFormat;
  readonly isVerbose: boolean;
}

/** The global options as commander hands them over: from flags or the environment, absent otherwise. */
export type GlobalOptions = {
  readonly broker?: string;
  readonly timeout?: number;
  readonly context?: string;
  readonly output?: OutputFormat;
  readonly verbose?: boolean;
};

/** Settles the settings of a command. Throws CliError if the context asked for does not exist or is wrong. */
export async function resolveSettings(command: Command, io: Io): Promise<Settings> {
  const options = command.optsWithGlobals<GlobalOptions>();
  const context = await contextInUse(options.context, io);
  return {
    broker: options.broker ?? context?.broker ?? BROKER_DEFAULT,
    timeoutMs: options.timeout ?? contextTimeout(context) ?? TIMEOUT_MS_DEFAULT,
    output: options.output ?? context?.output ?? "table",
    isVerbose: options.verbose === true,
  };
}

async function contextInUse(asked: string | undefined, io: Io): Promise<ContextSettings | undefined> {
  const path = contextFilePath(io.env);
  const { current, contexts } = await readContexts(io.fs, path);
  const name = asked ?? current;
  if (name === undefined) return undefined;
  if (Object.hasOwn(contexts, name)) return contexts[name];
  const known = Object.keys(contexts).join(", ") || "none";
  throw new CliError(
    ExitCode.notFound,
    `there is no context "${name}" in ${path}; known: ${known}. Add it with "millrace context add ${name} --broker HOST:PORT"`,
  );
}

function contextTimeout(context: ContextSettings | undefined): number | undefined {
  if (context?.timeout === undefined) return undefined;
  try {
    return parseDuration(context.timeout, { min: 1, max: 600_000 });
  } catch (error) {
    if (!(error instanceof InvalidArgumentError)) throw error;
    throw new CliError(
      ExitCode.usage,
      `the context's timeout "${context.timeout}" is wrong. ${error.message}`,
    );
  }
}
