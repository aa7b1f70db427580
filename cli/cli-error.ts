/** What the command line itself refuses; brokers and the SDK throw MillraceError. */

/** How a command ended, for scripts. */
export const ExitCode = {
  ok: 0,
  /** It was tried and failed, or what was checked is damaged. */
  failure: 1,
  /** It was not tried: the command line or the settings are wrong. */
  usage: 2,
  /** A topic, partition, group, context or file does not exist. */
  notFound: 3,
  /** The broker cannot be reached or cannot serve now; the same command may succeed later. */
  unavailable: 4,
} as const;

/** A failure with its exit code; the text says what was wrong, the value, what is allowed and what mends it. */
export class CliError extends Error {
  override readonly name = "CliError";
  readonly exitCode: number;

  constructor(exitCode: number, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.exitCode = exitCode;
  }
}

/** The command line is wrong in a way that its grammar does not tell. */
export function usageError(message: string): CliError {
  return new CliError(ExitCode.usage, message);
}

/** Ends a command with an exit code after it has said everything there is to say. */
export class Finished extends Error {
  override readonly name = "Finished";
  readonly exitCode: number;

  constructor(exitCode: number) {
    super(`finished with exit code ${exitCode}`);
    this.exitCode = exitCode;
  }
}
