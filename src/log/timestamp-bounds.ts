/** How far timestamps set by a producer may lie from the broker's clock; not looked at where the broker sets them. */
import { MillraceError } from "../errors/index.ts";
import type { BatchHeader } from "../record/index.ts";
import type { LogConfig } from "./types.ts";

/** The earliest that a record may have, by `message.timestamp.before.max.ms`; undefined if any will do. */
export function earliestTimestamp(config: LogConfig, nowMs: number): number | undefined {
  const { timestampType, timestampBeforeMaxMs } = config;
  if (timestampType === "append" || timestampBeforeMaxMs === undefined) return undefined;
  return nowMs - timestampBeforeMaxMs;
}

/** Refuses a batch with a record later than `message.timestamp.after.max.ms` allows, as INVALID_BATCH. */
export function refuseLaterTimestamp(header: BatchHeader, config: LogConfig, nowMs: number): void {
  const { timestampType, timestampAfterMaxMs } = config;
  if (timestampType === "append" || timestampAfterMaxMs === undefined) return;
  const { maxTimestampMs } = header;
  const latest = nowMs + timestampAfterMaxMs;
  if (maxTimestampMs <= latest) return;
  throw new MillraceError(
    "INVALID_BATCH",
    `timestamp ${maxTimestampMs} is too far ahead of the broker's clock; at most ${latest} is allowed by message.timestamp.after.max.ms`,
    { details: { field: "max timestamp", value: maxTimestampMs, allowed: latest } },
  );
}
