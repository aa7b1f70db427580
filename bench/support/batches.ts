import { BatchBuilder } from "../../src/record/index.ts";
import { KEY_BYTES } from "./record-sizes.ts";

/** Key and value that a builder takes, as bytes or as text. */
export interface Payload {
  readonly key: Buffer | string;
  readonly value: Buffer | string;
}

/** A key and a value of `recordBytes` together. */
export function payloadOf(recordBytes: number): { readonly key: Buffer; readonly value: Buffer } {
  return { key: Buffer.alloc(KEY_BYTES, "k"), value: Buffer.alloc(recordBytes - KEY_BYTES, "v") };
}

/** Appends until the batch is full, as a producer does. */
export function fillBatch(builder: BatchBuilder, { key, value }: Payload): Buffer {
  let timestampMs = 1_700_000_000_000;
  while (builder.append(key, value, timestampMs)) timestampMs++;
  return builder.build();
}

/**
 * Batches to append over and over: each has memory of its own, and together they are larger than the broker's cache,
 * so that no batch is stamped again while the cache still holds it, and the allocator is not what is measured.
 */
export class BatchRing {
  readonly recordsPerBatch: number;
  readonly batchBytes: number;
  readonly #batches: readonly Buffer[];
  #next = 0;

  constructor(options: {
    readonly recordBytes: number;
    readonly batchBytes: number;
    readonly bytes: number;
  }) {
    const { recordBytes, batchBytes, bytes } = options;
    const builder = new BatchBuilder({ bytesMax: batchBytes });
    const payload = payloadOf(recordBytes);
    const count = Math.ceil(bytes / batchBytes);
    this.#batches = Array.from({ length: count }, () => {
      builder.reset(Buffer.allocUnsafeSlow(batchBytes));
      return fillBatch(builder, payload);
    });
    this.batchBytes = this.#batches[0]!.length;
    this.recordsPerBatch = builder.recordCount;
  }

  /** The next batch; the one that comes first again was handed out longest ago. */
  next(): Buffer {
    const batch = this.#batches[this.#next]!;
    this.#next = (this.#next + 1) % this.#batches.length;
    return batch;
  }
}
