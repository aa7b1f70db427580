import { type Logger, READ_CHUNK_BYTES_MAX } from "../base/index.ts";
import { MillraceError } from "../errors/index.ts";
import { isMissing } from "../fs/index.ts";
import {
  BATCH_HEADER_BYTES,
  type BatchHeader,
  probeBatch,
  readBatchSize,
  readLastOffset,
} from "../record/index.ts";
import type { LeaderEpochs } from "./leader-epochs.ts";
import { corruptRead, faultInPlace } from "./log-damage.ts";
import type { LogState } from "./log-state.ts";
import type { Segment } from "./segment.ts";
import type { ReadBuffers } from "./read-buffers.ts";
import type { LogTail } from "./tail-cache.ts";
import type { LogEnvironment, ReadResult } from "./types.ts";
import { readFailure } from "./disk-failures.ts";

/** How many damaged places are told to the operator, each once. */
const DAMAGE_TOLD_MAX = 100;
/** How many readers' places are remembered, so that reading on needs no index. */
const PLACES_MAX = 64;

/** Where a batch lies, and what is known of it: its base offset or, from the index, its last. */
interface Place {
  readonly segment: Segment;
  readonly position: number;
  readonly baseOffset?: number;
  readonly lastOffset?: number;
  /** The index says so, and nobody has looked. */
  readonly isUnproven?: boolean;
}

/** The batches of a chunk that a reader may have. */
interface Slice {
  readonly start: number;
  readonly end: number;
  /** Offset that follows the batches up to `end`. */
  readonly nextOffset: number;
  /** Records at or above the offset asked for, by the headers. */
  readonly recordCount: number;
  /** Set if the batch at `end` did not fit: its size. */
  readonly cutBatchBytes: number | undefined;
}

/** Reads whole batches by offset, from the cache of the newest or from the file, never above the high watermark. */
export class LogReader {
  readonly #state: LogState;
  readonly #tail: LogTail;
  readonly #epochs: LeaderEpochs;
  readonly #buffers: ReadBuffers;
  readonly #logger: Logger;
  /** Damaged places that the operator was told of. */
  readonly #damageTold = new Set<string>();
  /** Where the batch of an offset lies, for offsets at which readers left off. */
  readonly #places = new Map<number, Place>();

  constructor(state: LogState, parts: { env: LogEnvironment; tail: LogTail; epochs: LeaderEpochs }) {
    this.#state = state;
    this.#tail = parts.tail;
    this.#epochs = parts.epochs;
    this.#buffers = parts.env.buffers;
    this.#logger = parts.env.logger;
  }

  /**
   * Reads from `offset` up to `maxBytes` (at most 1 MiB), at least one batch if there is one. The first batch may
   * begin below the offset. Throws OFFSET_OUT_OF_RANGE, LOG_CORRUPT, STORAGE_OFFLINE.
   */
  async read(offset: number, maxBytes: number): Promise<ReadResult> {
    const state = this.#state;
    if (offset < state.logStartOffset || offset > state.logEndOffset) throw outOfRange(state, offset);
    if (offset >= state.highWatermark) {
      return this.#result([], 0, { offset, recordCount: 0, nextOffset: offset });
    }
    const limit = Math.min(maxBytes, READ_CHUNK_BYTES_MAX);
    const cached = this.#tail.indexOf(offset);
    if (cached !== undefined) return this.#readCache(cached, offset, limit);
    for (;;) {
      const known = this.#takePlace(offset);
      // A known place may be in a segment that the log has not any more, though its file keeps its name a little longer.
      const segment = known?.segment ?? state.segmentFor(offset);
      try {
        const place = known ?? (await this.#locate(offset));
        return await this.#readFile(place, offset, limit);
      } catch (error) {
        // Retention or compaction may have taken the segment away while it was read.
        if (isMissing(error) && offset < state.logStartOffset) throw outOfRange(state, offset);
        if (isMissing(error) && segment?.isGone) continue;
        const failure = readFailure(error, state.name);
        if (failure instanceof MillraceError && failure.reason === "LOG_CORRUPT") this.#tellDamage(failure);
        throw failure;
      }
    }
  }

  /** Readers come back to the same place again and again; the operator hears of it once. */
  #tellDamage({ details, message }: MillraceError): void {
    const place = `${details.segment}:${details.position}`;
    if (this.#damageTold.has(place) || this.#damageTold.size >= DAMAGE_TOLD_MAX) return;
    this.#damageTold.add(place);
    this.#logger.error({ partition: this.#state.name, ...details, error: message }, "a reader met damage");
  }

  #readCache(first: number, offset: number, limit: number): ReadResult {
    let bytes = 0;
    let nextOffset = offset;
    let end = first;
    for (; ; end++) {
      const batch = this.#tail.batch(end);
      if (batch === undefined || batch.lastOffset >= this.#state.highWatermark) break;
      if (end > first && bytes + batch.bytes > limit) break;
      bytes += batch.bytes;
      nextOffset = batch.lastOffset + 1;
    }
    const chunk = this.#buffers.acquire(bytes);
    this.#tail.copy(first, end, chunk);
    // What was appended by producers has no gaps.
    return this.#lend(chunk, 0, bytes, { offset, recordCount: nextOffset - offset, nextOffset });
  }

  async #readFile(from: Place, offset: number, limit: number): Promise<ReadResult> {
    let place = from;
    let capacity = Math.max(limit, BATCH_HEADER_BYTES);
    for (;;) {
      const { segment, position } = place;
      const wanted = Math.min(capacity, segment.sizeBytes - position);
      const chunk = this.#buffers.acquire(wanted);
      const read = await segment.log.use((file) => file.read(chunk, 0, wanted, position));
      if (place.isUnproven === true && !isBatchAt(chunk.subarray(0, read), place)) {
        place = await this.#mended(place, offset);
        continue;
      }
      const slice = this.#slice(chunk.subarray(0, read), place, offset);
      const { start, end, nextOffset, recordCount, cutBatchBytes = 0 } = slice;
      if (end > start) {
        this.#rememberPlace({ segment, position: position + end, baseOffset: nextOffset });
        return this.#lend(chunk, start, end, { offset, recordCount, nextOffset });
      }
      // Only batches below the offset, or none that is whole: go on behind them with room for the one that was cut.
      if (read < wanted || (end === 0 && capacity >= cutBatchBytes)) {
        throw corruptRead(this.#state, segment, position + end, "the file ends before the batch");
      }
      if (end > 0) place = { segment, position: position + end, baseOffset: nextOffset };
      capacity = Math.max(limit, BATCH_HEADER_BYTES, cutBatchBytes);
    }
  }

  /**
   * Finds the readable batches of a chunk, checking each; those that end below the offset come before `start`. What is
   * good before a damaged batch is served, and so is what lies behind one that ends below the offset.
   */
  #slice(chunk: Buffer, place: Place, offset: number): Slice {
    let start = 0;
    let at = 0;
    let recordCount = 0;
    let nextOffset = place.baseOffset;
    while (at < chunk.length) {
      const probe = probeBatch(chunk, at, chunk.length);
      if (!probe.ok) {
        if (probe.fault === "short-header" || probe.fault === "short-body") break;
        if (at > start) break;
        const endOffset = readLastOffset(chunk, at) + 1;
        if (probe.fault !== "bad-crc" || endOffset > offset) throw this.#corrupt(place, at, probe.fault);
        // Its own header says that it is not wanted; should that lie, the next batch does not follow.
        nextOffset = endOffset;
        at += probe.sizeInBytes!;
        start = at;
        continue;
      }
      const { header } = probe;
      const fault = faultInPlace(header, nextOffset ?? baseOffsetAt(place, header), this.#epochs);
      if (fault !== undefined && at > start) break;
      if (fault !== undefined) throw this.#corrupt(place, at, fault);
      const endOffset = header.baseOffset + header.lastOffsetDelta + 1;
      if (endOffset > this.#state.highWatermark) break;
      nextOffset = endOffset;
      at += header.sizeInBytes;
      if (endOffset <= offset) start = at;
      else recordCount += Math.min(header.recordCount, endOffset - Math.max(offset, header.baseOffset));
    }
    const cutBatchBytes = at < chunk.length ? readBatchSize(chunk, at) : undefined;
    return { start, end: at, nextOffset: nextOffset ?? offset, recordCount, cutBatchBytes };
  }

  #corrupt(place: Place, at: number, fault: string): MillraceError {
    return corruptRead(this.#state, place.segment, place.position + at, fault);
  }

  /** Where the index says to look for an offset. */
  async #locate(offset: number): Promise<Place> {
    const segment = this.#state.segmentFor(offset);
    if (segment === undefined) throw outOfRange(this.#state, offset);
    const entry = (await segment.indexes()).offsets.lookup(offset);
    if (entry === undefined) return { segment, position: 0, baseOffset: segment.baseOffset };
    return { segment, ...entry, isUnproven: true };
  }

  /** Where to look instead: an index that lies is rebuilt, unless the .log itself is damaged. */
  async #mended(place: Place, offset: number): Promise<Place> {
    const isMended = await place.segment.mendIndexes();
    return { ...(isMended ? await this.#locate(offset) : place), isUnproven: false };
  }

  #takePlace(offset: number): Place | undefined {
    const place = this.#places.get(offset);
    // At a segment's end the next read begins in the next segment.
    if (place === undefined || place.segment.isGone) return undefined;
    return place.position < place.segment.sizeBytes ? place : undefined;
  }

  #rememberPlace(place: Place & { readonly baseOffset: number }): void {
    this.#places.delete(place.baseOffset);
    this.#places.set(place.baseOffset, place);
    if (this.#places.size > PLACES_MAX) this.#places.delete(this.#places.keys().next().value!);
  }

  /** A result in a buffer that is to be given back. */
  #lend(
    chunk: Buffer,
    start: number,
    end: number,
    content: Pick<ReadResult, "offset" | "recordCount" | "nextOffset">,
  ): ReadResult {
    const found = this.#result([chunk.subarray(start, end)], end - start, content);
    return { ...found, release: () => this.#buffers.release(chunk) };
  }

  #result(
    chunks: readonly Buffer[],
    bytes: number,
    content: Pick<ReadResult, "offset" | "recordCount" | "nextOffset">,
  ): ReadResult {
    const { logStartOffset, highWatermark } = this.#state;
    return { chunks, bytes, ...content, logStartOffset, highWatermark };
  }
}

/** True if the header at an indexed place is that of the batch. */
function isBatchAt(chunk: Buffer, { lastOffset }: Place): boolean {
  return chunk.length >= BATCH_HEADER_BYTES && readLastOffset(chunk, 0) === lastOffset;
}

/** The base offset that a batch must have by what is known of its place. */
function baseOffsetAt({ lastOffset }: Place, header: BatchHeader): number {
  return lastOffset === undefined ? header.baseOffset : lastOffset - header.lastOffsetDelta;
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
