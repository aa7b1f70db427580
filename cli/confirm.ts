import { createInterface } from "node:readline/promises";
import { Writable } from "node:stream";
import { CliError, ExitCode, usageError } from "./cli-error.ts";
import type { Io } from "./io.ts";

/**
 * Asks before something is lost. Without a terminal there is nobody to ask: then `isConfirmed` (the option --yes)
 * must say so. Throws CliError if the answer is not yes.
 */
export async function confirmLoss(
  io: Pick<Io, "stdin" | "stderr">,
  question: string,
  isConfirmed: boolean,
): Promise<void> {
  if (isConfirmed) return;
  if (io.stdin.isTTY !== true || !io.stderr.isTerminal) {
    throw usageError(`${question} Nobody can be asked here: add --yes to do it without asking`);
  }
  const answer = await ask(io, `${question} Type "yes" to go on: `);
  if (/^y(es)?$/i.test(answer.trim())) return;
  throw new CliError(ExitCode.failure, "not confirmed: nothing was changed");
}

async function ask({ stdin, stderr }: Pick<Io, "stdin" | "stderr">, prompt: string): Promise<string> {
  const output = new Writable({
    write(chunk: Buffer, _encoding, done) {
      stderr.write(chunk);
      done();
    },
  });
  const lines = createInterface({ input: stdin, output });
  try {
    // Without the second promise the end of the input (Ctrl-D) would leave the question waiting for ever.
    const ended = new Promise<string>((resolve) => lines.once("close", () => resolve("")));
    return await Promise.race([lines.question(prompt), ended]);
  } finally {
    lines.close();
  }
}
