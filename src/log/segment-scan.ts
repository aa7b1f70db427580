import { BATCH_BYTES_MAX, READ_CHUNK_BYTES_MAX } from "../base/index.ts";
import type { FileHandle } from "../fs/index.ts";
import { type BatchHeader, probeBatch, readBatchSize } from "../record/index.ts";

/** Where a run of valid batches ended, and what is wrong there; no fault means that the end was reached. */
export interface ScanStop {
  readonly position: number;
  readonly fault: string | undefined;
}

/** Looks at one valid batch; a text says what is wrong with it in its place, and ends the scan there. */
export type BatchVisitor = (header: BatchHeader, position: number, bytes: Buffer) => string | undefined;

/**
 * Walks the batches of a .log from `from` up to `end` (byte positions), checking framing and CRC of each, and stops
 * at the first that is not whole and right. `bytes` of a visit is a view that the next visit may overwrite.
 */
export async function scanBatches(
  file: FileHandle,
  from: number,
  end: number,
  visit: BatchVisitor,
): Promise<ScanStop> {
  let buffer = Buffer.allocUnsafe(Math.max(1, Math.min(READ_CHUNK_BYTES_MAX, end - from)));
  let position = from;
  while (position < end) {
    const wanted = Math.min(buffer.length, end - position);
    const read = await file.read(buffer, 0, wanted, position);
    const stop = visitBatches(buffer.subarray(0, read), position, visit);
    const progressed = stop.position > position;
    position = stop.position;
    if (stop.fault !== undefined) return stop;
    if (progressed) continue;
    // Not even one whole batch: it is larger than the buffer, or torn at the end of the file.
    const size = readBatchSize(buffer.subarray(0, read), 0);
    const isLarger = size !== undefined && size > buffer.length && size <= end - position;
    if (read < wanted || !isLarger) return { position, fault: "torn batch" };
    if (size > BATCH_BYTES_MAX) {
      return { position, fault: `batch of ${size} bytes, at most ${BATCH_BYTES_MAX} allowed` };
    }
    buffer = Buffer.allocUnsafe(size);
  }
  return { position, fault: undefined };
}

/** Visits the whole batches of a chunk that starts at `chunkPosition`; a batch cut by its end is no fault. */
export function visitBatches(chunk: Buffer, chunkPosition: number, visit: BatchVisitor): ScanStop {
  let at = 0;
  while (at < chunk.length) {
    const probe = probeBatch(chunk, at, chunk.length);
    if (!probe.ok) {
      const isCut = probe.fault === "short-header" || probe.fault === "short-body";
      return { position: chunkPosition + at, fault: isCut ? undefined : probe.fault };
    }
    const size = probe.header.sizeInBytes;
    const fault = visit(probe.header, chunkPosition + at, chunk.subarray(at, at + size));
    if (fault !== undefined) return { position: chunkPosition + at, fault };
    at += size;
  }
  return { position: chunkPosition + at, fault: undefined };
}
