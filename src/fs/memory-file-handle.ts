import { type FileHandle, FileSystemError } from "./file-system.ts";
import type { MemoryFile } from "./memory-nodes.ts";
import { checkPosition, checkRead, checkWrite } from "./ranges.ts";

/** An open file of a MemoryFileSystem. Each call takes effect at once, before its promise resolves. */
export class MemoryFileHandle implements FileHandle {
  readonly #path: string;
  readonly #file: MemoryFile;
  readonly #isWritable: boolean;
  #isClosed = false;

  constructor(path: string, file: MemoryFile, isWritable: boolean) {
    this.#path = path;
    this.#file = file;
    this.#isWritable = isWritable;
  }

  async read(target: Uint8Array, targetOffset: number, length: number, position: number): Promise<number> {
    checkRead(target, targetOffset, length, position);
    this.#checkOpen("read");
    return this.#file.content.read(target, targetOffset, length, position);
  }

  async write(buffers: readonly Uint8Array[], position: number): Promise<number> {
    checkWrite(buffers, position);
    this.#checkOpen("write");
    if (!this.#isWritable) throw new FileSystemError("EBADF", "write", this.#path);
    const written = this.#file.write(buffers, position);
    const isRefused = written === 0 && buffers.some((buffer) => buffer.byteLength > 0);
    if (isRefused) throw new FileSystemError("ENOSPC", "write", this.#path);
    return written;
  }

  async datasync(): Promise<void> {
    this.#checkOpen("datasync");
    this.#file.sync();
  }

  async truncate(size: number): Promise<void> {
    checkPosition(size);
    this.#checkOpen("truncate");
    if (!this.#isWritable) throw new FileSystemError("EINVAL", "truncate", this.#path);
    if (!this.#file.truncate(size)) throw new FileSystemError("ENOSPC", "truncate", this.#path);
  }

  async size(): Promise<number> {
    this.#checkOpen("size");
    return this.#file.content.size;
  }

  async close(): Promise<void> {
    this.#checkOpen("close");
    this.#isClosed = true;
  }

  /** Does to unsynced bytes what a failed fsync does: they stay readable and never become durable for sure. */
  loseUnsynced(): void {
    this.#file.loseUnsynced();
  }

  #checkOpen(operation: string): void {
    if (this.#isClosed) throw new FileSystemError("EBADF", operation, this.#path);
  }
}
