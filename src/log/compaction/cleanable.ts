import type { LogState } from "../log-state.ts";
import type { Segment } from "../segment.ts";
import type { LogConfig } from "../types.ts";

/** The part of a log that may be cleaned. */
export interface CleanableRange {
  /** Sealed segments from the log's first on, with the dirty ones at their end. */
  readonly segments: readonly Segment[];
  /** Cleaned before: everything below. */
  readonly firstDirtyOffset: number;
  /** End of what may be cleaned, exclusive. */
  readonly endOffset: number;
  readonly cleanBytes: number;
  /** Bytes of the segments that were not cleaned to their ends. */
  readonly dirtyBytes: number;
}

/**
 * The segments that may be cleaned, or undefined if none of them is dirty. Whole sealed segments only, durable and below
 * the high watermark, and none with a record younger than `min.compaction.lag.ms` nor what follows it.
 */
export function cleanableRange(
  state: LogState,
  config: LogConfig,
  firstDirty: number,
  nowMs: number,
): CleanableRange | undefined {
  const end = Math.min(state.highWatermark, state.durableOffset);
  const youngestMs = nowMs - config.compactionLagMinMs;
  const segments: Segment[] = [];
  let cleanBytes = 0;
  let dirtyBytes = 0;
  for (const segment of state.segments) {
    const isYoung = config.compactionLagMinMs > 0 && (segment.largest?.timestampMs ?? 0) > youngestMs;
    if (segment.isActive || segment.nextOffset > end) break;
    if (segment.nextOffset <= firstDirty) cleanBytes += segment.sizeBytes;
    else if (isYoung) break;
    else dirtyBytes += segment.sizeBytes;
    segments.push(segment);
  }
  if (dirtyBytes === 0) return undefined;
  const firstDirtyOffset = Math.max(firstDirty, segments[0]!.baseOffset);
  return { segments, firstDirtyOffset, endOffset: segments.at(-1)!.nextOffset, cleanBytes, dirtyBytes };
}

/**
 * True if cleaning is due: for the share of dirty bytes, or because the oldest dirty segment has grown older than
 * `max.compaction.lag.ms`.
 */
export async function isCleaningDue(
  range: CleanableRange,
  config: LogConfig,
  nowMs: number,
): Promise<boolean> {
  if (dirtyRatio(range) > config.dirtyRatioMin) return true;
  if (config.compactionLagMaxMs === undefined) return false;
  const oldest = range.segments.find(({ nextOffset }) => nextOffset > range.firstDirtyOffset);
  const oldestMs = await oldest?.firstTimestamp();
  return oldestMs !== undefined && nowMs - oldestMs >= config.compactionLagMaxMs;
}

/** Share of the bytes that are dirty, above 0 to 1. */
export function dirtyRatio({ cleanBytes, dirtyBytes }: CleanableRange): number {
  return dirtyBytes / (cleanBytes + dirtyBytes);
}
