import { type FileSystem, FileSystemError } from "../fs/index.ts";
import { decodeSnapshot, encodeSnapshot, type ProducerSnapshot } from "./producer-snapshot.ts";
import { segmentStem, snapshotOffsetOf, SNAPSHOT_SUFFIX } from "./segment-names.ts";
import type { LogEnvironment } from "./types.ts";
import { writeAll } from "./write-whole.ts";

/** Beside the oldest: the newest of all could be of an end that a power loss takes back. */
const NEWEST_KEPT = 2;
const SNAPSHOT_BYTES_MAX = 64 * 1_048_576;

/**
 * The files with what a log knows of its producers. Most are derived from batches that are still there: they are not
 * flushed, and a failure to write one costs nothing but a slower start. One is durable, as soon as batches are gone: it
 * is the oldest then, and stays until another one is. A damaged one is passed over.
 */
export class SnapshotFiles {
  readonly #env: LogEnvironment;
  readonly #folder: string;
  /** Offsets of the files, oldest first. */
  #offsets: number[] = [];
  #durableOffset: number | undefined;

  constructor(env: LogEnvironment, folder: string) {
    this.#env = env;
    this.#folder = folder;
  }

  /** Of the newest that a power loss leaves as it is, if this process wrote one. */
  get durableOffset(): number | undefined {
    return this.#durableOffset;
  }

  get count(): number {
    return this.#offsets.length;
  }

  /**
   * The newest that `isTrue` accepts. The others are removed if they are newer or lie below `firstOffset`, where the log
   * has nothing any more: they will never be.
   */
  async load(
    firstOffset: number,
    isTrue: (snapshot: ProducerSnapshot) => boolean,
  ): Promise<ProducerSnapshot | undefined> {
    const { fs } = this.#env;
    const names = (await fs.list(this.#folder)).map(({ name }) => name);
    this.#offsets = names
      .map(snapshotOffsetOf)
      .filter((offset) => offset !== undefined)
      .sort((a, b) => a - b);
    const gone = this.#offsets.filter((offset) => offset < firstOffset);
    if (gone.length > 0) await this.#tolerate("remove", gone[0]!, () => this.#removeAll(gone));
    this.#offsets = this.#offsets.filter((offset) => offset >= firstOffset);
    for (let newest = this.#offsets.at(-1); newest !== undefined; newest = this.#offsets.at(-1)) {
      const snapshot = await this.#read(newest);
      if (snapshot !== undefined && isTrue(snapshot)) return snapshot;
      this.#offsets.pop();
      await this.#tolerate("remove", newest, () => fs.remove(this.#path(newest)));
    }
    return undefined;
  }

  /** Writes the snapshot, unless the newest is of the same offset. */
  async write(snapshot: ProducerSnapshot): Promise<void> {
    if (this.#offsets.at(-1) === snapshot.offset) return;
    await this.#tolerate("write", snapshot.offset, async () => {
      await this.#replace(snapshot, false);
      await this.#removeAll(this.#offsets.slice(1, -NEWEST_KEPT));
    });
  }

  /** Writes the snapshot so that it lasts; no other is needed then. The log is flushed up to its offset. */
  async writeDurable(snapshot: ProducerSnapshot): Promise<void> {
    await this.#tolerate("write", snapshot.offset, async () => {
      await this.#replace(snapshot, true);
      await this.#env.fs.syncDirectory(this.#folder);
      this.#durableOffset = snapshot.offset;
      await this.#removeAll(this.#offsets.slice(0, -1));
    });
  }

  async #replace(snapshot: ProducerSnapshot, isFlushed: boolean): Promise<void> {
    const { fs } = this.#env;
    const { offset } = snapshot;
    const path = this.#path(offset);
    await writeFile(fs, `${path}.tmp`, encodeSnapshot(snapshot), isFlushed);
    await fs.rename(`${path}.tmp`, path);
    if (this.#offsets.at(-1) !== offset) this.#offsets.push(offset);
  }

  async #removeAll(offsets: readonly number[]): Promise<void> {
    for (const offset of offsets) await this.#env.fs.remove(this.#path(offset));
    this.#offsets = this.#offsets.filter((offset) => !offsets.includes(offset));
  }

  async #read(offset: number): Promise<ProducerSnapshot | undefined> {
    const read = () => this.#env.fs.readFile(this.#path(offset), SNAPSHOT_BYTES_MAX);
    const bytes = await this.#tolerate("read", offset, read);
    const snapshot = bytes && decodeSnapshot(bytes);
    return snapshot?.offset === offset ? snapshot : undefined;
  }

  async #tolerate<Result>(
    action: string,
    offset: number,
    work: () => Promise<Result>,
  ): Promise<Result | undefined> {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof FileSystemError)) throw error;
      const { code } = error;
      this.#env.logger.warn(
        { path: this.#path(offset), code, action },
        "trouble with a snapshot of producers",
      );
      return undefined;
    }
  }

  #path(offset: number): string {
    return `${this.#folder}/${segmentStem(offset)}${SNAPSHOT_SUFFIX}`;
  }
}

async function writeFile(fs: FileSystem, path: string, bytes: Buffer, isFlushed: boolean): Promise<void> {
  await fs.remove(path);
  const file = await fs.open(path, "create");
  try {
    await writeAll(file, path, [bytes], 0);
    if (isFlushed) await file.datasync();
  } finally {
    await file.close();
  }
}
