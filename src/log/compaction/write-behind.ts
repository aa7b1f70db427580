import type { FileHandle } from "../../fs/index.ts";
import { writeAll } from "../write-whole.ts";

/** Bytes that are gathered for one write. */
const BUFFER_BYTES = 1_048_576;
/** Bytes that may wait for their write: what is gathered while the disk flushes. */
const BACKLOG_BYTES = 8 * BUFFER_BYTES;
/** Bytes after which what was written is flushed: flushed at once, a gigabyte would hold up everybody's appends. */
const SYNC_BYTES = 8 * BUFFER_BYTES;

/**
 * Gathers what is to be written to a file, and writes and flushes it while more is gathered. A failure is thrown by a
 * call after it.
 */
export class WriteBehind {
  readonly #file: FileHandle;
  readonly #path: string;
  #buffer: Buffer = Buffer.allocUnsafeSlow(BUFFER_BYTES);
  #used = 0;
  /** Full buffers, the first of them being written. */
  readonly #filled: Buffer[] = [];
  #filledBytes = 0;
  #position = 0;
  #synced = 0;
  #running: Promise<void> | undefined;
  #failure: unknown;

  constructor(file: FileHandle, path: string) {
    this.#file = file;
    this.#path = path;
  }

  /** Room for exactly so many bytes behind those reserved before, to be filled before the next call. */
  reserve(bytes: number): Buffer {
    if (this.#used + bytes > this.#buffer.length) {
      this.#endBuffer();
      this.#buffer = Buffer.allocUnsafeSlow(Math.max(bytes, BUFFER_BYTES));
    }
    const start = this.#used;
    this.#used += bytes;
    return this.#buffer.subarray(start, this.#used);
  }

  /** Waits as long as too much waits to be written. Throws FileSystemError. */
  async flush(): Promise<void> {
    if (this.#filledBytes > BACKLOG_BYTES) await this.#running;
    if (this.#failure !== undefined) throw this.#failure;
  }

  /** Writes all, and makes it durable. Throws FileSystemError. */
  async finish(): Promise<void> {
    this.#endBuffer();
    await this.#running;
    if (this.#failure !== undefined) throw this.#failure;
    await this.#file.datasync();
  }

  /** Waits until nothing is under way any more, however it ends. */
  async settled(): Promise<void> {
    await this.#running;
  }

  #endBuffer(): void {
    if (this.#used === 0) return;
    this.#filled.push(this.#buffer.subarray(0, this.#used));
    this.#filledBytes += this.#used;
    this.#used = 0;
    if (this.#failure === undefined) this.#running ??= this.#write();
  }

  /** Writes until nothing is full any more, or the disk refuses. Never throws. */
  async #write(): Promise<void> {
    try {
      for (let next = this.#filled[0]; next !== undefined; next = this.#filled[0]) {
        await writeAll(this.#file, this.#path, [next], this.#position);
        this.#position += next.length;
        this.#filledBytes -= next.length;
        this.#filled.shift();
        if (this.#position - this.#synced >= SYNC_BYTES) {
          await this.#file.datasync();
          this.#synced = this.#position;
        }
      }
    } catch (error) {
      this.#failure = error;
    }
    // In the same turn as the last look: what is full from here on starts the next run.
    this.#running = undefined;
  }
}
