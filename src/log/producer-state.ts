/**
 * Which batches of which producers this log has: the newest 32 of each producer id, so that a retry is answered with
 * the first offsets and a gap is refused. Kafka (ProducerStateEntry) keeps five, which bounds what a producer may have
 * under way; durable acks over gRPC need more to fill the time of a flush.
 *
 * Held in memory, and restored at a start from a snapshot and the batches behind it (producer-snapshots.ts). A producer
 * id that is not known may begin with any sequence: its earlier batches may have been deleted.
 */
import { MillraceError } from "../errors/index.ts";
import type { BatchHeader } from "../record/index.ts";
import type { Evictable, LruBudget } from "./lru-budget.ts";
import type { KnownBatch, Producer } from "./producer-snapshot.ts";

const BATCHES_KEPT = 32;
/** What a producer and each of its batches are charged: about what V8 takes for them. */
const PRODUCER_BYTES = 256;
const BATCH_BYTES = 96;
const SEQUENCE_MODULUS = 2 ** 31;

/** A producer in the books of one log; the budget may ask it to be forgotten. */
class KnownProducer implements Evictable {
  readonly #producers: Map<number, KnownProducer>;
  readonly #id: number;
  producer: Producer;

  constructor(producers: Map<number, KnownProducer>, id: number, producer: Producer) {
    this.#producers = producers;
    this.#id = id;
    this.producer = producer;
  }

  evict(): void {
    this.#producers.delete(this.#id);
  }

  get bytes(): number {
    return PRODUCER_BYTES + BATCH_BYTES * this.producer.batches.length;
  }
}

/** What to do with a batch: append it, or answer with the offsets it has already. */
export type SequenceVerdict = { readonly duplicateOf: KnownBatch } | undefined;

export class ProducerState {
  /** Bounds the memory of all logs for this: the producers idle for longest are forgotten. */
  readonly #budget: LruBudget;
  /** After being idle for so long a producer sends no retry any more; its id may be forgotten. */
  readonly #expirationMs: number;
  readonly #producers = new Map<number, KnownProducer>();
  /** Producers as they will be once the write under way has succeeded. */
  readonly #staged = new Map<number, Producer>();
  #bytesSinceSnapshot = 0;

  constructor(budget: LruBudget, expirationMs: number) {
    this.#budget = budget;
    this.#expirationMs = expirationMs;
  }

  get producerCount(): number {
    return this.#producers.size;
  }

  /**
   * Checks a batch against what is known and staged. Undefined: append it. Throws PRODUCER_FENCED for an epoch below
   * the newest, OUT_OF_ORDER_SEQUENCE for a gap or for a retry too old to be remembered.
   */
  check(header: BatchHeader, nowMs: number): SequenceVerdict {
    const claim = claimOf(header);
    const known = claim && this.#known(claim.producerId, nowMs);
    if (claim === undefined || known === undefined) return undefined;
    const { producerId, epoch, first, last } = claim;
    if (epoch < known.epoch) throw fenced(producerId, known.epoch, epoch);
    if (epoch > known.epoch) {
      if (first !== 0) throw outOfOrder(producerId, 0, first);
      return undefined;
    }
    const same = known.batches.find((batch) => batch.firstSequence === first && batch.lastSequence === last);
    if (same !== undefined) return { duplicateOf: same };
    const expected = (known.batches.at(-1)!.lastSequence + 1) % SEQUENCE_MODULUS;
    if (first !== expected) throw outOfOrder(producerId, expected, first);
    return undefined;
  }

  /** Notes a checked batch that is about to be written, or that the log was found to have. */
  stage(header: BatchHeader, baseOffset: number, nowMs: number): void {
    this.#bytesSinceSnapshot += header.sizeInBytes;
    const claim = claimOf(header);
    if (claim === undefined) return;
    const { producerId, epoch, first, last } = claim;
    const known = this.#known(producerId, nowMs);
    const isSameEpoch = known !== undefined && known.epoch === epoch;
    const batches = isSameEpoch ? known.batches.slice(-(BATCHES_KEPT - 1)) : [];
    const timestampMs = header.maxTimestampMs;
    batches.push({ firstSequence: first, lastSequence: last, baseOffset, timestampMs });
    this.#staged.set(producerId, { epoch, lastUsedMs: nowMs, batches });
  }

  /** The write succeeded: what was staged is known. */
  commit(): void {
    for (const [producerId, producer] of this.#staged) this.#note(producerId, producer);
    this.#staged.clear();
  }

  /** The write failed: what was staged never was. */
  discard(): void {
    this.#staged.clear();
  }

  /** Forgets all. */
  clear(): void {
    for (const known of this.#producers.values()) this.#budget.forget(known);
    this.#producers.clear();
    this.#staged.clear();
  }

  /** Bytes of batches noted since the last snapshot was taken or restored. */
  get bytesSinceSnapshot(): number {
    return this.#bytesSinceSnapshot;
  }

  /** What is known now, without the producers that have expired. */
  takeSnapshot(nowMs: number): Map<number, Producer> {
    this.#bytesSinceSnapshot = 0;
    const producers = new Map<number, Producer>();
    for (const [producerId, { producer }] of this.#producers) {
      if (!this.#isExpired(producer, nowMs)) producers.set(producerId, producer);
    }
    return producers;
  }

  /** Base offsets of the newest batch of each producer. */
  newestBaseOffsets(): Set<number> {
    const offsets = new Set<number>();
    for (const { producer } of this.#producers.values()) offsets.add(producer.batches.at(-1)!.baseOffset);
    return offsets;
  }

  /** Takes over what a snapshot knew; the budget forgets those first that were idle for longest. */
  restore(producers: ReadonlyMap<number, Producer>): void {
    this.#bytesSinceSnapshot = 0;
    const byUse = [...producers].sort(([, a], [, b]) => a.lastUsedMs - b.lastUsedMs);
    for (const [producerId, producer] of byUse) this.#note(producerId, producer);
  }

  #note(producerId: number, producer: Producer): void {
    const known = this.#producers.get(producerId) ?? new KnownProducer(this.#producers, producerId, producer);
    known.producer = producer;
    this.#producers.set(producerId, known);
    this.#budget.touch(known, known.bytes);
  }

  #known(producerId: number, nowMs: number): Producer | undefined {
    const producer = this.#staged.get(producerId) ?? this.#producers.get(producerId)?.producer;
    return producer === undefined || this.#isExpired(producer, nowMs) ? undefined : producer;
  }

  #isExpired({ lastUsedMs }: Producer, nowMs: number): boolean {
    return nowMs - lastUsedMs >= this.#expirationMs;
  }
}

/** What an idempotent batch says of itself. */
interface Claim {
  readonly producerId: number;
  readonly epoch: number;
  readonly first: number;
  readonly last: number;
}

/** Undefined for a batch without producer id. Sequences run from 0 to 2^31 − 1 and wrap to 0. */
function claimOf(header: BatchHeader): Claim | undefined {
  const { producerId, producerEpoch, baseSequence, lastOffsetDelta } = header;
  if (producerId === undefined || producerEpoch === undefined || baseSequence === undefined) return undefined;
  const last = (baseSequence + lastOffsetDelta) % SEQUENCE_MODULUS;
  return { producerId, epoch: producerEpoch, first: baseSequence, last };
}

function fenced(producerId: number, expected: number, actual: number): MillraceError {
  return new MillraceError(
    "PRODUCER_FENCED",
    `producer ${producerId} has epoch ${expected}, this batch is of epoch ${actual}: another producer took over the id; get a new one with InitProducerId`,
    { details: { producer_id: producerId, expected, actual } },
  );
}

function outOfOrder(producerId: number, expected: number, actual: number): MillraceError {
  return new MillraceError(
    "OUT_OF_ORDER_SEQUENCE",
    `producer ${producerId} sent sequence ${actual} where ${expected} follows: a batch before it is missing; send that first or get a new producer id`,
    { details: { producer_id: producerId, expected, actual } },
  );
}
