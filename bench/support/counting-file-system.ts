import { type FileHandle, NodeFileSystem, type OpenMode } from "../../src/fs/index.ts";

/** What was asked of the disk. */
export interface DiskCounts {
  writes: number;
  buffers: number;
  bytes: number;
  syncs: number;
}

/** The machine's files, counting what is written to segments: to measure a raw disk at the same group size. */
export class CountingFileSystem extends NodeFileSystem {
  readonly counts: DiskCounts = { writes: 0, buffers: 0, bytes: 0, syncs: 0 };

  override async open(path: string, mode: OpenMode): Promise<FileHandle> {
    const file = await super.open(path, mode);
    return path.endsWith(".log") ? new CountingFileHandle(file, this.counts) : file;
  }

  /** The counts so far, which start again at zero. */
  takeCounts(): DiskCounts {
    const counts = { ...this.counts };
    Object.assign(this.counts, { writes: 0, buffers: 0, bytes: 0, syncs: 0 });
    return counts;
  }
}

class CountingFileHandle implements FileHandle {
  readonly #file: FileHandle;
  readonly #counts: DiskCounts;

  constructor(file: FileHandle, counts: DiskCounts) {
    this.#file = file;
    this.#counts = counts;
  }

  read(target: Uint8Array, targetOffset: number, length: number, position: number): Promise<number> {
    return this.#file.read(target, targetOffset, length, position);
  }

  write(buffers: readonly Uint8Array[], position: number): Promise<number> {
    this.#counts.writes++;
    this.#counts.buffers += buffers.length;
    for (const buffer of buffers) this.#counts.bytes += buffer.byteLength;
    return this.#file.write(buffers, position);
  }

  datasync(): Promise<void> {
    this.#counts.syncs++;
    return this.#file.datasync();
  }

  truncate(size: number): Promise<void> {
    return this.#file.truncate(size);
  }

  size(): Promise<number> {
    return this.#file.size();
  }

  close(): Promise<void> {
    return this.#file.close();
  }
}
