import type { FileHandle } from "../../fs/index.ts";
import { writeAll } from "../write-whole.ts";

/** Bytes that are gathered for one write. */
const BUFFER_BYTES = 1_048_576;
/** Bytes after which what was written is flushed: flushed at once, a gigabyte would hold up everybody's appends. */
const SYNC_BYTES = 8 * BUFFER_BYTES;

/** Part of a buffer, from its beginning on. */
interface Filled {
  readonly buffer: Buffer;
  readonly bytes: number;
}

/**
 * Gathers what is to be written to a file and writes it while the next is gathered: at most one write or flush is under
 * way. A failure is thrown by the call after it.
 */
export class WriteBehind {
  readonly #file: FileHandle;
  readonly #path: string;
  #buffer: Buffer = Buffer.allocUnsafeSlow(BUFFER_BYTES);
  #used = 0;
  #filled: Filled[] = [];
  #spare: Buffer | undefined;
  #position = 0;
  #synced = 0;
  #running: Promise<void> = Promise.resolve();

  constructor(file: FileHandle, path: string) {
    this.#file = file;
    this.#path = path;
  }

  /** Room for exactly so many bytes behind those reserved before, to be filled before the next call. */
  reserve(bytes: number): Buffer {
    if (this.#used + bytes > this.#buffer.length) {
      this.#endBuffer();
      this.#buffer = this.#takeBuffer(bytes);
    }
    const start = this.#used;
    this.#used += bytes;
    return this.#buffer.subarray(start, this.#used);
  }

  /** Begins to write what is full, once the write before has ended. Throws FileSystemError. */
  async flush(): Promise<void> {
    if (this.#filled.length === 0) return;
    await this.#running;
    const filled = this.#filled;
    this.#filled = [];
    this.#running = this.#write(filled);
    this.#running.catch(() => undefined); // whoever awaits it next is told
  }

  /** Writes all, and makes it durable. Throws FileSystemError. */
  async finish(): Promise<void> {
    this.#endBuffer();
    await this.flush();
    await this.#running;
    await this.#file.datasync();
  }

  /** Waits until nothing is under way any more, however it ends. */
  async settled(): Promise<void> {
    await this.#running.catch(() => undefined);
  }

  #endBuffer(): void {
    if (this.#used > 0) this.#filled.push({ buffer: this.#buffer, bytes: this.#used });
    this.#used = 0;
  }

  #takeBuffer(bytes: number): Buffer {
    const spare = this.#spare;
    this.#spare = undefined;
    if (spare !== undefined && spare.length >= bytes) return spare;
    return Buffer.allocUnsafeSlow(Math.max(bytes, BUFFER_BYTES));
  }

  async #write(filled: readonly Filled[]): Promise<void> {
    for (const { buffer, bytes } of filled) {
      await writeAll(this.#file, this.#path, [buffer.subarray(0, bytes)], this.#position);
      this.#position += bytes;
      this.#spare = buffer;
    }
    if (this.#position - this.#synced < SYNC_BYTES) return;
    await this.#file.datasync();
    this.#synced = this.#position;
  }
}
