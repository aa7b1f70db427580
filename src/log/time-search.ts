import { RecordCursor } from "../record/index.ts";
import type { LogState } from "./log-state.ts";
import type { Segment } from "./segment.ts";
import { scanBatches } from "./segment-scan.ts";
import type { TimestampOffset } from "./sparse-index.ts";

const FOUND = "found";

/**
 * The first readable record whose timestamp is at or after `timestampMs`, or undefined if none is as late. Timestamps
 * set by producers need not grow with the offsets; "first" goes by offset, as in Kafka.
 */
export async function findByTimestamp(
  state: LogState,
  timestampMs: number,
): Promise<TimestampOffset | undefined> {
  for (const segment of [...state.segments]) {
    if (segment.largest === undefined || segment.largest.timestampMs < timestampMs) continue;
    if (segment.nextOffset <= state.logStartOffset) continue;
    const found = await findInSegment(state, segment, timestampMs);
    if (found !== undefined) return found;
  }
  return undefined;
}

async function findInSegment(
  state: LogState,
  segment: Segment,
  timestampMs: number,
): Promise<TimestampOffset | undefined> {
  const { offsets, times } = await segment.indexes();
  const before = times.lookupBefore(timestampMs);
  const from = before === undefined ? 0 : (offsets.lookup(before.offset)?.position ?? 0);
  const cursor = new RecordCursor();
  let found: TimestampOffset | undefined;
  await segment.log.use((file) =>
    scanBatches(file, from, segment.sizeBytes, (header, _position, bytes) => {
      if (header.baseOffset >= state.highWatermark) return FOUND;
      if (header.maxTimestampMs < timestampMs) return undefined;
      cursor.reset(bytes);
      while (cursor.next()) {
        if (cursor.offset < state.logStartOffset || cursor.timestampMs < timestampMs) continue;
        found = { offset: cursor.offset, timestampMs: cursor.timestampMs };
        return FOUND;
      }
      return undefined;
    }),
  );
  return found;
}
