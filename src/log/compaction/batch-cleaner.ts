import {
  BatchFilter,
  type BatchHeader,
  encodeEmptyBatch,
  type FilteredBatch,
  type FilteredRecord,
  type FilterRule,
  type FilterTarget,
} from "../../record/index.ts";
import type { CleanedFile } from "./cleaned-file.ts";
import type { OffsetMap } from "./offset-map.ts";

/** What decides about the records of a log. */
export interface CleaningRule {
  /** What was learned of the dirty part, which begins here. */
  readonly offsets: OffsetMap;
  readonly firstDirtyOffset: number;
  /** Records from here on were not looked at, and stay. */
  readonly endOffset: number;
  readonly nowMs: number;
  readonly deleteRetentionMs: number;
  /** Base offsets of the newest batch of each producer: they keep their headers, from which a start learns of producers. */
  readonly producerBatches: ReadonlySet<number>;
  /** A batch before these was left with records that are superseded. */
  readonly hasLeft: boolean;
}

/** A run of offsets without records. */
interface Gap {
  readonly baseOffset: number;
  lastOffset: number;
  readonly leaderEpoch: number;
  maxTimestampMs: number;
  batches: number;
  /** It was an empty batch before. */
  readonly wasEmpty: boolean;
}

/** Writes the batches of a group of segments into a cleaned one, without the records that are superseded. */
export class BatchCleaner implements FilterRule, FilterTarget {
  readonly #rule: CleaningRule;
  readonly #target: CleanedFile;
  readonly #filter: BatchFilter;
  #gap: Gap | undefined;
  /** Of the batch that is filtered. */
  #header: BatchHeader | undefined;
  #hasChanged = false;
  #removedRecords = 0;
  #leftOffset: number | undefined;

  constructor(rule: CleaningRule, target: CleanedFile) {
    this.#rule = rule;
    this.#target = target;
    this.#filter = new BatchFilter(this);
  }

  /** What was written differs from what was read. */
  get hasChanged(): boolean {
    return this.#hasChanged;
  }

  get removedRecords(): number {
    return this.#removedRecords;
  }

  /** Base offset of the last batch that would have become too large and was left as it was, if there was one. */
  get leftOffset(): number | undefined {
    return this.#leftOffset;
  }

  /** Takes the next batch, checked in its place. */
  add(header: BatchHeader, bytes: Buffer): void {
    const isLeftAlone =
      header.baseOffset >= this.#rule.endOffset || header.isControl || header.isTransactional;
    if (header.recordCount === 0) this.#addEmpty(header, bytes);
    else if (isLeftAlone) this.#copy(header, bytes);
    else this.#addFiltered(header, bytes);
  }

  /** No more batches follow. */
  end(): void {
    const gap = this.#gap;
    this.#gap = undefined;
    if (gap === undefined) return;
    if (!gap.wasEmpty || gap.batches > 1) this.#hasChanged = true;
    this.#target.add(encodeEmptyBatch(gap), gap.maxTimestampMs, gap.lastOffset);
  }

  /** For the filter: room for a batch that is written anew, behind the gap before it. */
  reserve(bytes: number): Buffer {
    this.#endGap();
    return this.#target.reserve(bytes);
  }

  /** For the filter: the rule about one record, as Kafka's Cleaner.shouldRetainRecord; records without key stay. */
  keeps({ offset, memory, keyAt, keyLength, valueLength }: FilteredRecord): boolean {
    const { offsets, firstDirtyOffset, endOffset, nowMs } = this.#rule;
    if (offset >= endOffset || keyLength < 0) return true;
    const isSuperseded =
      offset >= firstDirtyOffset
        ? offsets.superseded.has(offset - firstDirtyOffset)
        : offsets.has(memory, keyAt, keyLength);
    if (isSuperseded) return false;
    const horizonMs = this.#header!.deleteHorizonMs;
    return valueLength >= 0 || horizonMs === undefined || nowMs < horizonMs;
  }

  /**
   * For the filter: from when on the tombstones of the batch may go, once all of it was looked at. Never, if they may have
   * to delete a record in a batch that was left: that is known only in the cleaning that meets them first, so clean ones
   * without a horizon get none later either.
   */
  get deleteHorizonMs(): number | undefined {
    const { nowMs, deleteRetentionMs, firstDirtyOffset, endOffset, hasLeft } = this.#rule;
    const lastOffset = lastOffsetOf(this.#header!);
    const isNeeded = hasLeft || this.#leftOffset !== undefined;
    if (isNeeded || lastOffset < firstDirtyOffset || lastOffset >= endOffset) return undefined;
    return Math.min(nowMs + deleteRetentionMs, Number.MAX_SAFE_INTEGER);
  }

  #addFiltered(header: BatchHeader, bytes: Buffer): void {
    this.#header = header;
    const filtered = this.#removeOffsets(header, bytes) ?? this.#filter.filter(bytes, header, this);
    if (filtered === "too-large") this.#leftOffset = header.baseOffset;
    if (filtered === "same" || filtered === "too-large") {
      this.#copy(header, bytes);
      return;
    }
    this.#hasChanged = true;
    this.#removedRecords += header.recordCount;
    if (filtered === "empty") {
      this.#addEmptied(header);
      return;
    }
    this.#removedRecords -= filtered.recordCount;
    const { sizeInBytes } = filtered;
    this.#target.note({ maxTimestampMs: header.maxTimestampMs, sizeInBytes }, lastOffsetOf(header));
  }

  /**
   * What becomes of a batch about which the first reading told everything: it is dirty as a whole, has lost no record
   * yet and has no tombstone. Undefined for any other.
   */
  #removeOffsets(header: BatchHeader, bytes: Buffer): FilteredBatch | undefined {
    const { offsets, firstDirtyOffset, endOffset } = this.#rule;
    const { baseOffset, lastOffsetDelta, recordCount } = header;
    const from = baseOffset - firstDirtyOffset;
    const to = from + recordCount;
    if (from < 0 || baseOffset + recordCount > endOffset || recordCount !== lastOffsetDelta + 1)
      return undefined;
    if (offsets.mayHaveTombstone(from, to)) return undefined;
    const removed = offsets.superseded.count(from, to);
    if (removed === 0) return "same";
    return removed === recordCount
      ? "empty"
      : this.#filter.removeOffsets(bytes, header, offsets.superseded, from);
  }

  /** A batch that was empty before. */
  #addEmpty(header: BatchHeader, bytes: Buffer): void {
    if (this.#isProducers(header)) this.#copy(header, bytes);
    else this.#extendGap(header, true);
  }

  /** A batch of which nothing is left. */
  #addEmptied(header: BatchHeader): void {
    if (!this.#isProducers(header)) {
      this.#extendGap(header, false);
      return;
    }
    this.#endGap();
    const { baseOffset, leaderEpoch, maxTimestampMs } = header;
    const lastOffset = lastOffsetOf(header);
    const empty = { baseOffset, lastOffset, leaderEpoch: leaderEpoch!, maxTimestampMs, producer: header };
    this.#target.add(encodeEmptyBatch(empty), maxTimestampMs, lastOffset);
  }

  #isProducers({ producerId, baseOffset }: BatchHeader): boolean {
    return producerId !== undefined && this.#rule.producerBatches.has(baseOffset);
  }

  /** A gap never spans two leader epochs: where a term begins can be learned from the batches. */
  #extendGap(header: BatchHeader, wasEmpty: boolean): void {
    const { baseOffset, leaderEpoch, maxTimestampMs } = header;
    if (this.#gap?.leaderEpoch !== leaderEpoch) this.#endGap();
    const gap = this.#gap;
    if (gap === undefined) {
      const lastOffset = lastOffsetOf(header);
      this.#gap = { baseOffset, lastOffset, leaderEpoch: leaderEpoch!, maxTimestampMs, batches: 1, wasEmpty };
      return;
    }
    gap.lastOffset = lastOffsetOf(header);
    gap.maxTimestampMs = Math.max(gap.maxTimestampMs, maxTimestampMs);
    gap.batches++;
  }

  #endGap(): void {
    if (this.#gap !== undefined) this.end();
  }

  #copy(header: BatchHeader, bytes: Buffer): void {
    this.#endGap();
    this.#target.add(bytes, header.maxTimestampMs, lastOffsetOf(header));
  }
}

function lastOffsetOf({ baseOffset, lastOffsetDelta }: BatchHeader): number {
  return baseOffset + lastOffsetDelta;
}
