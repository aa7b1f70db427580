import type { Segment } from "./segment.ts";
import type { LogConfig } from "./types.ts";

/** What decides which segments have expired. */
export interface RetentionInput {
  /** By base offset, the last one active. */
  readonly segments: readonly Segment[];
  readonly config: LogConfig;
  readonly nowMs: number;
  readonly logStartOffset: number;
  readonly highWatermark: number;
}

const NO_LIMITS = { retentionMs: undefined, retentionBytes: undefined };

/**
 * How many of the oldest segments have expired: those below the log start offset, those whose newest record is older
 * than `retention.ms`, and as many as keep the log at or above `retention.bytes` without them. Whole segments, never
 * above the high watermark. The active one counts only by age; it must be rolled before it goes. Where the policy does
 * not delete, only the log start counts.
 */
export function countExpired(input: RetentionInput): number {
  const { segments, config, nowMs, logStartOffset, highWatermark } = input;
  const { retentionMs, retentionBytes } = config.deletes ? config : NO_LIMITS;
  let bytesLeft = 0;
  for (const segment of segments) bytesLeft += segment.sizeBytes;
  let count = 0;
  for (const segment of segments) {
    if (segment.sizeBytes === 0 || segment.nextOffset > highWatermark) break;
    const isSealed = count < segments.length - 1;
    bytesLeft -= segment.sizeBytes;
    const isTrimmed = isSealed && segment.nextOffset <= logStartOffset;
    const isOld = retentionMs !== undefined && (segment.largest?.timestampMs ?? nowMs) < nowMs - retentionMs;
    const isSurplus = isSealed && retentionBytes !== undefined && bytesLeft >= retentionBytes;
    if (!isTrimmed && !isOld && !isSurplus) break;
    count++;
  }
  return count;
}
