import { RELATIVE_OFFSET_MAX } from "./group-placer.ts";
import type { Segment } from "./segment.ts";
import type { LogConfig } from "./types.ts";

/** True if a batch must go into a new segment: by size, size of the index, range of offsets, or age. */
export function needsRoll(
  active: Segment,
  batch: { readonly bytes: number; readonly endOffset: number },
  config: LogConfig,
  nowMs: number,
): boolean {
  if (active.sizeBytes === 0) return false;
  if (active.sizeBytes + batch.bytes > config.segmentBytes) return true;
  if (active.offsetIndexBytes + 8 > config.segmentIndexBytes) return true;
  if (batch.endOffset - active.baseOffset > RELATIVE_OFFSET_MAX) return true;
  return nowMs - (active.firstAppendMs ?? nowMs) >= segmentAgeMax(config);
}

/** The active segment is never cleaned: what must be cleaned by some age must be sealed by then. */
export function segmentAgeMax({ segmentMs, compacts, compactionLagMaxMs }: LogConfig): number {
  return compacts ? Math.min(segmentMs, compactionLagMaxMs ?? segmentMs) : segmentMs;
}
