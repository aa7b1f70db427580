/** Bytes of all chunks but a short first one. */
const CHUNK_BYTES = 262_144;
const FIRST_CHUNK_BYTES_MIN = 1_024;

/**
 * Growable bytes for a file in memory: chunks of a fixed size, so that growth copies nothing. Only a first chunk
 * starts small and doubles, so that ten thousand short files stay cheap. Absent chunks are holes of zeros.
 */
export class ChunkedBytes {
  #chunks: (Buffer | undefined)[] = [];
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** Copies up to `length` bytes from `position` and returns how many; fewer only at the end. */
  read(target: Uint8Array, targetOffset: number, length: number, position: number): number {
    const end = Math.min(position + length, this.#size);
    for (let at = position; at < end; ) {
      const from = at % CHUNK_BYTES;
      const count = Math.min(CHUNK_BYTES - from, end - at);
      const start = targetOffset + (at - position);
      const chunk = this.#chunks[Math.floor(at / CHUNK_BYTES)];
      const copied = chunk === undefined ? 0 : chunk.copy(target, start, from, from + count);
      target.fill(0, start + copied, start + count);
      at += count;
    }
    return Math.max(0, end - position);
  }

  /** Writes at any position; a gap before it becomes zeros. */
  write(bytes: Uint8Array, position: number): void {
    for (let done = 0; done < bytes.byteLength; ) {
      const at = position + done;
      const from = at % CHUNK_BYTES;
      const count = Math.min(CHUNK_BYTES - from, bytes.byteLength - done);
      this.#chunkFor(Math.floor(at / CHUNK_BYTES), from + count).set(
        bytes.subarray(done, done + count),
        from,
      );
      done += count;
    }
    if (bytes.byteLength > 0) this.#size = Math.max(this.#size, position + bytes.byteLength);
  }

  /** Cuts, or extends with zeros. */
  truncate(size: number): void {
    if (size < this.#size) {
      this.#chunks.length = Math.ceil(size / CHUNK_BYTES);
      if (size % CHUNK_BYTES > 0) this.#chunks.at(-1)?.fill(0, size % CHUNK_BYTES);
    }
    this.#size = size;
  }

  /** An independent copy. */
  clone(): ChunkedBytes {
    const copy = new ChunkedBytes();
    copy.#chunks = this.#chunks.map((chunk) => (chunk === undefined ? undefined : Buffer.from(chunk)));
    copy.#size = this.#size;
    return copy;
  }

  #chunkFor(index: number, bytes: number): Buffer {
    const present = this.#chunks[index];
    if (present !== undefined && present.byteLength >= bytes) return present;
    const doubled = Math.max(bytes, 2 * (present?.byteLength ?? 0), FIRST_CHUNK_BYTES_MIN);
    const grown = Buffer.alloc(index === 0 ? Math.min(doubled, CHUNK_BYTES) : CHUNK_BYTES);
    present?.copy(grown);
    while (this.#chunks.length < index) this.#chunks.push(undefined); // keeps the array dense
    this.#chunks[index] = grown;
    return grown;
  }
}
