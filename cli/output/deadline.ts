import { MillraceError } from "../../src/errors/index.ts";

/**
 * A call that ended by its deadline, in words that help: the transport's own tell where in its machinery the time went.
 * Any other error as it is. A DEADLINE_EXCEEDED without an endpoint is no single call's and has words of its own.
 */
export function withPlainDeadline(error: unknown, timeoutMs: number): unknown {
  if (!(error instanceof MillraceError) || error.reason !== "DEADLINE_EXCEEDED") return error;
  const { details, effect } = error;
  if (details.endpoint === undefined) return error;
  return new MillraceError(
    error.reason,
    `no answer from ${details.endpoint} within ${timeoutMs} ms; --timeout allows more`,
    { details, effect, cause: error },
  );
}
