import { isMissing } from "../../fs/index.ts";
import type { LeaderEpochs } from "../leader-epochs.ts";
import { corruptRead, faultInPlace } from "../log-damage.ts";
import type { LogState } from "../log-state.ts";
import type { Segment } from "../segment.ts";
import { type BatchVisitor, type ScanStop, visitBatches } from "../segment-scan.ts";
import type { ReadAhead } from "./read-ahead.ts";

/** Bytes looked at in one turn of the event loop: a millisecond of work or less. */
const SLICE_BYTES = 262_144;

/** What a visitor says when it wants no more of a segment. */
export const ENOUGH = "enough";

/** Nobody wants the cleaning any more: the log is closed, offline, or no longer compacted. */
export class CleaningStopped extends Error {}

/** A segment was deleted while it was read. */
export class SegmentGone extends Error {}

/** What segments are read with. */
export interface SegmentReading {
  readonly state: LogState;
  readonly epochs: LeaderEpochs;
  readonly ahead: ReadAhead;
  /** Awaited after the visits of each slice. */
  readonly afterSlice: () => Promise<void>;
}

/**
 * Visits the batches of a sealed segment, each checked in its place, some hundred KiB at a time. The file is in use only
 * while it is read, so that nobody who removes it has to wait. Throws LOG_CORRUPT, SegmentGone, FileSystemError.
 */
export async function readSegment(
  { state, epochs, ahead, afterSlice }: SegmentReading,
  segment: Segment,
  visit: BatchVisitor,
): Promise<void> {
  let expected = segment.baseOffset;
  const checked: BatchVisitor = (header, position, bytes) => {
    const fault = faultInPlace(header, expected, epochs);
    if (fault !== undefined) return fault;
    expected = header.baseOffset + header.lastOffsetDelta + 1;
    return visit(header, position, bytes);
  };
  let stop: ScanStop = { position: 0, fault: undefined };
  const consume = async (bytes: Buffer, position: number) => {
    let end = SLICE_BYTES;
    for (let at = 0; ; ) {
      stop = visitBatches(bytes.subarray(at, end), position + at, checked);
      await afterSlice();
      if (stop.fault !== undefined) return undefined;
      const next = stop.position - position;
      const isCut = next === at && end >= bytes.length;
      if (isCut || next === bytes.length) return next;
      // A batch of more than a slice: all there is may hold it.
      end = next === at ? bytes.length : next + SLICE_BYTES;
      at = next;
    }
  };
  const read = (target: Uint8Array, targetOffset: number, length: number, position: number) =>
    segment.log.use((handle) => handle.read(target, targetOffset, length, position));
  await ahead.run(read, segment.sizeBytes, consume).catch((error: unknown) => {
    throw isMissing(error) && segment.isGone ? new SegmentGone() : error;
  });
  const { position, fault } = stop;
  if (fault === ENOUGH || (fault === undefined && position === segment.sizeBytes)) return;
  throw corruptRead(state, segment, position, fault ?? "torn batch");
}
