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
import { MillraceError } from "../errors/index.ts";
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

/** What became of a batch: "same" as it was, "empty" without any record, or one with other bytes. */
export type FilteredBatch = "same" | "empty" | { readonly batch: Buffer; readonly recordCount: number };

/** Filters one batch after another; holds no bytes between them. */
export class BatchFilter implements FilteredRecord {
  readonly #walker = new RecordWalker();
  /** Starts and ends of the records that stay, runs of them joined. */
  #runs: number[] = [];
  #baseOffset = 0;

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
   * Asks the rule about each record of a batch whose checksum was found right, and returns what is left of it. Throws
   * INVALID_BATCH if its records are not readable, BATCH_TOO_LARGE if what is left would be larger than a batch may be
   * (its producer compressed better than we do), UNSUPPORTED_COMPRESSION if its codec is not available here.
   */
  filter(batch: Buffer, header: BatchHeader, rule: FilterRule): FilteredBatch {
    const walker = this.#walker;
    this.#baseOffset = header.baseOffset;
    walker.open(batch, 0, header, DECOMPRESSED_BYTES_MAX);
    try {
      const { count, hasTombstone } = this.#choose(rule);
      const horizonMs =
        hasTombstone && header.deleteHorizonMs === undefined ? rule.deleteHorizonMs : undefined;
      if (count === 0) return "empty";
      if (count === header.recordCount && horizonMs === undefined) return "same";
      const records =
        horizonMs === undefined ? this.#copyRuns() : this.#encodeAnew(header.baseTimestampMs - horizonMs);
      return { batch: encode(batch, header, { records, count, horizonMs }), recordCount: count };
    } finally {
      walker.close();
    }
  }

  /** Notes the runs of records that stay. */
  #choose(rule: FilterRule): { readonly count: number; readonly hasTombstone: boolean } {
    const walker = this.#walker;
    const runs: number[] = [];
    let count = 0;
    let hasTombstone = false;
    let start = walker.position;
    while (walker.next()) {
      const end = walker.position;
      if (rule.keeps(this)) {
        if (runs.length > 0 && runs[runs.length - 1] === start) runs[runs.length - 1] = end;
        else runs.push(start, end);
        count++;
        hasTombstone ||= walker.valueLength < 0;
      }
      start = end;
    }
    this.#runs = runs;
    return { count, hasTombstone };
  }

  #copyRuns(): Buffer {
    const { bytes } = this.#walker;
    let length = 0;
    for (let i = 0; i < this.#runs.length; i += 2) length += this.#runs[i + 1]! - this.#runs[i]!;
    const records = Buffer.allocUnsafe(length);
    let at = 0;
    for (let i = 0; i < this.#runs.length; i += 2) {
      at += bytes.copy(records, at, this.#runs[i]!, this.#runs[i + 1]!);
    }
    return records;
  }

  /** The records that stay, with timestamp deltas larger by `shift`. */
  #encodeAnew(shift: number): Buffer {
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

/** The batch with other records: its header as it was, but for what follows from them. */
function encode(
  original: Buffer,
  header: BatchHeader,
  filtered: {
    readonly records: Buffer;
    readonly count: number;
    readonly horizonMs: number | undefined;
  },
): Buffer {
  const { records, count, horizonMs } = filtered;
  const { compression } = header;
  const compressed =
    compression === undefined || compression === "none" ? undefined : compress(compression, records);
  const isWorthIt = compressed !== undefined && compressed.length < records.length;
  const body = isWorthIt ? compressed : records;
  const size = BATCH_HEADER_BYTES + body.length;
  if (size > BATCH_BYTES_MAX) throw tooLarge(header, size);
  const batch = Buffer.allocUnsafe(size);
  original.copy(batch, 0, 0, BATCH_HEADER_BYTES);
  body.copy(batch, BATCH_HEADER_BYTES);
  let { attributes } = header;
  if (!isWorthIt) attributes &= ~CODEC_MASK;
  if (horizonMs !== undefined) {
    attributes |= DELETE_HORIZON_BIT;
    writeInt64(batch, BASE_TIMESTAMP_AT, horizonMs);
  }
  writeInt32(batch, BATCH_LENGTH_AT, size - LENGTH_OVERHEAD_BYTES);
  writeInt16(batch, ATTRIBUTES_AT, attributes);
  writeInt32(batch, RECORD_COUNT_AT, count);
  writeChecksum(batch, 0, size);
  return batch;
}

function tooLarge({ baseOffset }: BatchHeader, size: number): MillraceError {
  return new MillraceError(
    "BATCH_TOO_LARGE",
    `what is left of the batch at offset ${baseOffset} makes ${size} bytes when compressed here, at most ${BATCH_BYTES_MAX} are allowed`,
    { details: { size, max: BATCH_BYTES_MAX } },
  );
}
