import { afterTurn, type Clock, type Random, type Timer } from "../../base/index.ts";
import { MillraceError } from "../../errors/index.ts";
import type { FailedRecords } from "../api/producer.ts";
import type { Cluster, ProducerIdentity } from "../cluster/cluster.ts";
import type { TopicMetadata } from "../cluster/topic-metadata.ts";
import { BuilderPool } from "./builder-pool.ts";
import { type BatchOwner, type BatchReceipt, OutgoingBatch } from "./outgoing-batch.ts";
import type { Collecting, ProducerHost } from "./producer-host.ts";
import type { ProducerSettings } from "./producer-settings.ts";
import { ProducerTally } from "./producer-tally.ts";
import { PublishStream } from "./publish-stream.ts";

/** What the core tells its producer. */
export interface CoreEvents {
  /** A builder is free again. */
  onRoom(): void;
  /** A batch was given up. */
  onFailed(batch: OutgoingBatch, error: MillraceError): void;
  /** Metadata was asked for again. */
  onMetadata(metadata: TopicMetadata): void;
}

/** What the partitions of a producer share: memory, streams, identity, timers and counts. */
export class ProducerCore implements ProducerHost {
  readonly settings: ProducerSettings;
  readonly clock: Clock;
  readonly random: Random;
  readonly tally = new ProducerTally();
  readonly #cluster: Cluster;
  readonly #events: CoreEvents;
  readonly #pool: BuilderPool;
  /** By endpoint. */
  readonly #streams = new Map<string, PublishStream>();
  /** All that are neither acknowledged nor given up, oldest first. */
  readonly #outstanding = new Set<OutgoingBatch>();
  #sweep: Timer | undefined;
  /** Queues that began a batch in this turn of the event loop. */
  #collecting: Collecting[] = [];
  #identity: ProducerIdentity | undefined;
  #identityAsked: Promise<ProducerIdentity> | undefined;

  constructor(cluster: Cluster, settings: ProducerSettings, events: CoreEvents) {
    this.#cluster = cluster;
    this.settings = settings;
    this.clock = cluster.clock;
    this.random = cluster.random;
    this.#events = events;
    this.#pool = new BuilderPool(settings);
  }

  /** Whether a new batch could be begun. */
  get hasRoom(): boolean {
    return this.#pool.hasRoom;
  }

  get bufferedBytes(): number {
    return this.#pool.bytesInUse;
  }

  /** Batches that are neither acknowledged nor given up. */
  get outstanding(): readonly OutgoingBatch[] {
    return [...this.#outstanding];
  }

  /** Ends the streams. Only when nothing is outstanding. */
  close(): void {
    for (const stream of this.#streams.values()) stream.close();
    this.#streams.clear();
  }

  openBatch(owner: BatchOwner, bytesMax: number): OutgoingBatch | undefined {
    const builder = this.#pool.acquire(bytesMax);
    if (builder === undefined) return undefined;
    const createdMs = this.clock.monotonicMs();
    const expiresMs = createdMs + this.settings.deliveryTimeoutMs;
    const batch = new OutgoingBatch(owner, { builder, bytesMax }, { createdMs, expiresMs });
    this.#outstanding.add(batch);
    if (this.#sweep === undefined) this.#watch(batch);
    return batch;
  }

  discardBatch(batch: OutgoingBatch): void {
    this.#release(batch);
  }

  collecting(queue: Collecting): void {
    const { lingerMs } = this.settings;
    if (lingerMs > 0) {
      const batch = queue.open;
      this.clock.schedule(lingerMs, () => queue.open === batch && queue.due(), "keep-alive");
      return;
    }
    if (this.#collecting.length === 0) afterTurn(() => this.#endTurn());
    this.#collecting.push(queue);
  }

  streamTo(topic: string, partition: number): PublishStream {
    const metadata = this.#cluster.metadata.peek(topic);
    if (metadata === undefined) {
      const text = `the leader of partition ${partition} of topic "${topic}" is not known yet`;
      throw new MillraceError("NOT_LEADER", text, { details: { topic, partition } });
    }
    if (this.#cluster.metadata.isOld(topic)) {
      this.refresh(topic).catch((thrown) => this.retrying(MillraceError.from(thrown)));
    }
    const connection = this.#cluster.leader(metadata, partition);
    const present = this.#streams.get(connection.endpoint);
    if (present?.isOpen) return present;
    const stream = new PublishStream(connection, (ended) => {
      if (this.#streams.get(connection.endpoint) === ended) this.#streams.delete(connection.endpoint);
    });
    this.#streams.set(connection.endpoint, stream);
    return stream;
  }

  async refresh(topic: string): Promise<void> {
    this.#events.onMetadata(await this.#cluster.metadata.refresh(topic));
  }

  get sharedIdentity(): ProducerIdentity | undefined {
    return this.#identity;
  }

  async obtainSharedIdentity(): Promise<ProducerIdentity> {
    this.#identityAsked ??= this.#cluster.initProducerId();
    try {
      this.#identity = await this.#identityAsked;
      return this.#identity;
    } finally {
      this.#identityAsked = undefined;
    }
  }

  obtainFreshIdentity(): Promise<ProducerIdentity> {
    return this.#cluster.initProducerId();
  }

  sent(batch: OutgoingBatch): void {
    batch.tries++;
    this.tally.sent(batch);
  }

  retrying(error: MillraceError): void {
    const { onRetry } = this.settings;
    if (onRetry) queueMicrotask(() => onRetry(error));
  }

  /** Tells the program of records that were given up; apart, so that what it throws breaks nothing here. */
  tellFailed(failed: FailedRecords): void {
    const { onError } = this.settings;
    if (onError) queueMicrotask(() => onError(failed));
  }

  succeeded(batch: OutgoingBatch, receipt: BatchReceipt): void {
    this.tally.succeeded(batch, receipt.durability);
    this.#release(batch);
    batch.succeed(receipt);
    this.#events.onRoom();
  }

  failed(batch: OutgoingBatch, error: MillraceError): void {
    this.tally.failed(batch.recordCount);
    this.#events.onFailed(batch, error);
    this.#release(batch);
    batch.fail(error);
    this.#events.onRoom();
  }

  #release(batch: OutgoingBatch): void {
    this.#outstanding.delete(batch);
    if (this.#outstanding.size === 0) {
      this.#sweep?.cancel();
      this.#sweep = undefined;
    }
    // What was lost with its stream may still be looked at by the transport.
    this.#pool.release(batch.builder, batch.bytesMax, batch.encoded, !batch.mayBeAppended);
  }

  #endTurn(): void {
    const queues = this.#collecting;
    this.#collecting = [];
    for (const queue of queues) queue.due();
  }

  /** Keeps the process alive while something is outstanding, and gives up what takes too long. */
  #watch(oldest: OutgoingBatch): void {
    const delayMs = Math.max(0, Math.ceil(oldest.expiresMs - this.clock.monotonicMs()));
    this.#sweep = this.clock.schedule(delayMs, () => this.#giveUpExpired(), "keep-alive");
  }

  #giveUpExpired(): void {
    this.#sweep = undefined;
    const now = this.clock.monotonicMs();
    for (const batch of this.outstanding) {
      if (batch.expiresMs > now) break;
      batch.owner.expire(batch);
    }
    const oldest = this.#outstanding.values().next().value;
    if (oldest !== undefined) this.#watch(oldest);
  }
}
