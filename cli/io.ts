import type { Readable, Writable } from "node:stream";
import type { Clock } from "../src/base/index.ts";
import type { FileSystem } from "../src/fs/index.ts";
import { OutputStream } from "./output/output-stream.ts";

/** The process as the commands see it, so that tests can give them another one. */
export interface Io {
  readonly stdin: Readable & { readonly isTTY?: boolean };
  /** Data, and nothing but data. */
  readonly stdout: OutputStream;
  /** Everything else: errors, questions, progress, summaries. */
  readonly stderr: OutputStream;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly fs: FileSystem;
  readonly clock: Clock;
  /** Calls back at SIGINT and SIGTERM until the returned function is called; without a listener they end the process. */
  onSignal(listener: (signal: EndSignal) => void): () => void;
}

/** The signals that ask a command to end. */
export type EndSignal = "SIGINT" | "SIGTERM";

/** What a process is made of, for `ioOf`. */
export interface ProcessParts {
  readonly stdin: Readable & { readonly isTTY?: boolean };
  readonly stdout: Writable & { readonly isTTY?: boolean; readonly columns?: number; readonly rows?: number };
  readonly stderr: Writable & { readonly isTTY?: boolean; readonly columns?: number; readonly rows?: number };
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** Wraps the streams of a process. */
export function ioOf(parts: ProcessParts, rest: Pick<Io, "fs" | "clock" | "onSignal">): Io {
  const { stdin, stdout, stderr, env } = parts;
  return {
    stdin,
    stdout: new OutputStream(stdout, env, "stdout"),
    stderr: new OutputStream(stderr, env, "stderr"),
    env,
    ...rest,
  };
}

/**
 * Listens for the signals that end a process. The first is told and leaves the command time to finish what it has
 * begun; a second one ends the process at once.
 */
export function onProcessSignal(listener: (signal: EndSignal) => void): () => void {
  let isFirst = true;
  const hear = (signal: EndSignal) => {
    if (!isFirst) process.exit(exitCodeOf(signal));
    isFirst = false;
    listener(signal);
  };
  process.on("SIGINT", hear);
  process.on("SIGTERM", hear);
  return () => {
    process.off("SIGINT", hear);
    process.off("SIGTERM", hear);
  };
}

/** The exit code of a process that a signal ended, as shells tell it: 128 and the signal's number. */
export function exitCodeOf(signal: EndSignal): number {
  return signal === "SIGINT" ? 130 : 143;
}
