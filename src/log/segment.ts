import { SerialQueue } from "../base/index.ts";
import { FileSystemError, isMissing } from "../fs/index.ts";
import { BATCH_HEADER_BYTES, type BatchHeader, readMaxTimestamp } from "../record/index.ts";
import type { PooledFile } from "./file-pool.ts";
import type { Evictable } from "./lru-budget.ts";
import { SegmentIndexes } from "./segment-indexes.ts";
import {
  DELETED_SUFFIX,
  LOG_SUFFIX,
  OFFSET_INDEX_SUFFIX,
  segmentStem,
  TIME_INDEX_SUFFIX,
} from "./segment-names.ts";
import { scanBatches } from "./segment-scan.ts";
import type { TimestampOffset } from "./sparse-index.ts";
import type { LogEnvironment } from "./types.ts";

const SUFFIXES = [LOG_SUFFIX, OFFSET_INDEX_SUFFIX, TIME_INDEX_SUFFIX];

/**
 * A segment: one .log file with its two indexes, from a base offset on. The active one is appended to and holds its
 * indexes in memory; sealed ones load theirs when asked and may drop them again.
 */
export class Segment implements Evictable {
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
  #isGone = false;
  #indexes: SegmentIndexes | undefined;
  #loading: Promise<SegmentIndexes> | undefined;
  #mending: Promise<boolean> | undefined;
  /** A rebuild may end while the segment is sealed: their indexes must not mix in the files. */
  readonly #persisting = new SerialQueue();

  /** `suffix` is that of the .log, which differs while it is taken into service. */
  constructor(
    env: LogEnvironment,
    folder: string,
    baseOffset: number,
    indexIntervalBytes: () => number,
    suffix = LOG_SUFFIX,
  ) {
    this.#env = env;
    this.#folder = folder;
    this.baseOffset = baseOffset;
    this.nextOffset = baseOffset;
    this.#indexIntervalBytes = indexIntervalBytes;
    this.log = env.files.file(this.#stem + suffix, "read-write");
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
      await this.#env.fs.remove(this.#stem + suffix);
    await this.#env.fs.syncDirectory(this.#folder);
    this.activate(SegmentIndexes.empty(this.baseOffset));
  }

  /** It was taken out of the log: whoever still has it must look for the offset anew. */
  get isGone(): boolean {
    return this.#isGone;
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
    indexes.note(header, lastOffset, position, this.#indexIntervalBytes());
    this.largest = indexes.largest;
    this.sizeBytes = position + header.sizeInBytes;
    this.nextOffset = lastOffset + 1;
  }

  /** Accounts for a batch just appended. */
  noteAppended(header: BatchHeader, lastOffset: number, nowMs: number): void {
    this.firstAppendMs ??= nowMs;
    this.noteBatch(header, lastOffset, this.sizeBytes, this.#indexes!);
  }

  /** The age of the segment by its first batch; undefined while it has none. */
  async firstTimestamp(): Promise<number | undefined> {
    if (this.firstAppendMs !== undefined || this.sizeBytes === 0) return this.firstAppendMs;
    const head = Buffer.allocUnsafe(BATCH_HEADER_BYTES);
    await this.log.use((file) => file.read(head, 0, head.length, 0));
    this.firstAppendMs ??= readMaxTimestamp(head, 0);
    return this.firstAppendMs;
  }

  /** Makes the segment immutable: completes and persists the indexes, which may then leave memory. */
  async seal(): Promise<void> {
    const indexes = this.#indexes!;
    indexes.complete();
    this.#isActive = false;
    await this.persistIndexes();
    this.#env.indexes.touch(this, indexes.bytes);
  }

  /**
   * Appends to the index files what they lack. Indexes are derived, so a failure is logged and costs nothing but a
   * slower start.
   */
  async persistIndexes(): Promise<void> {
    try {
      await this.#persisting.run(async () => {
        // Another segment may have taken over the name.
        if (!this.#isGone) await this.#indexes?.persist(this.#env.fs, this.#stem);
      });
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
    if (!this.#isActive) this.#env.indexes.touch(this, indexes.bytes);
    return indexes;
  }

  evict(): void {
    if (!this.#isActive) this.#indexes = undefined;
  }

  /** The index files as they are, or undefined if one is missing or cannot be right for the .log. */
  loadIndexes(): Promise<SegmentIndexes | undefined> {
    return SegmentIndexes.load(this.#env.fs, this.#stem, this.baseOffset, this.sizeBytes);
  }

  /** Forgets the batches noted so far; the index files are written anew when these indexes are persisted. */
  startOver(): SegmentIndexes {
    this.largest = undefined;
    this.nextOffset = this.baseOffset;
    return SegmentIndexes.empty(this.baseOffset);
  }

  /**
   * Rebuilds indexes in which an entry proved wrong, and returns true. Returns false if it is the .log that is
   * damaged: then the indexes stay, so that what lies behind the damage can be found, and no other call tries again.
   */
  mendIndexes(): Promise<boolean> {
    this.#mending ??= this.#rebuild("pointing elsewhere").then(
      ({ isWhole }) => {
        if (isWhole) this.#mending = undefined;
        return isWhole;
      },
      (error: unknown) => {
        this.#mending = undefined;
        throw error;
      },
    );
    return this.#mending;
  }

  /** Takes the segment out of the log: renames its files, durably. They are removed later by `removeFiles`. */
  async markDeleted(): Promise<void> {
    await this.takeAway();
    await this.#env.fs.syncDirectory(this.#folder);
  }

  /** As `markDeleted`, without making the names durable. */
  async takeAway(): Promise<void> {
    this.#isGone = true;
    this.#env.indexes.forget(this);
    await this.log.retire();
    await this.#persisting.run(() => this.#renameDeleted());
  }

  async #renameDeleted(): Promise<void> {
    for (const suffix of SUFFIXES) {
      try {
        await this.#env.fs.rename(this.#stem + suffix, this.#stem + suffix + DELETED_SUFFIX);
      } catch (error) {
        // An index may never have been persisted; the .log may have been renamed by a call that failed later on.
        if (!isMissing(error)) throw error;
      }
    }
  }

  /** Removes the files that `markDeleted` renamed. */
  async removeFiles(): Promise<void> {
    for (const suffix of SUFFIXES) await this.#env.fs.remove(this.#stem + suffix + DELETED_SUFFIX);
  }

  /** Removes a segment that holds nothing; its name is gone for good on return. */
  async removeEmpty(): Promise<void> {
    for (const suffix of SUFFIXES) await this.#env.fs.remove(this.#stem + suffix);
    await this.#env.fs.syncDirectory(this.#folder);
  }

  /** Closes the file; a later use opens it again. */
  async close(): Promise<void> {
    this.#env.indexes.forget(this);
    await this.log.close();
  }

  /** Path of the files without their suffixes. */
  get #stem(): string {
    return `${this.#folder}/${segmentStem(this.baseOffset)}`;
  }

  async #loadOrRebuild(): Promise<SegmentIndexes> {
    return (await this.loadIndexes()) ?? (await this.#rebuild("missing or damaged")).indexes;
  }

  /** Indexes from the whole .log, put into service if that could be read to its end. */
  async #rebuild(fault: string): Promise<{ indexes: SegmentIndexes; isWhole: boolean }> {
    this.#env.logger.warn({ path: this.log.path, fault }, "rebuilding an index from the log");
    const indexes = SegmentIndexes.empty(this.baseOffset);
    const interval = this.#indexIntervalBytes();
    let expected = this.baseOffset;
    const visit = (header: BatchHeader, position: number): string | undefined => {
      if (header.baseOffset !== expected) return "batch out of place";
      const lastOffset = header.baseOffset + header.lastOffsetDelta;
      indexes.note(header, lastOffset, position, interval);
      expected = lastOffset + 1;
      return undefined;
    };
    let end = 0;
    let isWhole = true;
    while (isWhole && end < this.sizeBytes) {
      const stop = await this.log.use((file) => scanBatches(file, end, this.sizeBytes, visit));
      end = stop.position;
      isWhole = stop.fault === undefined;
    }
    // Nothing was appended since the loop looked, and from here on appends are noted in the new indexes.
    if (isWhole) this.#indexes = indexes;
    if (!this.#isActive) {
      indexes.complete();
      if (isWhole) await this.persistIndexes();
    }
    return { indexes, isWhole };
  }
}
