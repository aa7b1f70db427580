import { FileSystemError } from "../../fs/index.ts";
import type { FilterTarget } from "../../record/index.ts";
import { type NotedBatch, SegmentIndexes } from "../segment-indexes.ts";
import { CLEANED_SUFFIX, LOG_SUFFIX, segmentStem } from "../segment-names.ts";
import type { LogEnvironment } from "../types.ts";
import { WriteBehind } from "./write-behind.ts";

/** Where a cleaned segment is written. */
export interface CleanedPlace {
  readonly folder: string;
  readonly baseOffset: number;
  readonly indexIntervalBytes: number;
}

/** The .log of a cleaned segment while it is written. It counts for nothing: a start removes what a crash left of it. */
export class CleanedFile implements FilterTarget {
  readonly baseOffset: number;
  readonly path: string;
  readonly indexes: SegmentIndexes;
  readonly #env: LogEnvironment;
  readonly #indexIntervalBytes: number;
  readonly #writes: WriteBehind;
  readonly #close: () => Promise<void>;
  #size = 0;
  #nextOffset: number;
  #isClosed = false;

  private constructor(
    env: LogEnvironment,
    place: CleanedPlace,
    opened: { readonly path: string; readonly writes: WriteBehind; readonly close: () => Promise<void> },
  ) {
    this.baseOffset = place.baseOffset;
    this.path = opened.path;
    this.indexes = SegmentIndexes.empty(place.baseOffset);
    this.#env = env;
    this.#indexIntervalBytes = place.indexIntervalBytes;
    this.#writes = opened.writes;
    this.#close = opened.close;
    this.#nextOffset = place.baseOffset;
  }

  /** Creates the file, empty. Throws FileSystemError. */
  static async create(env: LogEnvironment, place: CleanedPlace): Promise<CleanedFile> {
    const path = `${place.folder}/${segmentStem(place.baseOffset)}${LOG_SUFFIX}${CLEANED_SUFFIX}`;
    const file = await env.fs.open(path, "read-write-or-create");
    const opened = { path, writes: new WriteBehind(file, path), close: () => file.close() };
    const cleaned = new CleanedFile(env, place, opened);
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

  /** Room for the bytes of the next batch, which `note` is to be told of once they are there. */
  reserve(bytes: number): Buffer {
    return this.#writes.reserve(bytes);
  }

  /** Accounts for the batch that was reserved last. */
  note(batch: NotedBatch, lastOffset: number): void {
    this.indexes.note(batch, lastOffset, this.#size, this.#indexIntervalBytes);
    this.#size += batch.sizeInBytes;
    this.#nextOffset = lastOffset + 1;
  }

  /** Adds a copy of a batch. */
  add(bytes: Buffer, maxTimestampMs: number, lastOffset: number): void {
    bytes.copy(this.reserve(bytes.length));
    this.note({ maxTimestampMs, sizeInBytes: bytes.length }, lastOffset);
  }

  /** Lets what was added go to the disk, without waiting for the last of it. Throws FileSystemError. */
  flush(): Promise<void> {
    return this.#writes.flush();
  }

  /** Makes all of it durable, but for the name, and lets go of the file. Throws FileSystemError. */
  async finish(): Promise<void> {
    await this.#writes.finish();
    this.#isClosed = true;
    await this.#close();
  }

  /** Gives up what was written. What cannot be removed now is overwritten by the next attempt, or removed by a start. */
  async discard(): Promise<void> {
    try {
      await this.#writes.settled();
      if (!this.#isClosed) await this.#close();
      await this.#env.fs.remove(this.path);
    } catch (error) {
      if (!(error instanceof FileSystemError)) throw error;
      this.#env.logger.warn({ path: this.path, code: error.code }, "cleaned segment not removed yet");
    }
  }
}
