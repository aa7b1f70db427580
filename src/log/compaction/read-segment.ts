import { isMissing } from "../../fs/index.ts";
import type { LeaderEpochs } from "../leader-epochs.ts";
import { corruptRead, faultInPlace } from "../log-damage.ts";
import type { LogState } from "../log-state.ts";
import type { Segment } from "../segment.ts";
import { type BatchVisitor, scanBatches } from "../segment-scan.ts";

/** Bytes read and looked at in one turn of the event loop: a millisecond of work or less. */
const CHUNK_BYTES = 262_144;

/** What a visitor says when it wants no more of a segment. */
export const ENOUGH = "enough";

/** Nobody wants the cleaning any more: the log is closed, offline, or no longer compacted. */
export class CleaningStopped extends Error {}

/** A segment was deleted while it was read. */
export class SegmentGone extends Error {}

/**
 * Visits the batches of a sealed segment, each checked in its place, some hundred KiB at a time; `afterChunk` is awaited
 * between. The file is in use only while it is read, so that nobody who removes it has to wait. Throws LOG_CORRUPT,
 * SegmentGone, FileSystemError.
 */
export async function readSegment(
  { state, epochs }: { readonly state: LogState; readonly epochs: LeaderEpochs },
  segment: Segment,
  visit: BatchVisitor,
  afterChunk: () => Promise<void>,
): Promise<void> {
  const file = {
    read: (target: Uint8Array, targetOffset: number, length: number, position: number) =>
      segment.log.use((handle) => handle.read(target, targetOffset, length, position)),
  };
  let expected = segment.baseOffset;
  const checked: BatchVisitor = (header, position, bytes) => {
    const fault = faultInPlace(header, expected, epochs);
    if (fault !== undefined) return fault;
    expected = header.baseOffset + header.lastOffsetDelta + 1;
    return visit(header, position, bytes);
  };
  const options = { chunkBytes: CHUNK_BYTES, afterChunk };
  const stop = await scanBatches(file, 0, segment.sizeBytes, checked, options).catch((error: unknown) => {
    throw isMissing(error) && segment.isGone ? new SegmentGone() : error;
  });
  if (stop.fault !== undefined && stop.fault !== ENOUGH) {
    throw corruptRead(state, segment, stop.position, stop.fault);
  }
}
