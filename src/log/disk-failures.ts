import { MillraceError } from "../errors/index.ts";
import { FileSystemError, isOutOfSpace } from "../fs/index.ts";

/**
 * The error for a failure that may pass: no space, or no file descriptors. Undefined for any other, which nobody can
 * build on. `what` names the thing that could not be written; it is for the caller to see that nothing of it was.
 */
export function passingRefusal(error: unknown, what: string): MillraceError | undefined {
  if (isOutOfSpace(error)) {
    return new MillraceError(
      "STORAGE_FULL",
      `there is no space left on the disk for ${what}; nothing was written; free space or shorten retention, and writes resume by themselves`,
      { details: { what }, cause: error },
    );
  }
  if (isOutOfDescriptors(error)) {
    return new MillraceError(
      "OVERLOADED",
      `the broker has no file descriptor left for ${what}; nothing was written; raise its limit (ulimit -n)`,
      { details: { what }, cause: error },
    );
  }
  return undefined;
}

/** True for a flush of bytes or names that failed: what it was to make durable may never be, whatever the code. */
export function isFailedFlush(error: unknown): boolean {
  if (!(error instanceof FileSystemError) || isOutOfDescriptors(error)) return false;
  return error.operation === "datasync" || error.operation === "syncDirectory";
}

/** The error of a partition that met a failed write or flush. Nothing more is acknowledged on it until a restart. */
export function offlineError(partition: string, action: string, cause: unknown): MillraceError {
  return new MillraceError(
    "STORAGE_OFFLINE",
    `partition ${partition} is offline: the disk could not ${action}; check the disk, then restart the broker, which recovers what was acknowledged`,
    { details: { partition }, cause },
  );
}

/** The same failure for whoever meets it before anything of theirs was tried. */
export function untouched(failure: MillraceError): MillraceError {
  const { reason, message, details, cause } = failure;
  return new MillraceError(reason, message, { details, cause, effect: "none" });
}

/** What a reader is told when the disk refuses; whatever is no refusal of the disk passes as it is. */
export function readFailure(error: unknown, partition: string): unknown {
  if (!(error instanceof FileSystemError)) return error;
  if (isOutOfDescriptors(error)) {
    return new MillraceError(
      "OVERLOADED",
      `the broker has no file descriptor left to read partition ${partition}; try again, or raise its limit (ulimit -n)`,
      { details: { partition }, cause: error },
    );
  }
  return new MillraceError(
    "STORAGE_OFFLINE",
    `partition ${partition} could not be read: ${error.message}; check the disk`,
    { details: { partition }, cause: error, effect: "none" },
  );
}

function isOutOfDescriptors(error: unknown): boolean {
  return error instanceof FileSystemError && (error.code === "EMFILE" || error.code === "ENFILE");
}

/** The error of everything that is asked of a log that is closed. */
export function closedError(name: string): MillraceError {
  return new MillraceError("NOT_LEADER", `partition ${name} is closed on this broker; refresh metadata`, {
    details: { partition: name },
  });
}
