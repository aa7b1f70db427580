import { FileSystemError, isMissing } from "../fs/index.ts";
import type { BatchHeader } from "../record/index.ts";
import type { PooledFile } from "./file-pool.ts";
import type { IndexHolder } from "./index-cache.ts";
import {
  DELETED_SUFFIX,
  LOG_SUFFIX,
  OFFSET_INDEX_SUFFIX,
  segmentStem,
  TIME_INDEX_SUFFIX,
} from "./segment-names.ts";
import { scanBatches } from "./segment-scan.ts";
import { OffsetIndex, TimeIndex, type TimestampOffset } from "./sparse-index.ts";
import type { LogEnvironment } from "./types.ts";

const INDEX_FILE_BYTES_MAX = 512 * 1_048_576;

/** Both indexes of a segment. */
export interface SegmentIndexes {
  readonly offsets: OffsetIndex;
  readonly times: TimeIndex;
}

/**
 * A segment: one .log file with its two indexes, from a base offset on. The active one is appended to and holds its
 * indexes in memory; sealed ones load theirs when asked and may drop them again.
 */
export class Segment implements IndexHolder {
  readonly baseOffset: number;
  readonly log: PooledFile;
  readonly #env: LogEnvironment;
  readonly #folder: string;
  readonly #indexIntervalBytes: () => number;
  /** Bytes of whole batches in the .log. */
  sizeBytes = 0;
  /** Offset that follows the last record. */
  nextOffset: number;
  /** The largest timestamp and the last offset of its batch. */
  largest: TimestampOffset | undefined;
  /** When the first batch came, by the wall clock or, after a restart, by its timestamp. */
  firstAppendMs: number | undefined;
  #isActive = false;
  #indexes: SegmentIndexes | undefined;
  #loading: Promise<SegmentIndexes> | undefined;
  #bytesSinceIndexed = 0;

  constructor(env: LogEnvironment, folder: string, baseOffset: number, indexIntervalBytes: () => number) {
    this.#env = env;
    this.#folder = folder;
    this.baseOffset = baseOffset;
    this.nextOffset = baseOffset;
    this.#indexIntervalBytes = indexIntervalBytes;
    this.log = env.files.file(this.#path(LOG_SUFFIX), "read-write");
  }

  /** Creates the empty active segment; its name is durable on return. */
  async create(): Promise<void> {
    const file = await this.#env.fs.open(this.log.path, "read-write-or-create");
    try {
      // A crash or a full disk may have left the file behind; nothing in it was ever part of the log.
      await file.truncate(0);
    } finally {
      await file.close();
    }
    for (const suffix of [OFFSET_INDEX_SUFFIX, TIME_INDEX_SUFFIX])
      await this.#env.fs.remove(this.#path(suffix));
    await this.#env.fs.syncDirectory(this.#folder);
    this.activate(this.#emptyIndexes());
  }

  get isActive(): boolean {
    return this.#isActive;
  }

  /** Makes this the segment that is appended to; its indexes stay in memory. */
  activate(indexes: SegmentIndexes): void {
    this.#isActive = true;
    this.#indexes = indexes;
    this.#env.indexes.forget(this);
  }

  /** Bytes of the offset index, for deciding when to roll. */
  get offsetIndexBytes(): number {
    return this.#indexes?.offsets.bytes ?? 0;
  }

  /** Accounts for a batch that lies at `position`, with an index entry where one is due. */
  noteBatch(header: BatchHeader, lastOffset: number, position: number, indexes: SegmentIndexes): void {
    if (header.maxTimestampMs > (this.largest?.timestampMs ?? -1)) {
      this.largest = { timestampMs: header.maxTimestampMs, offset: lastOffset };
    }
    if (this.#bytesSinceIndexed > this.#indexIntervalBytes()) {
      indexes.offsets.append(lastOffset, position);
      if (this.largest !== undefined) indexes.times.append(this.largest.timestampMs, this.largest.offset);
      this.#bytesSinceIndexed = 0;
    }
    this.#bytesSinceIndexed += header.sizeInBytes;
    this.sizeBytes = position + header.sizeInBytes;
    this.nextOffset = lastOffset + 1;
  }

  /** Accounts for a batch just appended. */
  noteAppended(header: BatchHeader, lastOffset: number, nowMs: number): void {
    this.firstAppendMs ??= nowMs;
    this.noteBatch(header, lastOffset, this.sizeBytes, this.#indexes!);
  }

  /** Makes the segment immutable: completes and persists the indexes, which may then leave memory. */
  async seal(): Promise<void> {
    const indexes = this.#indexes!;
    if (this.largest !== undefined) indexes.times.append(this.largest.timestampMs, this.largest.offset);
    this.#isActive = false;
    await this.persistIndexes();
    this.#env.indexes.touch(this, indexes.offsets.bytes + indexes.times.bytes);
  }

  /**
   * Appends to the index files what they lack. Indexes are derived, so a failure is logged and costs nothing but a
   * slower start.
   */
  async persistIndexes(): Promise<void> {
    const indexes = this.#indexes;
    if (indexes === undefined) return;
    try {
      await this.#persist(indexes.offsets, OFFSET_INDEX_SUFFIX);
      await this.#persist(indexes.times, TIME_INDEX_SUFFIX);
    } catch (error) {
      if (!(error instanceof FileSystemError)) throw error;
      this.#env.logger.warn(
        { path: error.path, code: error.code },
        "index not persisted; it is rebuilt when needed",
      );
    }
  }

  /** The indexes, from memory, from their files, or rebuilt from the .log if those are missing or damaged. */
  async indexes(): Promise<SegmentIndexes> {
    let indexes = this.#indexes;
    if (indexes === undefined) {
      this.#loading ??= this.#loadOrRebuild().finally(() => {
        this.#loading = undefined;
      });
      indexes = await this.#loading;
      if (!this.#isActive) this.#indexes = indexes;
    }
    if (!this.#isActive) this.#env.indexes.touch(this, indexes.offsets.bytes + indexes.times.bytes);
    return indexes;
  }

  dropIndexes(): void {
    if (!this.#isActive) this.#indexes = undefined;
  }

  /** The index files as they are, or undefined if one is missing or cannot be right for `logBytes`. */
  async readIndexFiles(logBytes: number): Promise<SegmentIndexes | undefined> {
    const [offsetBytes, timeBytes] = await Promise.all([
      this.#readIndexFile(OFFSET_INDEX_SUFFIX),
      this.#readIndexFile(TIME_INDEX_SUFFIX),
    ]);
    if (offsetBytes === undefined || timeBytes === undefined) return undefined;
    if (
      offsetBytes.length % OffsetIndex.ENTRY_BYTES !== 0 ||
      timeBytes.length % TimeIndex.ENTRY_BYTES !== 0
    ) {
      return undefined;
    }
    const offsets = new OffsetIndex(this.baseOffset, offsetBytes);
    const times = new TimeIndex(this.baseOffset, timeBytes);
    if (!offsets.isSane(logBytes) || !times.isSane()) return undefined;
    offsets.persistedBytes = offsets.bytes;
    times.persistedBytes = times.bytes;
    return { offsets, times };
  }

  /** Indexes without entries whose files are to be written anew. */
  async resetIndexes(): Promise<SegmentIndexes> {
    for (const suffix of [OFFSET_INDEX_SUFFIX, TIME_INDEX_SUFFIX])
      await this.#env.fs.remove(this.#path(suffix));
    this.largest = undefined;
    this.#bytesSinceIndexed = 0;
    this.#indexes = undefined;
    return this.#emptyIndexes();
  }

  /** Takes the segment out of the log: renames its files, durably. They are removed later by `removeFiles`. */
  async markDeleted(): Promise<void> {
    await this.close();
    for (const suffix of [LOG_SUFFIX, OFFSET_INDEX_SUFFIX, TIME_INDEX_SUFFIX]) {
      try {
        await this.#env.fs.rename(this.#path(suffix), this.#path(suffix) + DELETED_SUFFIX);
      } catch (error) {
        if (!isMissing(error) || suffix === LOG_SUFFIX) throw error;
      }
    }
    await this.#env.fs.syncDirectory(this.#folder);
  }

  /** Removes the files that `markDeleted` renamed. */
  async removeFiles(): Promise<void> {
    for (const suffix of [LOG_SUFFIX, OFFSET_INDEX_SUFFIX, TIME_INDEX_SUFFIX]) {
      await this.#env.fs.remove(this.#path(suffix) + DELETED_SUFFIX);
    }
  }

  /** Closes the file; a later use opens it again. */
  async close(): Promise<void> {
    this.#env.indexes.forget(this);
    await this.log.close();
  }

  #path(suffix: string): string {
    return `${this.#folder}/${segmentStem(this.baseOffset)}${suffix}`;
  }

  #emptyIndexes(): SegmentIndexes {
    return { offsets: new OffsetIndex(this.baseOffset), times: new TimeIndex(this.baseOffset) };
  }

  async #loadOrRebuild(): Promise<SegmentIndexes> {
    return (await this.readIndexFiles(this.sizeBytes)) ?? (await this.rebuildIndexes());
  }

  /** Scans the whole .log and writes both index files anew. Leaves the accounting as it was. */
  async rebuildIndexes(): Promise<SegmentIndexes> {
    this.#env.logger.warn({ path: this.log.path }, "index missing or damaged; rebuilding it from the log");
    const scratch = new Segment(this.#env, this.#folder, this.baseOffset, this.#indexIntervalBytes);
    const indexes = await scratch.resetIndexes();
    await this.log.use((file) =>
      scanBatches(file, 0, this.sizeBytes, (header, position) => {
        scratch.noteBatch(header, header.baseOffset + header.lastOffsetDelta, position, indexes);
        return undefined;
      }),
    );
    if (scratch.largest !== undefined)
      indexes.times.append(scratch.largest.timestampMs, scratch.largest.offset);
    scratch.#indexes = indexes;
    await scratch.persistIndexes();
    return indexes;
  }

  async #persist(index: OffsetIndex | TimeIndex, suffix: string): Promise<void> {
    const rest = index.unpersisted();
    if (rest.length === 0 && index.bytes > 0) return;
    const file = await this.#env.fs.open(this.#path(suffix), "read-write-or-create");
    try {
      await file.truncate(index.persistedBytes);
      const written = rest.length === 0 ? 0 : await file.write([rest], index.persistedBytes);
      index.persistedBytes += written - (written % (suffix === OFFSET_INDEX_SUFFIX ? 8 : 12));
    } finally {
      await file.close();
    }
  }

  async #readIndexFile(suffix: string): Promise<Buffer | undefined> {
    try {
      return await this.#env.fs.readFile(this.#path(suffix), INDEX_FILE_BYTES_MAX);
    } catch (error) {
      if (isMissing(error)) return undefined;
      throw error;
    }
  }
}
