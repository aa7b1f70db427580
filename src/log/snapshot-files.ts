import { type FileSystem, FileSystemError } from "../fs/index.ts";
import { decodeSnapshot, encodeSnapshot, type ProducerSnapshot } from "./producer-snapshot.ts";
import { segmentStem, snapshotOffsetOf, SNAPSHOT_SUFFIX } from "./segment-names.ts";
import type { LogEnvironment } from "./types.ts";
import { writeAll } from "./write-whole.ts";

/** The newest of all could be of an end that a power loss takes back. */
const SNAPSHOTS_KEPT = 2;
const SNAPSHOT_BYTES_MAX = 64 * 1_048_576;

/**
 * The files with what a log knows of its producers. They are derived from the batches: none is ever flushed, a damaged
 * one is passed over, and a failure to write one costs nothing but a slower start.
 */
export class SnapshotFiles {
  readonly #env: LogEnvironment;
  readonly #folder: string;
  /** Offsets of the files, oldest first. */
  #offsets: number[] = [];

  constructor(env: LogEnvironment, folder: string) {
    this.#env = env;
    this.#folder = folder;
  }

  /** The newest that `isTrue` accepts. The others are removed if they are newer, for they will never be. */
  async load(isTrue: (snapshot: ProducerSnapshot) => boolean): Promise<ProducerSnapshot | undefined> {
    const { fs } = this.#env;
    const names = (await fs.list(this.#folder)).map(({ name }) => name);
    this.#offsets = names
      .map(snapshotOffsetOf)
      .filter((offset) => offset !== undefined)
      .sort((a, b) => a - b);
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
    const { fs } = this.#env;
    const path = this.#path(snapshot.offset);
    const bytes = encodeSnapshot(snapshot);
    await this.#tolerate("write", snapshot.offset, async () => {
      await writeFile(fs, `${path}.tmp`, bytes);
      await fs.rename(`${path}.tmp`, path);
      this.#offsets.push(snapshot.offset);
      for (const offset of this.#offsets.slice(0, -SNAPSHOTS_KEPT)) await fs.remove(this.#path(offset));
      this.#offsets = this.#offsets.slice(-SNAPSHOTS_KEPT);
    });
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

async function writeFile(fs: FileSystem, path: string, bytes: Buffer): Promise<void> {
  await fs.remove(path);
  const file = await fs.open(path, "create");
  try {
    await writeAll(file, path, [bytes], 0);
  } finally {
    await file.close();
  }
}
