import { type FileSystem, isMissing } from "../fs/index.ts";
import type { BatchHeader } from "../record/index.ts";
import { OFFSET_INDEX_SUFFIX, TIME_INDEX_SUFFIX } from "./segment-names.ts";
import { OffsetIndex, type SparseIndex, TimeIndex, type TimestampOffset } from "./sparse-index.ts";
import { writeAll } from "./write-whole.ts";

/** What indexes need to know of a batch. */
export type NotedBatch = Pick<BatchHeader, "maxTimestampMs" | "sizeInBytes">;

const INDEX_FILE_BYTES_MAX = 512 * 1_048_576;

/**
 * Both indexes of a segment, in memory. They are derived from the .log and never trusted: whoever uses an entry
 * checks what it finds, and has them rebuilt if they lie.
 */
export class SegmentIndexes {
  readonly offsets: OffsetIndex;
  readonly times: TimeIndex;
  /** The largest timestamp noted, and the last offset of its batch. */
  largest: TimestampOffset | undefined;
  #bytesSinceIndexed = 0;

  constructor(offsets: OffsetIndex, times: TimeIndex) {
    this.offsets = offsets;
    this.times = times;
    this.largest = times.last();
  }

  static empty(baseOffset: number): SegmentIndexes {
    return new SegmentIndexes(new OffsetIndex(baseOffset), new TimeIndex(baseOffset));
  }

  /** The index files as they are, or undefined if one is missing or cannot be right for `logBytes`. */
  static async load(
    fs: FileSystem,
    stem: string,
    baseOffset: number,
    logBytes: number,
  ): Promise<SegmentIndexes | undefined> {
    const [offsetBytes, timeBytes] = await Promise.all([
      readIndexFile(fs, stem + OFFSET_INDEX_SUFFIX),
      readIndexFile(fs, stem + TIME_INDEX_SUFFIX),
    ]);
    if (offsetBytes === undefined || offsetBytes.length % OffsetIndex.ENTRY_BYTES !== 0) return undefined;
    if (timeBytes === undefined || timeBytes.length % TimeIndex.ENTRY_BYTES !== 0) return undefined;
    const indexes = new SegmentIndexes(
      new OffsetIndex(baseOffset, offsetBytes),
      new TimeIndex(baseOffset, timeBytes),
    );
    if (!indexes.offsets.isSane(logBytes) || !indexes.times.isSane()) return undefined;
    indexes.offsets.persistedBytes = indexes.offsets.bytes;
    indexes.times.persistedBytes = indexes.times.bytes;
    return indexes;
  }

  get bytes(): number {
    return this.offsets.bytes + this.times.bytes;
  }

  /** Notes a batch that lies at `position`, with an entry in both indexes where one is due. */
  note(header: NotedBatch, lastOffset: number, position: number, intervalBytes: number): void {
    if (header.maxTimestampMs > (this.largest?.timestampMs ?? -1)) {
      this.largest = { timestampMs: header.maxTimestampMs, offset: lastOffset };
    }
    if (this.#bytesSinceIndexed > intervalBytes) {
      this.offsets.append(lastOffset, position);
      this.#noteLargest();
      this.#bytesSinceIndexed = 0;
    }
    this.#bytesSinceIndexed += header.sizeInBytes;
  }

  /** Completes the time index with the largest timestamp: nothing is noted any more. */
  complete(): void {
    this.#noteLargest();
  }

  /** Drops what both indexes say of batches above the offset. */
  truncateAbove(lastOffset: number): void {
    this.offsets.truncateAbove(lastOffset);
    this.times.truncateAbove(lastOffset);
    this.largest = this.times.last();
  }

  /**
   * Appends to the files what they lack. The time index comes first, and is durable before the offset index grows:
   * recovery reads on from the last offset entry and takes the largest timestamp before it from the time index.
   */
  async persist(fs: FileSystem, stem: string): Promise<void> {
    const isGrowing = this.offsets.unpersisted().length > 0;
    await persistIndex(fs, stem + TIME_INDEX_SUFFIX, this.times, isGrowing);
    await persistIndex(fs, stem + OFFSET_INDEX_SUFFIX, this.offsets, false);
  }

  #noteLargest(): void {
    if (this.largest !== undefined) this.times.append(this.largest.timestampMs, this.largest.offset);
  }
}

async function persistIndex(
  fs: FileSystem,
  path: string,
  index: SparseIndex,
  isDurable: boolean,
): Promise<void> {
  const bytes = index.bytes;
  const rest = index.unpersisted();
  if (rest.length === 0 && bytes > 0) return;
  const file = await fs.open(path, "read-write-or-create");
  try {
    await file.truncate(index.persistedBytes);
    if (rest.length > 0) await writeAll(file, path, [rest], index.persistedBytes);
    if (isDurable) await file.datasync();
  } finally {
    await file.close();
  }
  index.persistedBytes = bytes;
}

async function readIndexFile(fs: FileSystem, path: string): Promise<Buffer | undefined> {
  try {
    return await fs.readFile(path, INDEX_FILE_BYTES_MAX);
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}
