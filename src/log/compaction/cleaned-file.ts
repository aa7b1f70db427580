import { type FileHandle, FileSystemError } from "../../fs/index.ts";
import { type NotedBatch, SegmentIndexes } from "../segment-indexes.ts";
import { CLEANED_SUFFIX, LOG_SUFFIX, segmentStem } from "../segment-names.ts";
import type { LogEnvironment } from "../types.ts";
import { writeAll } from "../write-whole.ts";

/** Most buffers of one write. */
const WRITE_BUFFERS_MAX = 1_024;
/** Bytes after which what was written is flushed: flushed at once, a gigabyte would hold up everybody's appends. */
const SYNC_BYTES = 8 * 1_048_576;

/** The .log of a cleaned segment while it is written. It counts for nothing: a start removes what a crash left of it. */
export class CleanedFile {
  readonly baseOffset: number;
  readonly path: string;
  readonly indexes: SegmentIndexes;
  readonly #env: LogEnvironment;
  readonly #indexIntervalBytes: number;
  readonly #file: FileHandle;
  /** Bytes and batches noted, written or not. */
  #size = 0;
  #nextOffset: number;
  #unwritten: Buffer[] = [];
  #written = 0;
  #synced = 0;
  #isClosed = false;

  private constructor(env: LogEnvironment, place: CleanedPlace, file: FileHandle) {
    this.baseOffset = place.baseOffset;
    this.path = pathOf(place);
    this.indexes = SegmentIndexes.empty(place.baseOffset);
    this.#env = env;
    this.#indexIntervalBytes = place.indexIntervalBytes;
    this.#file = file;
    this.#nextOffset = place.baseOffset;
  }

  /** Creates the file, empty. Throws FileSystemError. */
  static async create(env: LogEnvironment, place: CleanedPlace): Promise<CleanedFile> {
    const file = await env.fs.open(pathOf(place), "read-write-or-create");
    const cleaned = new CleanedFile(env, place, file);
    // One that was given up may still be there.
    await file.truncate(0).catch(async (error: unknown) => {
      await cleaned.discard();
      throw error;
    });
    return cleaned;
  }

  /** Bytes of the batches so far. */
  get sizeBytes(): number {
    return this.#size;
  }

  /** Offset that follows the last batch. */
  get nextOffset(): number {
    return this.#nextOffset;
  }

  /** Adds a batch; its bytes must not change until they are flushed. */
  add(bytes: Buffer, batch: NotedBatch, lastOffset: number): void {
    this.indexes.note(batch, lastOffset, this.#size, this.#indexIntervalBytes);
    this.#size += batch.sizeInBytes;
    this.#nextOffset = lastOffset + 1;
    const last = this.#unwritten.at(-1);
    const follows =
      last !== undefined &&
      last.buffer === bytes.buffer &&
      last.byteOffset + last.length === bytes.byteOffset;
    if (!follows) this.#unwritten.push(bytes);
    else
      this.#unwritten[this.#unwritten.length - 1] = Buffer.from(
        last.buffer,
        last.byteOffset,
        last.length + bytes.length,
      );
  }

  /** Writes what was added, and now and then flushes it. Throws FileSystemError. */
  async flush(): Promise<void> {
    const buffers = this.#unwritten;
    this.#unwritten = [];
    for (let first = 0; first < buffers.length; first += WRITE_BUFFERS_MAX) {
      const part = buffers.slice(first, first + WRITE_BUFFERS_MAX);
      await writeAll(this.#file, this.path, part, this.#written);
      for (const { length } of part) this.#written += length;
    }
    if (this.#written - this.#synced >= SYNC_BYTES) await this.sync();
  }

  /** Makes the bytes written so far durable; the name is not. Throws FileSystemError. */
  async sync(): Promise<void> {
    const written = this.#written;
    await this.#file.datasync();
    this.#synced = written;
  }

  /** Lets go of the file. */
  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    await this.#file.close();
  }

  /** Gives up what was written. What cannot be removed now is overwritten by the next attempt, or removed by a start. */
  async discard(): Promise<void> {
    try {
      await this.close();
      await this.#env.fs.remove(this.path);
    } catch (error) {
      if (!(error instanceof FileSystemError)) throw error;
      this.#env.logger.warn({ path: this.path, code: error.code }, "cleaned segment not removed yet");
    }
  }
}

/** Where a cleaned segment is written. */
export interface CleanedPlace {
  readonly folder: string;
  readonly baseOffset: number;
  readonly indexIntervalBytes: number;
}

function pathOf({ folder, baseOffset }: CleanedPlace): string {
  return `${folder}/${segmentStem(baseOffset)}${LOG_SUFFIX}${CLEANED_SUFFIX}`;
}
