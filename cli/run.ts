import { CommanderError, InvalidArgumentError } from "commander";
import { CliError, ExitCode, Finished } from "./cli-error.ts";
import type { Io } from "./io.ts";
import { exitCodeFor, reportError } from "./output/error-report.ts";
import { buildProgram } from "./program.ts";

/** Runs one command line, without the program's name, to its end and returns the exit code. Never throws. */
export async function run(args: readonly string[], io: Io): Promise<number> {
  const exitCode = await runCommand(args, io);
  await io.stdout.flush();
  const { failure } = io.stdout;
  if (failure === undefined) return exitCode;
  reportError(io, failure, false);
  return exitCode === ExitCode.ok ? ExitCode.failure : exitCode;
}

async function runCommand(args: readonly string[], io: Io): Promise<number> {
  const program = buildProgram(io);
  try {
    await program.parseAsync(args, { from: "user" });
    return ExitCode.ok;
  } catch (thrown) {
    if (thrown instanceof Finished) return thrown.exitCode;
    // Commander has told its own refusals, and shown help where that was asked for. It makes them of what parsers
    // throw; thrown anywhere else those have told nothing yet.
    if (thrown instanceof CommanderError && !(thrown instanceof InvalidArgumentError))
      return thrown.exitCode === 0 ? ExitCode.ok : ExitCode.usage;
    reportError(io, thrown, program.opts().verbose === true && !(thrown instanceof CliError));
    return exitCodeFor(thrown);
  }
}
