/**
 * Takes records out of a stored batch. What stays keeps its offset and its timestamp: base offset, last offset delta,
 * leader epoch, producer fields and max timestamp stand as they were, and holes in the offset deltas tell what was
 * removed (Kafka: MemoryRecords.filterTo). Records are copied as bytes; only a batch that gets a delete horizon has its
 * timestamp deltas written anew, since they count from the base timestamp, which then is the horizon.
 */
import {
  BATCH_BYTES_MAX,
  DECOMPRESSED_BYTES_MAX,
  sizeOfVarint,
  sizeOfVarlong,
  writeInt16,
  writeInt32,
  writeInt64,
  writeVarint,
  writeVarlong,
} from "../base/index.ts";
import {
  ATTRIBUTES_AT,
  BASE_TIMESTAMP_AT,
  BATCH_HEADER_BYTES,
  BATCH_LENGTH_AT,
  CODEC_MASK,
  DELETE_HORIZON_BIT,
  LENGTH_OVERHEAD_BYTES,
  RECORD_COUNT_AT,
} from "./batch-format.ts";
import { writeChecksum } from "./batch-checksum.ts";
import type { BatchHeader } from "./batch-header.ts";
import { compress } from "./compression/codecs.ts";
import { RecordWalker } from "./record-walker.ts";

/** The record that a filter asks about; it holds only during the call. */
export interface FilteredRecord {
  readonly offset: number;
  /** The memory in which the key lies. */
  readonly memory: Buffer;
  readonly keyAt: number;
  /** −1: null. */
  readonly keyLength: number;
  /** −1: null, a tombstone. */
  readonly valueLength: number;
}

/** What to do with the records of a batch. */
export interface FilterRule {
  keeps(record: FilteredRecord): boolean;
  /** The delete horizon for a batch with tombstones that has none yet; undefined sets none. */
  readonly deleteHorizonMs: number | undefined;
}

/** Offsets of records that are to go, relative to one that the caller knows. */
export interface RemovedOffsets {
  has(relative: number): boolean;
}

/** Where batches that are written anew go. */
export interface FilterTarget {
  /** Room for exactly so many bytes. */
  reserve(bytes: number): Buffer;
}

/**
 * What became of a batch: "same" as it was, "empty" without any record, or one with other bytes in the target; "too-large"
 * if it would be larger than a batch may be, for its producer compressed it better than we do.
 */
export type FilteredBatch =
  | "same"
  | "empty"
  | "too-large"
  | { readonly sizeInBytes: number; readonly recordCount: number };

/** Filters one batch after another; holds no bytes between them. */
export class BatchFilter implements FilteredRecord {
  readonly #target: FilterTarget;
  readonly #walker = new RecordWalker();
  /** Starts and ends of the records that stay, runs of them joined. */
  readonly #runs: number[] = [];
  #runEnd = 0;
  #baseOffset = 0;

  constructor(target: FilterTarget) {
    this.#target = target;
  }

  get offset(): number {
    return this.#baseOffset + this.#walker.offsetDelta;
  }

  get memory(): Buffer {
    return this.#walker.bytes;
  }

  get keyAt(): number {
    return this.#walker.keyAt;
  }

  get keyLength(): number {
    return this.#walker.keyLength;
  }

  get valueLength(): number {
    return this.#walker.valueLength;
  }

  /**
   * Asks the rule about each record of a batch whose checksum was found right, and writes what is left of it. Throws
   * INVALID_BATCH if its records are not readable, UNSUPPORTED_COMPRESSION if its codec is not available here.
   */
  filter(batch: Buffer, header: BatchHeader, rule: FilterRule): FilteredBatch {
    const walker = this.#open(batch, header);
    try {
      let count = 0;
      let hasTombstone = false;
      for (let start = walker.position; walker.next(); start = walker.position) {
        if (!rule.keeps(this)) continue;
        count++;
        hasTombstone ||= walker.valueLength < 0;
        this.#keep(start, walker.position);
      }
      const isUndated = hasTombstone && header.deleteHorizonMs === undefined;
      return this.#finish(batch, header, count, isUndated ? rule.deleteHorizonMs : undefined);
    } finally {
      walker.close();
    }
  }

  /**
   * Removes records by their offsets alone, without looking into them, from a batch that has lost none yet; its base
   * offset lies `from` above the one that the removed are relative to. Throws as `filter`.
   */
  removeOffsets(batch: Buffer, header: BatchHeader, removed: RemovedOffsets, from: number): FilteredBatch {
    const walker = this.#open(batch, header);
    try {
      let count = 0;
      for (let start = walker.position; walker.skip(); start = walker.position) {
        if (removed.has(from + walker.index)) continue;
        count++;
        this.#keep(start, walker.position);
      }
      return this.#finish(batch, header, count, undefined);
    } finally {
      walker.close();
    }
  }

  #open(batch: Buffer, header: BatchHeader): RecordWalker {
    this.#baseOffset = header.baseOffset;
    this.#runs.length = 0;
    this.#runEnd = -1;
    this.#walker.open(batch, 0, header, DECOMPRESSED_BYTES_MAX);
    return this.#walker;
  }

  #keep(start: number, end: number): void {
    const runs = this.#runs;
    if (this.#runEnd === start) runs[runs.length - 1] = end;
    else runs.push(start, end);
    this.#runEnd = end;
  }

  #finish(
    batch: Buffer,
    header: BatchHeader,
    recordCount: number,
    horizonMs: number | undefined,
  ): FilteredBatch {
    if (recordCount === 0) return "empty";
    if (recordCount === header.recordCount && horizonMs === undefined) return "same";
    const size =
      header.compression === "none" && horizonMs === undefined
        ? this.#writePlain(batch, header, recordCount)
        : this.#writeEncoded(batch, header, recordCount, horizonMs);
    return size === undefined ? "too-large" : { sizeInBytes: size, recordCount };
  }

  /** Copies the header and the runs straight into the target. */
  #writePlain(original: Buffer, header: BatchHeader, recordCount: number): number {
    const size = BATCH_HEADER_BYTES + this.#runBytes;
    const batch = this.#target.reserve(size);
    original.copy(batch, 0, 0, BATCH_HEADER_BYTES);
    this.#copyRuns(batch, BATCH_HEADER_BYTES);
    finishHeader(batch, { attributes: header.attributes, recordCount, horizonMs: undefined });
    return size;
  }

  /** Undefined, with nothing written, if it would be too large. */
  #writeEncoded(
    original: Buffer,
    header: BatchHeader,
    recordCount: number,
    horizonMs: number | undefined,
  ): number | undefined {
    const records =
      horizonMs === undefined ? this.#plainRecords() : this.#shifted(header.baseTimestampMs - horizonMs);
    const { compression } = header;
    const compressed =
      compression === undefined || compression === "none" ? undefined : compress(compression, records);
    const isWorthIt = compressed !== undefined && compressed.length < records.length;
    const body = isWorthIt ? compressed : records;
    const size = BATCH_HEADER_BYTES + body.length;
    if (size > BATCH_BYTES_MAX) return undefined;
    const batch = this.#target.reserve(size);
    original.copy(batch, 0, 0, BATCH_HEADER_BYTES);
    body.copy(batch, BATCH_HEADER_BYTES);
    const attributes = isWorthIt ? header.attributes : header.attributes & ~CODEC_MASK;
    finishHeader(batch, { attributes, recordCount, horizonMs });
    return size;
  }

  get #runBytes(): number {
    let bytes = 0;
    for (let i = 0; i < this.#runs.length; i += 2) bytes += this.#runs[i + 1]! - this.#runs[i]!;
    return bytes;
  }

  #plainRecords(): Buffer {
    const records = Buffer.allocUnsafe(this.#runBytes);
    this.#copyRuns(records, 0);
    return records;
  }

  #copyRuns(target: Buffer, position: number): void {
    const runs = this.#runs;
    const { bytes } = this.#walker;
    let at = position;
    for (let i = 0; i < runs.length; i += 2) at += bytes.copy(target, at, runs[i]!, runs[i + 1]!);
  }

  /** The records that stay, with timestamp deltas larger by `shift`. */
  #shifted(shift: number): Buffer {
    const { bytes } = this.#walker;
    const parts: Buffer[] = [];
    const walker = new RecordWalker();
    for (let i = 0; i < this.#runs.length; i += 2) {
      walker.openRun(bytes, this.#runs[i]!, this.#runs[i + 1]!);
      while (walker.position < walker.end && walker.next()) parts.push(encodeRecord(walker, shift));
    }
    return Buffer.concat(parts);
  }
}

/** The frame of the record walked last, with a timestamp delta larger by `shift`. */
function encodeRecord(walker: RecordWalker, shift: number): Buffer {
  const timestampDelta = walker.timestampDelta + shift;
  const head = 1 + sizeOfVarlong(timestampDelta) + sizeOfVarint(walker.offsetDelta);
  const restAt = walker.keyLengthAt;
  const restEnd = walker.position;
  const bodyLength = head + restEnd - restAt;
  const record = Buffer.allocUnsafe(sizeOfVarint(bodyLength) + bodyLength);
  let at = writeVarint(record, 0, bodyLength);
  record[at++] = walker.attributes;
  at = writeVarlong(record, at, timestampDelta);
  at = writeVarint(record, at, walker.offsetDelta);
  walker.bytes.copy(record, at, restAt, restEnd);
  return record;
}

/** Writes what follows from other records into a header that is otherwise as it was, and the CRC. */
function finishHeader(
  batch: Buffer,
  fields: {
    readonly attributes: number;
    readonly recordCount: number;
    readonly horizonMs: number | undefined;
  },
): void {
  const { attributes, recordCount, horizonMs } = fields;
  if (horizonMs !== undefined) writeInt64(batch, BASE_TIMESTAMP_AT, horizonMs);
  writeInt32(batch, BATCH_LENGTH_AT, batch.length - LENGTH_OVERHEAD_BYTES);
  writeInt16(batch, ATTRIBUTES_AT, horizonMs === undefined ? attributes : attributes | DELETE_HORIZON_BIT);
  writeInt32(batch, RECORD_COUNT_AT, recordCount);
  writeChecksum(batch, 0, batch.length);
}
