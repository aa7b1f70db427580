/** One cached batch. */
interface CachedBatch {
  /** Where it begins, in bytes that went through the ring before it. */
  readonly start: number;
  readonly bytes: number;
  readonly lastOffset: number;
  readonly recordCount: number;
}

/** Bytes of bookkeeping charged for each cached batch. */
const BATCH_OVERHEAD = 128;

/**
 * The newest batches of all logs, so that consumers near the end read no file. Batches are copied into one ring of
 * bytes, the newest over the oldest, whichever log they belong to, and copied out again. To hold on to the buffers they
 * arrived in would spare the copies, but V8 frees a buffer that has survived for a while by a full collection only:
 * memory doubled, and one append in a hundred waited tens of milliseconds.
 */
export class TailCache {
  /** @internal */
  readonly capacity: number;
  /** Allocated for the first batch. */
  #ring: Buffer | undefined;
  /** Bytes that went through the ring: the next batch begins there, modulo the capacity. */
  #end = 0;
  #bytes = 0;
  /** Owners of the cached batches in order of arrival, from `#head` on. */
  #arrivals: LogTail[] = [];
  #head = 0;

  constructor(bytesMax: number) {
    this.capacity = bytesMax;
  }

  /** Bytes in use. */
  get bytes(): number {
    return this.#bytes;
  }

  /** The part of one log. */
  tail(): LogTail {
    return new LogTail(this);
  }

  /** @internal Copies a batch in and returns where it begins; undefined if it is larger than the cache. */
  take(tail: LogTail, batch: Buffer): number | undefined {
    const size = batch.length + BATCH_OVERHEAD;
    if (size > this.capacity) return undefined;
    this.#ring ??= Buffer.allocUnsafeSlow(this.capacity);
    const left = this.capacity - (this.#end % this.capacity);
    const start = size > left ? this.#end + left : this.#end;
    this.#end = start + size;
    while (this.#head < this.#arrivals.length) {
      const oldest = this.#arrivals[this.#head]!;
      if (oldest.start >= this.#end - this.capacity) break;
      this.#bytes -= oldest.dropOldest();
      this.#head++;
    }
    if (this.#head > 1_024 && this.#head * 2 > this.#arrivals.length) {
      this.#arrivals = this.#arrivals.slice(this.#head);
      this.#head = 0;
    }
    batch.copy(this.#ring, start % this.capacity);
    this.#arrivals.push(tail);
    this.#bytes += size;
    return start;
  }

  /** @internal Copies the bytes of a batch out. */
  copy({ start, bytes }: CachedBatch, target: Buffer, at: number): void {
    const from = start % this.capacity;
    this.#ring!.copy(target, at, from, from + bytes);
  }

  /** @internal Forgets the arrivals of a log whose `bytes` were dropped at once. */
  cleared(tail: LogTail, bytes: number): void {
    this.#bytes -= bytes;
    this.#arrivals = this.#arrivals.slice(this.#head).filter((owner) => owner !== tail);
    this.#head = 0;
  }
}

/**
 * The newest batches of one log, without gaps up to its end. A log that nobody reads is not cached: what it has
 * appended since it was read last would fill the cache by itself.
 */
export class LogTail {
  readonly #cache: TailCache;
  #bytesSinceRead = 0;
  #batches: CachedBatch[] = [];
  #first = 0;

  constructor(cache: TailCache) {
    this.#cache = cache;
  }

  /** Takes a copy of the batch just appended. */
  add(batch: Buffer, lastOffset: number, recordCount: number): void {
    this.#bytesSinceRead += batch.length;
    const isRead = this.#bytesSinceRead <= this.#cache.capacity;
    const start = isRead ? this.#cache.take(this, batch) : undefined;
    if (start === undefined) this.clear();
    else this.#batches.push({ start, bytes: batch.length, lastOffset, recordCount });
  }

  /** Number of the cached batch that holds the offset, or undefined if it is not here. */
  indexOf(offset: number): number | undefined {
    this.#bytesSinceRead = 0;
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

  /** Copies the batches from one number up to another (exclusive) into `target`, one behind the other. */
  copy(first: number, end: number, target: Buffer): void {
    let at = 0;
    for (let index = first; index < end; index++) {
      const batch = this.#batches[index]!;
      this.#cache.copy(batch, target, at);
      at += batch.bytes;
    }
  }

  /** Drops everything; the file has it all. */
  clear(): void {
    if (this.#batches.length === 0) return;
    let bytes = 0;
    for (let i = this.#first; i < this.#batches.length; i++) bytes += chargeOf(this.#batches[i]!);
    this.#batches = [];
    this.#first = 0;
    if (bytes > 0) this.#cache.cleared(this, bytes);
  }

  /** @internal Where the oldest batch begins. Only while there is one. */
  get start(): number {
    return this.#batches[this.#first]!.start;
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
    return chargeOf(dropped);
  }
}

function chargeOf({ bytes }: CachedBatch): number {
  return bytes + BATCH_OVERHEAD;
}
