import { READ_CHUNK_BYTES_MAX } from "../base/index.ts";
import { MillraceError } from "../errors/index.ts";
import { isMissing } from "../fs/index.ts";
import { type BatchHeader, probeBatch, readBatchSize } from "../record/index.ts";
import { faultInPlace } from "./recovery.ts";
import type { LeaderEpochs } from "./leader-epochs.ts";
import type { LogState } from "./log-state.ts";
import type { Segment } from "./segment.ts";
import type { LogTail } from "./tail-cache.ts";
import type { ReadResult } from "./types.ts";

/** How many readers' places are remembered, so that reading on needs no index. */
const PLACES_MAX = 64;

interface Place {
  readonly segment: Segment;
  readonly position: number;
}

/** The batches of a chunk that a reader may have. */
interface Slice {
  readonly start: number;
  readonly end: number;
  readonly recordCount: number;
  readonly nextOffset: number;
  /** Set if the batch at `end` did not fit: its size. */
  readonly cutBatchBytes: number | undefined;
}

/** Reads whole batches by offset, from the cache of the newest or from the file, never above the high watermark. */
export class LogReader {
  readonly #state: LogState;
  readonly #tail: LogTail;
  readonly #epochs: LeaderEpochs;
  /** Where the batch of an offset lies, for offsets at which readers left off. */
  readonly #places = new Map<number, Place>();

  constructor(state: LogState, tail: LogTail, epochs: LeaderEpochs) {
    this.#state = state;
    this.#tail = tail;
    this.#epochs = epochs;
  }

  /**
   * Reads from `offset` up to `maxBytes` (at most 1 MiB), at least one batch if there is one. The first batch may
   * begin below the offset. Throws OFFSET_OUT_OF_RANGE, LOG_CORRUPT, STORAGE_OFFLINE.
   */
  async read(offset: number, maxBytes: number): Promise<ReadResult> {
    const state = this.#state;
    if (offset < state.logStartOffset || offset > state.logEndOffset) throw outOfRange(state, offset);
    if (offset >= state.highWatermark) return this.#result([], 0, 0, offset);
    const limit = Math.min(maxBytes, READ_CHUNK_BYTES_MAX);
    const cached = this.#tail.indexOf(offset);
    if (cached !== undefined) return this.#readCache(cached, offset, limit);
    try {
      return await this.#readFile(offset, limit);
    } catch (error) {
      // Retention may have taken the segment away while it was read.
      if (isMissing(error) && offset < state.logStartOffset) throw outOfRange(state, offset);
      throw error;
    }
  }

  #readCache(first: number, offset: number, limit: number): ReadResult {
    const chunks: Buffer[] = [];
    let bytes = 0;
    let recordCount = 0;
    let nextOffset = offset;
    for (let index = first; ; index++) {
      const batch = this.#tail.batch(index);
      if (batch === undefined || batch.lastOffset >= this.#state.highWatermark) break;
      if (chunks.length > 0 && bytes + batch.bytes.length > limit) break;
      chunks.push(batch.bytes);
      bytes += batch.bytes.length;
      recordCount += batch.lastOffset + 1 - nextOffset;
      nextOffset = batch.lastOffset + 1;
    }
    return this.#result(chunks, bytes, recordCount, nextOffset);
  }

  async #readFile(offset: number, limit: number): Promise<ReadResult> {
    let { segment, position } = this.#takePlace(offset) ?? (await this.#locate(offset));
    let capacity = limit;
    for (;;) {
      const chunk = Buffer.allocUnsafe(Math.min(capacity, segment.sizeBytes - position));
      const read = await segment.log.use((file) => file.read(chunk, 0, chunk.length, position));
      const slice = this.#slice(chunk.subarray(0, read), segment, position, offset);
      if (slice.end > slice.start) {
        this.#rememberPlace(slice.nextOffset, { segment, position: position + slice.end });
        const batches = chunk.subarray(slice.start, slice.end);
        return this.#result([batches], batches.length, slice.recordCount, slice.nextOffset);
      }
      // Only batches below the offset, or none that is whole: go on behind them with room for the one that was cut.
      if (read < chunk.length || (slice.end === 0 && capacity >= (slice.cutBatchBytes ?? 0))) {
        throw this.#corrupt(segment, position + slice.end, "the file ends before the batch");
      }
      position += slice.end;
      capacity = Math.max(limit, slice.cutBatchBytes ?? 0);
    }
  }

  /** Finds the readable batches of a chunk, checking each; those that end below the offset come before `start`. */
  #slice(chunk: Buffer, segment: Segment, position: number, offset: number): Slice {
    let start = 0;
    let at = 0;
    let nextOffset = offset;
    let expected: number | undefined;
    while (at < chunk.length) {
      const probe = probeBatch(chunk, at, chunk.length);
      if (!probe.ok) {
        if (probe.fault !== "short-header" && probe.fault !== "short-body") {
          throw this.#corrupt(segment, position + at, probe.fault);
        }
        break;
      }
      const { header } = probe;
      const lastOffset = header.baseOffset + header.lastOffsetDelta;
      if (lastOffset >= this.#state.highWatermark) break;
      const fault = faultInPlace(header, expected ?? header.baseOffset, this.#epochs);
      if (fault !== undefined) throw this.#corrupt(segment, position + at, fault);
      expected = lastOffset + 1;
      at += header.sizeInBytes;
      if (lastOffset < offset) start = at;
      else nextOffset = this.#checkHolds(header, offset, nextOffset, segment, position + at);
    }
    const cutBatchBytes = at < chunk.length ? readBatchSize(chunk, at) : undefined;
    return { start, end: at, recordCount: nextOffset - offset, nextOffset, cutBatchBytes };
  }

  /** The offset after a batch that is to be delivered; the first one must hold the offset asked for. */
  #checkHolds(
    header: BatchHeader,
    offset: number,
    nextOffset: number,
    segment: Segment,
    position: number,
  ): number {
    if (nextOffset === offset && header.baseOffset > offset) {
      throw this.#corrupt(
        segment,
        position,
        `base offset ${header.baseOffset} where offset ${offset} was to be`,
      );
    }
    return header.baseOffset + header.lastOffsetDelta + 1;
  }

  async #locate(offset: number): Promise<Place> {
    const segment = this.#state.segmentFor(offset);
    if (segment === undefined) throw outOfRange(this.#state, offset);
    const { offsets } = await segment.indexes();
    return { segment, position: offsets.lookup(offset)?.position ?? 0 };
  }

  #takePlace(offset: number): Place | undefined {
    const place = this.#places.get(offset);
    // At a segment's end the next read begins in the next segment.
    return place !== undefined && place.position < place.segment.sizeBytes ? place : undefined;
  }

  #rememberPlace(offset: number, place: Place): void {
    this.#places.delete(offset);
    this.#places.set(offset, place);
    if (this.#places.size > PLACES_MAX) this.#places.delete(this.#places.keys().next().value!);
  }

  #result(chunks: readonly Buffer[], bytes: number, recordCount: number, nextOffset: number): ReadResult {
    const { logStartOffset, highWatermark } = this.#state;
    return { chunks, bytes, recordCount, nextOffset, logStartOffset, highWatermark };
  }

  #corrupt(segment: Segment, position: number, fault: string): MillraceError {
    return new MillraceError(
      "LOG_CORRUPT",
      `partition ${this.#state.name} is damaged in ${segment.log.path.split("/").at(-1)} at position ${position}: ${fault}; these records cannot be served; restore the file from a copy, or read on behind the damage`,
      { details: { segment: segment.log.path.split("/").at(-1)!, position } },
    );
  }
}

/** The error for an offset outside the log. */
export function outOfRange(state: LogState, offset: number): MillraceError {
  const { name, logStartOffset, highWatermark } = state;
  return new MillraceError(
    "OFFSET_OUT_OF_RANGE",
    `offset ${offset} of partition ${name} is outside the log, which holds ${logStartOffset} to ${highWatermark} (exclusive); seek to the start, the end or an offset between`,
    { details: { offset, log_start_offset: logStartOffset, high_watermark: highWatermark } },
  );
}
