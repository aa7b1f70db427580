/** One cached batch. */
interface CachedBatch {
  readonly tail: LogTail;
  /** Where it begins, in bytes that went through the ring before it. */
  readonly start: number;
  readonly bytes: number;
  readonly lastOffset: number;
  readonly recordCount: number;
  /** Its log dropped it; its bytes may be overwritten. */
  isVoid: boolean;
}

/** Largest cache: what one buffer can be on every platform. */
const CACHE_BYTES_MAX = 2 ** 32 - 1;

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
  readonly #ring: Buffer;
  /** Bytes that went through the ring: the next batch begins there, modulo the capacity. */
  #end = 0;
  #bytes = 0;
  /** In order of arrival, from `#head` on. */
  #arrivals: CachedBatch[] = [];
  #head = 0;

  /** Takes the memory at once, so that it cannot be wanting later. Throws TypeError for more than 4 GiB. */
  constructor(bytesMax: number) {
    if (!(Number.isSafeInteger(bytesMax) && bytesMax >= 0 && bytesMax <= CACHE_BYTES_MAX)) {
      throw new TypeError(
        `a cache of ${bytesMax} bytes: whole numbers from 0 to ${CACHE_BYTES_MAX} are allowed`,
      );
    }
    this.capacity = bytesMax;
    this.#ring = Buffer.allocUnsafeSlow(bytesMax);
  }

  /** Bytes in use. */
  get bytes(): number {
    return this.#bytes;
  }

  /** The part of one log. */
  tail(): LogTail {
    return new LogTail(this);
  }

  /** @internal Copies a batch in; undefined if it is larger than the cache. */
  take(tail: LogTail, batch: Buffer, lastOffset: number, recordCount: number): CachedBatch | undefined {
    const size = batch.length + BATCH_OVERHEAD;
    if (size > this.capacity) return undefined;
    const left = this.capacity - (this.#end % this.capacity);
    const start = size > left ? this.#end + left : this.#end;
    this.#end = start + size;
    this.#evict();
    batch.copy(this.#ring, start % this.capacity);
    const cached = { tail, start, bytes: batch.length, lastOffset, recordCount, isVoid: false };
    this.#arrivals.push(cached);
    this.#bytes += size;
    return cached;
  }

  /** Drops the batches that the newest overwrites. */
  #evict(): void {
    for (; this.#head < this.#arrivals.length; this.#head++) {
      const oldest = this.#arrivals[this.#head]!;
      if (oldest.isVoid) continue;
      if (oldest.start >= this.#end - this.capacity) break;
      oldest.tail.dropOldest();
      this.dropped(oldest);
    }
    if (this.#head > 1_024 && this.#head * 2 > this.#arrivals.length) {
      this.#arrivals = this.#arrivals.slice(this.#head);
      this.#head = 0;
    }
  }

  /** @internal Copies the bytes of a batch out. */
  copy({ start, bytes }: CachedBatch, target: Buffer, at: number): void {
    const from = start % this.capacity;
    this.#ring.copy(target, at, from, from + bytes);
  }

  /** @internal A log has dropped the batch. */
  dropped(batch: CachedBatch): void {
    batch.isVoid = true;
    this.#bytes -= batch.bytes + BATCH_OVERHEAD;
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
    const cached = isRead ? this.#cache.take(this, batch, lastOffset, recordCount) : undefined;
    if (cached === undefined) this.clear();
    else this.#batches.push(cached);
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
    for (let i = this.#first; i < this.#batches.length; i++) this.#cache.dropped(this.#batches[i]!);
    this.#batches = [];
    this.#first = 0;
  }

  /** @internal Forgets the oldest batch. */
  dropOldest(): void {
    this.#batches[this.#first] = undefined as unknown as CachedBatch;
    this.#first++;
    if (this.#first > 64 && this.#first * 2 > this.#batches.length) {
      this.#batches = this.#batches.slice(this.#first);
      this.#first = 0;
    }
  }
}
