import type { Durability, ProducerStats } from "../api/producer.ts";
import type { OutgoingBatch } from "./outgoing-batch.ts";

/** Counts what a producer did. */
export class ProducerTally {
  records = 0;
  #recordsAcknowledged = 0;
  #recordsDurable = 0;
  #recordsFailed = 0;
  #batchesSent = 0;
  #bytesAcknowledged = 0;
  #retries = 0;

  sent(batch: OutgoingBatch): void {
    this.#batchesSent++;
    if (batch.tries > 1) this.#retries++;
  }

  succeeded(batch: OutgoingBatch, durability: Durability): void {
    this.#recordsAcknowledged += batch.recordCount;
    if (durability === "durable") this.#recordsDurable += batch.recordCount;
    this.#bytesAcknowledged += batch.encoded?.length ?? 0;
  }

  failed(recordCount: number): void {
    this.#recordsFailed += recordCount;
  }

  /** The counts now. */
  stats(bufferedBytes: number): ProducerStats {
    return {
      records: this.records,
      recordsAcknowledged: this.#recordsAcknowledged,
      recordsDurable: this.#recordsDurable,
      recordsFailed: this.#recordsFailed,
      batchesSent: this.#batchesSent,
      bytesAcknowledged: this.#bytesAcknowledged,
      retries: this.#retries,
      bufferedBytes,
    };
  }
}
