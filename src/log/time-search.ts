import { isMissing } from "../fs/index.ts";
import { type BatchHeader, RecordCursor } from "../record/index.ts";
import { isTimeEntryTrue } from "./index-check.ts";
import type { LeaderEpochs } from "./leader-epochs.ts";
import type { LogState } from "./log-state.ts";
import { corruptRead, faultInPlace } from "./log-damage.ts";
import type { Segment } from "./segment.ts";
import { scanBatches } from "./segment-scan.ts";
import type { TimestampOffset } from "./sparse-index.ts";

/** Ends a scan that has what it wanted. */
const DONE = "done";

/**
 * The first readable record whose timestamp is at or after `timestampMs`, or undefined if none is as late. Timestamps
 * set by producers need not grow with the offsets; "first" goes by offset, as in Kafka. Throws LOG_CORRUPT.
 */
export async function findByTimestamp(
  state: LogState,
  epochs: LeaderEpochs,
  timestampMs: number,
): Promise<TimestampOffset | undefined> {
  for (let offset = state.logStartOffset; offset < state.logEndOffset; ) {
    const segment = state.segmentFor(offset);
    if (segment === undefined) return undefined;
    const mayHold = segment.largest !== undefined && segment.largest.timestampMs >= timestampMs;
    try {
      const found = mayHold ? await findInSegment({ state, epochs, segment, timestampMs }) : undefined;
      if (found !== undefined) return found;
      offset = segment.nextOffset;
    } catch (error) {
      // Retention or compaction may have taken the segment away while it was searched.
      if (!isMissing(error) || !segment.isGone) throw error;
      offset = Math.max(offset, state.logStartOffset);
    }
  }
  return undefined;
}

interface Search {
  readonly state: LogState;
  readonly epochs: LeaderEpochs;
  readonly segment: Segment;
  readonly timestampMs: number;
}

async function findInSegment(search: Search): Promise<TimestampOffset | undefined> {
  const { state, epochs, segment, timestampMs } = search;
  const start = await searchStart(search);
  const cursor = new RecordCursor();
  let expected = start.baseOffset;
  let found: TimestampOffset | undefined;
  const visit = (header: BatchHeader, _position: number, bytes: Buffer): string | undefined => {
    const fault = faultInPlace(header, expected ?? header.baseOffset, epochs);
    if (fault !== undefined) return fault;
    expected = header.baseOffset + header.lastOffsetDelta + 1;
    if (header.baseOffset >= state.highWatermark) return DONE;
    if (header.maxTimestampMs < timestampMs) return undefined;
    cursor.reset(bytes);
    while (cursor.next()) {
      if (cursor.offset < state.logStartOffset || cursor.timestampMs < timestampMs) continue;
      found = { offset: cursor.offset, timestampMs: cursor.timestampMs };
      return DONE;
    }
    return undefined;
  };
  const { sizeBytes } = segment;
  const stop = await segment.log.use((file) => scanBatches(file, start.position, sizeBytes, visit));
  if (stop.fault !== undefined && stop.fault !== DONE) {
    throw corruptRead(state, segment, stop.position, stop.fault);
  }
  return found;
}

/** Where a search begins: at the last place up to which nothing is as late. Mends indexes that lie about it. */
async function searchStart({
  segment,
  timestampMs,
}: Search): Promise<{ position: number; baseOffset?: number }> {
  const begin = { position: 0, baseOffset: segment.baseOffset };
  for (let attempt = 0; attempt < 2; attempt++) {
    const indexes = await segment.indexes();
    const before = indexes.times.lookupBefore(timestampMs);
    if (before === undefined) return begin;
    const position = indexes.offsets.lookup(before.offset)?.position;
    if (await isTimeEntryTrue(segment, indexes, before)) return position === undefined ? begin : { position };
    if (!(await segment.mendIndexes())) return begin;
  }
  return begin;
}
