/** Errors that a producer makes by itself. */
import { MillraceError } from "../../errors/index.ts";
import type { ProducerSettings } from "./producer-settings.ts";

/** Nothing became free in time. */
export function bufferFull(settings: ProducerSettings): MillraceError {
  const { bufferBytes, maxBlockMs } = settings;
  return new MillraceError(
    "OVERLOADED",
    `the producer's buffer of ${bufferBytes} bytes stayed full for maxBlockMs, ${maxBlockMs} ms: records come faster than the broker takes them; produce more slowly or raise bufferBytes`,
    { details: { buffer_bytes: bufferBytes, max_block_ms: maxBlockMs } },
  );
}

/** `write` was called again although it had returned false. */
export function writeIgnoredFalse(settings: ProducerSettings): MillraceError {
  const { bufferBytes } = settings;
  return new MillraceError(
    "OVERLOADED",
    `the producer's buffer of ${bufferBytes} bytes is full: await ready() whenever write() returns false`,
    { details: { buffer_bytes: bufferBytes } },
  );
}

/** A record was given to a closed producer. */
export function producerClosed(): MillraceError {
  return new MillraceError("CANCELLED", "the producer is closed and takes no records", { effect: "none" });
}
