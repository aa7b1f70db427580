import { type BatchHeader, RecordCursor } from "../../record/index.ts";
import type { Segment } from "../segment.ts";
import type { BatchVisitor } from "../segment-scan.ts";
import type { CleanableRange } from "./cleanable.ts";
import type { OffsetMap } from "./offset-map.ts";
import { ENOUGH, SegmentGone } from "./read-segment.ts";

/**
 * Notes the newest offset of each key in the dirty part of a log. Returns the end of what was noted: that of the range,
 * or where the map was full.
 */
export async function buildOffsetMap(
  range: CleanableRange,
  offsets: OffsetMap,
  read: (segment: Segment, visit: BatchVisitor) => Promise<void>,
): Promise<number> {
  const { firstDirtyOffset, endOffset } = range;
  offsets.begin(firstDirtyOffset, endOffset);
  const cursor = new RecordCursor();
  let fullAt: number | undefined;
  const visit = (header: BatchHeader, _position: number, bytes: Buffer): string | undefined => {
    const isClean = header.baseOffset + header.lastOffsetDelta < firstDirtyOffset;
    if (isClean || header.recordCount === 0) return undefined;
    cursor.reset(bytes);
    while (fullAt === undefined && cursor.next()) {
      const { keyLength, offset } = cursor;
      if (keyLength === undefined || offset < firstDirtyOffset) continue;
      if (cursor.valueLength === undefined) offsets.addTombstone(offset);
      fullAt = offsets.add(cursor.memory, cursor.keyAt, keyLength, offset);
    }
    return fullAt === undefined ? undefined : ENOUGH;
  };
  for (const segment of range.segments) {
    if (segment.nextOffset <= firstDirtyOffset) continue;
    await read(segment, visit).catch((error: unknown) => {
      // What was in it needs no cleaning any more, nor does what came before it.
      if (!(error instanceof SegmentGone)) throw error;
    });
    if (fullAt !== undefined) return fullAt;
  }
  return offsets.settle() ?? endOffset;
}
