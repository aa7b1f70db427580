import type { Segment } from "./segment.ts";
import type { SegmentIndexes } from "./segment-indexes.ts";
import { scanBatches } from "./segment-scan.ts";
import type { TimestampOffset } from "./sparse-index.ts";

/** True if the batch that an entry of the time index names is there and has that timestamp. */
export async function isTimeEntryTrue(
  segment: Segment,
  indexes: SegmentIndexes,
  entry: TimestampOffset,
): Promise<boolean> {
  const from = indexes.offsets.lookup(entry.offset)?.position ?? 0;
  const { sizeBytes } = segment;
  let isTrue = false;
  await segment.log.use((file) =>
    scanBatches(file, from, sizeBytes, (header) => {
      const lastOffset = header.baseOffset + header.lastOffsetDelta;
      if (lastOffset < entry.offset) return undefined;
      isTrue = lastOffset === entry.offset && header.maxTimestampMs === entry.timestampMs;
      return "found the place";
    }),
  );
  return isTrue;
}
