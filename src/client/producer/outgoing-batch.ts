import type { MillraceError } from "../../errors/index.ts";
import { type BatchBuilder, readMaxTimestamp } from "../../record/index.ts";
import type { Durability } from "../api/producer.ts";
import type { ProducerIdentity } from "../cluster/cluster.ts";

/** The receipt of a batch. */
export interface BatchReceipt {
  readonly baseOffset: number;
  /** The append time, where the topic stamps that; else undefined, and each record has its own. */
  readonly appendTimeMs: number | undefined;
  readonly durability: Durability;
  readonly duplicate: boolean;
}

/** Where a batch belongs. */
export interface BatchOwner {
  readonly topic: string;
  readonly partition: number;
  /** Gives the batch up, wherever it is. */
  expire(batch: OutgoingBatch): void;
}

/** A batch on its way: collecting, waiting, under way, settled. Its bytes stay the same across retries. */
export class OutgoingBatch {
  readonly owner: BatchOwner;
  readonly builder: BatchBuilder;
  /** Most bytes the builder takes. */
  readonly bytesMax: number;
  /** When its first record came, on the monotonic clock. */
  readonly createdMs: number;
  /** When it is given up, on the monotonic clock. */
  readonly expiresMs: number;
  /** Records that came by `write`, whose failure nobody else hears of. */
  writtenRecords = 0;
  /** Times it was sent. */
  tries = 0;
  /** Times that metadata was asked for again because of it. */
  refreshes = 0;
  /** A try ended without an answer: the broker may have appended it. */
  mayBeAppended = false;
  /** The stamped bytes, once it was sent. */
  encoded: Buffer | undefined;
  /** Under which identity and number it was sent last. */
  identity: ProducerIdentity | undefined;
  baseSequence: number | undefined;
  #deferred: PromiseWithResolvers<BatchReceipt> | undefined;

  constructor(
    owner: BatchOwner,
    memory: { readonly builder: BatchBuilder; readonly bytesMax: number },
    times: { readonly createdMs: number; readonly expiresMs: number },
  ) {
    this.owner = owner;
    this.builder = memory.builder;
    this.bytesMax = memory.bytesMax;
    this.createdMs = times.createdMs;
    this.expiresMs = times.expiresMs;
  }

  get recordCount(): number {
    return this.builder.recordCount;
  }

  /** Settles with the batch. One promise for all its records, made when somebody asks. */
  get settled(): Promise<BatchReceipt> {
    this.#deferred ??= withResolvers();
    return this.#deferred.promise;
  }

  /** The bytes to send under an identity and sequence; undefined for both without idempotence. */
  encode(identity: ProducerIdentity | undefined, baseSequence: number | undefined): Buffer {
    if (this.encoded && this.identity === identity && this.baseSequence === baseSequence) return this.encoded;
    this.identity = identity;
    this.baseSequence = baseSequence;
    this.encoded = this.builder.build({
      ...identity,
      ...(baseSequence === undefined ? {} : { baseSequence }),
    });
    return this.encoded;
  }

  /** Largest timestamp of its records. Only of an encoded batch. */
  get maxTimestampMs(): number {
    return readMaxTimestamp(this.encoded!, 0);
  }

  succeed(receipt: BatchReceipt): void {
    this.#deferred?.resolve(receipt);
  }

  fail(error: MillraceError): void {
    this.#deferred?.reject(error);
  }
}

interface PromiseWithResolvers<Value> {
  readonly promise: Promise<Value>;
  readonly resolve: (value: Value) => void;
  readonly reject: (reason: unknown) => void;
}

/** As Promise.withResolvers, which Node 20 lacks. */
function withResolvers<Value>(): PromiseWithResolvers<Value> {
  let resolve!: (value: Value) => void;
  let reject!: (reason: unknown) => void;
  const promise = new Promise<Value>((onResolve, onReject) => {
    resolve = onResolve;
    reject = onReject;
  });
  return { promise, resolve, reject };
}
