import { Readable, Writable } from "node:stream";
import { systemClock } from "../../src/base/index.ts";
import { type FileSystem, MemoryFileSystem } from "../../src/fs/index.ts";
import { type EndSignal, ioOf } from "../../cli/io.ts";
import { run } from "../../cli/run.ts";

/** How a command line is run. */
export interface CliOptions {
  readonly stdin?: string | Buffer | Readable;
  readonly env?: Readonly<Record<string, string>>;
  /** Default: an empty one in memory. */
  readonly fs?: FileSystem;
  /** All three streams are a terminal. */
  readonly isTerminal?: boolean;
  /** The reader of stdout goes away after so many bytes. */
  readonly stdoutClosesAfter?: number;
  /** Writing to stdout fails like this. */
  readonly stdoutFailsWith?: NodeJS.ErrnoException;
  /** Is given a function that sends a signal, as soon as the command listens for one. */
  readonly onListening?: (send: (signal: EndSignal) => void) => void;
  /** Sees stdout as it grows. */
  readonly onStdout?: (text: string) => void;
}

/** What came of it. */
export interface CliResult {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a command line in this process, on streams, environment and files of its own. */
export async function runCli(args: readonly string[], options: CliOptions = {}): Promise<CliResult> {
  const { isTerminal = false, env = {}, fs = new MemoryFileSystem() } = options;
  const stdout = collector(isTerminal, options);
  const stderr = collector(isTerminal);
  const given = options.stdin ?? "";
  const input = given instanceof Readable ? given : Readable.from([Buffer.from(given)]);
  const stdin = Object.assign(input, { isTTY: isTerminal });
  const parts = { stdin, stdout: stdout.stream, stderr: stderr.stream, env: { HOME: "/home", ...env } };
  const io = ioOf(parts, {
    fs,
    clock: systemClock,
    onSignal: (listener) => {
      options.onListening?.(listener);
      return () => {};
    },
  });
  const exitCode = await run(args, io);
  await Promise.all([io.stdout.flush(), io.stderr.flush()]);
  return { exitCode, stdout: stdout.text(), stderr: stderr.text() };
}

function collector(isTTY: boolean, options: CliOptions = {}) {
  const { stdoutClosesAfter: closesAfter = Number.POSITIVE_INFINITY, stdoutFailsWith: failure } = options;
  const chunks: Buffer[] = [];
  let bytes = 0;
  const stream = new Writable({
    write(chunk: Buffer, _encoding, done) {
      if (failure !== undefined) {
        done(failure);
        return;
      }
      bytes += chunk.length;
      if (bytes > closesAfter) {
        done(Object.assign(new Error("write EPIPE"), { code: "EPIPE" }));
        return;
      }
      chunks.push(Buffer.from(chunk));
      options.onStdout?.(Buffer.concat(chunks).toString());
      done();
    },
  });
  return { stream: Object.assign(stream, { isTTY }), text: () => Buffer.concat(chunks).toString() };
}
