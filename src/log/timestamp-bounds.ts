import { MillraceError } from "../errors/index.ts";
import type { BatchHeader } from "../record/index.ts";
import type { LogConfig } from "./types.ts";

/**
 * Refuses timestamps set by a producer that lie too far from the broker's clock, by
 * `message.timestamp.before.max.ms` and `message.timestamp.after.max.ms`; not looked at where the broker sets them.
 */
export function checkTimestamp(header: BatchHeader, config: LogConfig, nowMs: number): void {
  if (config.timestampType === "append") return;
  const newest = nowMs + (config.timestampAfterMaxMs ?? Number.POSITIVE_INFINITY);
  if (header.maxTimestampMs > newest) {
    throw refusal(header.maxTimestampMs, `at most ${newest}`, "message.timestamp.after.max.ms");
  }
  const oldest = nowMs - (config.timestampBeforeMaxMs ?? Number.POSITIVE_INFINITY);
  if (header.maxTimestampMs < oldest) {
    throw refusal(header.maxTimestampMs, `at least ${oldest}`, "message.timestamp.before.max.ms");
  }
}

function refusal(timestampMs: number, allowed: string, config: string): MillraceError {
  return new MillraceError(
    "INVALID_BATCH",
    `timestamp ${timestampMs} is too far from the broker's clock; ${allowed} is allowed by ${config}`,
    { details: { field: "max_timestamp", value: timestampMs, allowed, config } },
  );
}
