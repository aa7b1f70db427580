import { BatchBuilder, type Compression } from "../../record/index.ts";

/** What the pool hands out and how much of it. */
export interface BuilderPoolOptions {
  /** Bytes of a usual batch. */
  readonly batchBytes: number;
  /** Bytes of all builders together: bounds their number. */
  readonly bufferBytes: number;
  readonly compression: Compression;
}

/**
 * The memory of a producer: a bounded number of builders, whose buffers are used again and again. Memory that is not
 * allocated need not be cleared or collected, and the number of builders is what back-pressure counts.
 */
export class BuilderPool {
  readonly #options: BuilderPoolOptions;
  readonly #buildersMax: number;
  /** The builder released last comes first: its buffer is still in the processor's cache. */
  readonly #free: BatchBuilder[] = [];
  #inUse = 0;

  constructor(options: BuilderPoolOptions) {
    this.#options = options;
    this.#buildersMax = Math.max(2, Math.floor(options.bufferBytes / options.batchBytes));
  }

  /** Whether `acquire` would give one. */
  get hasRoom(): boolean {
    return this.#inUse < this.#buildersMax;
  }

  /** Bytes that the builders in use stand for. */
  get bytesInUse(): number {
    return this.#inUse * this.#options.batchBytes;
  }

  /** An empty builder for batches of up to `bytesMax`; undefined if all are in use. */
  acquire(bytesMax: number): BatchBuilder | undefined {
    if (!this.hasRoom) return undefined;
    this.#inUse++;
    const { batchBytes, compression } = this.#options;
    if (bytesMax !== batchBytes) return new BatchBuilder({ bytesMax, compression });
    return this.#free.pop() ?? new BatchBuilder({ bytesMax, compression });
  }

  /**
   * Takes a builder back. `isReusable` is false if the transport may still read the bytes of its batch, which then
   * are left to the garbage collector, as are builders of unusual size.
   */
  release(builder: BatchBuilder, bytesMax: number, encoded: Buffer | undefined, isReusable: boolean): void {
    this.#inUse--;
    if (!isReusable || bytesMax !== this.#options.batchBytes) return;
    // An uncompressed batch is a view of the builder's buffer, which would otherwise be given up with it.
    const isView = encoded !== undefined && encoded.length === builder.sizeInBytes;
    builder.reset(isView ? Buffer.from(encoded.buffer) : undefined);
    this.#free.push(builder);
  }
}
