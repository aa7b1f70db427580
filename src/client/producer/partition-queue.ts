import { BATCH_HEADER_BYTES, recordSizeMax } from "../../record/index.ts";
import type { ProducerRecord } from "../api/producer.ts";
import type { BatchOwner, OutgoingBatch } from "./outgoing-batch.ts";
import { type BatchSource, PartitionSender } from "./partition-sender.ts";
import type { Collecting, ProducerHost } from "./producer-host.ts";

/**
 * Collects the records of one partition in batches. A batch is sent when it is full, or once it is due; while the
 * window of the sender is full, a due batch goes on collecting.
 */
export class PartitionQueue implements BatchSource, BatchOwner, Collecting {
  readonly topic: string;
  readonly partition: number;
  readonly #host: ProducerHost;
  readonly #sender: PartitionSender;
  /** Full, in order. */
  #full: OutgoingBatch[] = [];
  #open: OutgoingBatch | undefined;
  #isDue = false;

  constructor(host: ProducerHost, topic: string, partition: number) {
    this.#host = host;
    this.topic = topic;
    this.partition = partition;
    this.#sender = new PartitionSender(host, this);
  }

  /** The batch that is collecting. */
  get open(): OutgoingBatch | undefined {
    return this.#open;
  }

  /** Whether nothing keeps its batches from being sent. */
  get isFlowing(): boolean {
    return this.#sender.isFlowing;
  }

  /** Encodes a record into the open batch and returns that. If it does not fit, the batch is full and sent. */
  extend(record: ProducerRecord, timestampMs: number): OutgoingBatch | undefined {
    const open = this.#open;
    if (open === undefined) return undefined;
    if (open.builder.append(record.key, record.value, timestampMs, record.headers)) return open;
    this.#closeOpen();
    return undefined;
  }

  /**
   * Encodes a record into a new batch, while none is open, and returns that; undefined if there is no room for it.
   * `bytesMax` is the topic's limit for one batch. Throws BATCH_TOO_LARGE and INVALID_REQUEST.
   */
  begin(record: ProducerRecord, timestampMs: number, bytesMax: number): OutgoingBatch | undefined {
    const { key, value, headers } = record;
    const batch = this.#host.openBatch(this, this.#bytesFor(recordSizeMax(key, value, headers), bytesMax));
    if (batch === undefined) return undefined;
    try {
      batch.builder.append(key, value, timestampMs, headers);
    } catch (thrown) {
      this.#host.discardBatch(batch);
      throw thrown;
    }
    this.#open = batch;
    this.#isDue = false;
    this.#host.collecting(this);
    return batch;
  }

  /** The open batch has waited long enough: sends it as soon as the window allows. */
  due(): void {
    if (this.#open === undefined) return;
    this.#isDue = true;
    this.#sender.dispatch();
  }

  next(): OutgoingBatch | undefined {
    const full = this.#full.shift();
    if (full !== undefined || !this.#isDue) return full;
    const open = this.#open;
    this.#open = undefined;
    this.#isDue = false;
    return open;
  }

  /** Gives a batch up that took too long. */
  expire(batch: OutgoingBatch): void {
    if (this.#sender.expire(batch)) return;
    if (batch === this.#open) {
      this.#open = undefined;
      this.#isDue = false;
    } else {
      this.#full = this.#full.filter((other) => other !== batch);
    }
    this.#host.failed(batch, this.#sender.timedOut());
  }

  #closeOpen(): void {
    this.#full.push(this.#open!);
    this.#open = undefined;
    this.#isDue = false;
    this.#sender.dispatch();
  }

  /** Usually `batchBytes`; a record that is larger has a batch of its own, up to the topic's limit. */
  #bytesFor(recordBytes: number, bytesMax: number): number {
    const usual = Math.min(this.#host.settings.batchBytes, bytesMax);
    return BATCH_HEADER_BYTES + recordBytes <= usual ? usual : bytesMax;
  }
}
