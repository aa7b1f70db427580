/** One cached batch. */
interface CachedBatch {
  readonly lastOffset: number;
  readonly recordCount: number;
  readonly bytes: Buffer;
}

/** Bytes of bookkeeping charged for each cached batch. */
const BATCH_OVERHEAD = 128;

/**
 * The newest batches of all logs, kept as they were appended so that consumers near the end read no file. One byte
 * budget for all; the batch that came first leaves first, whichever log it belongs to.
 */
export class TailCache {
  readonly #bytesMax: number;
  #bytes = 0;
  /** Owners of the cached batches in order of arrival; a ring that starts at `#head`. */
  #arrivals: LogTail[] = [];
  #head = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** The part of one log. */
  tail(): LogTail {
    return new LogTail(this);
  }

  /** @internal */
  added(tail: LogTail, bytes: number): void {
    this.#bytes += bytes;
    this.#arrivals.push(tail);
    while (this.#bytes > this.#bytesMax && this.#head < this.#arrivals.length) {
      this.#bytes -= this.#arrivals[this.#head]!.dropOldest();
      this.#head++;
    }
    if (this.#head > 1_024 && this.#head * 2 > this.#arrivals.length) {
      this.#arrivals = this.#arrivals.slice(this.#head);
      this.#head = 0;
    }
  }

  /** @internal Forgets the arrivals of a log whose `bytes` were dropped at once. */
  cleared(tail: LogTail, bytes: number): void {
    this.#bytes -= bytes;
    this.#arrivals = this.#arrivals.slice(this.#head).filter((owner) => owner !== tail);
    this.#head = 0;
  }
}

/** The newest batches of one log, without gaps up to its end. */
export class LogTail {
  readonly #cache: TailCache;
  #batches: CachedBatch[] = [];
  #first = 0;

  constructor(cache: TailCache) {
    this.#cache = cache;
  }

  /** Takes the batch just appended. A view on a much larger buffer is copied, so as not to keep that alive. */
  add(bytes: Buffer, lastOffset: number, recordCount: number): void {
    const kept = bytes.buffer.byteLength > 2 * bytes.length + BATCH_OVERHEAD ? copyOf(bytes) : bytes;
    this.#batches.push({ lastOffset, recordCount, bytes: kept });
    this.#cache.added(this, bytes.length + BATCH_OVERHEAD);
  }

  /** Number of the cached batch that holds the offset, or undefined if it is not here. */
  indexOf(offset: number): number | undefined {
    let low = this.#first;
    let high = this.#batches.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#batches[middle]!.lastOffset < offset) low = middle + 1;
      else high = middle;
    }
    const batch = this.#batches[low];
    if (batch === undefined) return undefined;
    const firstOffset = batch.lastOffset - batch.recordCount + 1;
    return offset >= firstOffset ? low : undefined;
  }

  batch(index: number): CachedBatch | undefined {
    return this.#batches[index];
  }

  /** Drops everything; the file has it all. */
  clear(): void {
    let bytes = 0;
    for (let i = this.#first; i < this.#batches.length; i++) {
      bytes += this.#batches[i]!.bytes.length + BATCH_OVERHEAD;
    }
    this.#batches = [];
    this.#first = 0;
    if (bytes > 0) this.#cache.cleared(this, bytes);
  }

  /** @internal Drops the oldest batch and returns the bytes it was charged. */
  dropOldest(): number {
    const dropped = this.#batches[this.#first]!;
    this.#batches[this.#first] = undefined as unknown as CachedBatch;
    this.#first++;
    if (this.#first > 64 && this.#first * 2 > this.#batches.length) {
      this.#batches = this.#batches.slice(this.#first);
      this.#first = 0;
    }
    return dropped.bytes.length + BATCH_OVERHEAD;
  }
}

/** A copy with memory of its own: not a piece of the pool that small buffers are cut from. */
function copyOf(bytes: Buffer): Buffer {
  const copy = Buffer.allocUnsafeSlow(bytes.length);
  bytes.copy(copy);
  return copy;
}
