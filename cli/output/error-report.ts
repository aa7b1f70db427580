import { MillraceError, type Reason, StartError } from "../../src/errors/index.ts";
import { FileSystemError } from "../../src/fs/index.ts";
import { CliError, ExitCode } from "../cli-error.ts";
import type { Io } from "../io.ts";
import { colorsFor } from "./colors.ts";
import { printable } from "./table.ts";

/** Tells an error on stderr: one line with its reason in brackets, and with `isVerbose` what caused it. */
export function reportError(io: Pick<Io, "stderr">, error: unknown, isVerbose: boolean): void {
  const { red } = colorsFor(io.stderr);
  const reason = reasonOf(error);
  const suffix = reason === undefined ? "" : ` [${reason}]`;
  io.stderr.write(`${red("error:")} ${printable(textOf(error))}${suffix}\n`);
  if (!isVerbose) return;
  for (let cause: unknown = error; cause instanceof Error; cause = cause.cause) {
    io.stderr.write(`${cause.stack ?? cause.message}\n`);
  }
}

const NOT_FOUND: ReadonlySet<Reason> = new Set(["TOPIC_NOT_FOUND", "PARTITION_NOT_FOUND", "GROUP_NOT_FOUND"]);

/** The exit code that tells a script what kind of failure it was. */
export function exitCodeFor(error: unknown): number {
  if (error instanceof CliError) return error.exitCode;
  if (error instanceof MillraceError) {
    if (NOT_FOUND.has(error.reason)) return ExitCode.notFound;
    // "same": the table of reasons says that the same call may succeed later.
    return error.retry === "same" ? ExitCode.unavailable : ExitCode.failure;
  }
  if (error instanceof StartError && error.reason === "INVALID_SETTING") return ExitCode.usage;
  if (error instanceof FileSystemError && error.code === "ENOENT") return ExitCode.notFound;
  return ExitCode.failure;
}

function reasonOf(error: unknown): string | undefined {
  if (error instanceof MillraceError || error instanceof StartError) return error.reason;
  return error instanceof FileSystemError ? error.code : undefined;
}

const SYSTEM_REFUSALS: Readonly<Record<string, string>> = {
  ENOENT: "there is no such file or folder; check the path",
  EACCES: "permission denied; run as a user who may, or change the permissions",
  EISDIR: "it is a folder; name a file",
  ENOTDIR: "it is not a folder; name a folder",
  ENOSPC: "no space is left on the disk; make some",
};

function textOf(error: unknown): string {
  if (error instanceof FileSystemError) {
    const refusal = SYSTEM_REFUSALS[error.code] ?? "the system refused";
    return `cannot ${error.operation} ${error.path}: ${refusal}`;
  }
  return error instanceof Error ? error.message : String(error);
}
