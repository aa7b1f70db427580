import { READ_CHUNK_BYTES_MAX } from "../base/index.ts";

/** Buffers kept for the next read; more than a few only cost memory. */
const FREE_MAX = 4;

/**
 * Buffers for reads of whole chunks. A reader that has sent its bytes gives the buffer back, which spares an
 * allocation of a megabyte for the next read (a fifth of the time of a consumer that reads from files). One that
 * never does costs nothing but that.
 */
export class ReadBuffers {
  readonly #free: Buffer[] = [];

  /** A buffer of at least so many bytes, with anything in it. */
  acquire(bytes: number): Buffer {
    if (bytes > READ_CHUNK_BYTES_MAX || bytes <= READ_CHUNK_BYTES_MAX / 2) return Buffer.allocUnsafe(bytes);
    return this.#free.pop() ?? Buffer.allocUnsafeSlow(READ_CHUNK_BYTES_MAX);
  }

  /** Takes a buffer back, from which nobody reads any more. */
  release(buffer: Buffer): void {
    if (buffer.length === READ_CHUNK_BYTES_MAX && this.#free.length < FREE_MAX) this.#free.push(buffer);
  }
}
