import { BATCH_BYTES_MAX } from "../../base/index.ts";

/** Bytes read at once: each read wakes a thread, which costs as much as to copy a hundred KiB. */
const CHUNK_BYTES = 1_048_576;
/** Room before a chunk for the batch that the one before it cut off, unless that is larger. */
const HEAD_BYTES = 262_144;

/** Reads up to `length` bytes at a position of a file into the target; fewer only at its end. */
export type ReadBytes = (
  target: Uint8Array,
  targetOffset: number,
  length: number,
  position: number,
) => Promise<number>;

/** Looks at bytes of a file from a position on, and returns how many it is done with; undefined wants no more. */
export type Consumer = (bytes: Buffer, position: number) => Promise<number | undefined>;

/**
 * Reads files from their beginnings, one after another, in two buffers: while one chunk is looked at the next is read.
 * What the look at a chunk leaves over stands before the next one.
 */
export class ReadAhead {
  readonly #buffers = [0, 1].map(() => Buffer.allocUnsafeSlow(HEAD_BYTES + CHUNK_BYTES));

  /**
   * Shows `size` bytes of a file to the consumer; the bytes hold until its promise resolves. Returns the position up to
   * which it was done. Throws what reading and the consumer throw.
   */
  async run(read: ReadBytes, size: number, consume: Consumer): Promise<number> {
    let done = 0;
    let left: Buffer = Buffer.alloc(0);
    let readTo = 0;
    let next = this.#read(read, 0, 0, size);
    try {
      for (let turn = 0; done < size; turn ^= 1) {
        const bytesRead = await next;
        readTo += bytesRead;
        const piece = this.#join(left, turn, bytesRead);
        if (bytesRead > 0) next = this.#read(read, turn ^ 1, readTo, size);
        const consumed = await consume(piece, done);
        if (consumed === undefined) return done;
        done += consumed;
        left = piece.subarray(consumed);
        // Nothing more comes, or what is left is more than any batch.
        if (bytesRead === 0 || left.length > BATCH_BYTES_MAX) return done;
      }
      return done;
    } finally {
      // It would write into a buffer that is used again.
      await next.catch(() => 0);
    }
  }

  /** What was left over and the chunk behind it, in one piece. */
  #join(left: Buffer, turn: number, bytesRead: number): Buffer {
    const buffer = this.#buffers[turn]!;
    if (left.length > HEAD_BYTES) {
      return Buffer.concat([left, buffer.subarray(HEAD_BYTES, HEAD_BYTES + bytesRead)]);
    }
    const piece = buffer.subarray(HEAD_BYTES - left.length, HEAD_BYTES + bytesRead);
    left.copy(piece);
    return piece;
  }

  async #read(read: ReadBytes, turn: number, position: number, size: number): Promise<number> {
    const length = Math.min(CHUNK_BYTES, size - position);
    const reading =
      length === 0 ? Promise.resolve(0) : read(this.#buffers[turn]!, HEAD_BYTES, length, position);
    reading.catch(() => undefined); // told to whoever awaits it
    return reading;
  }
}
