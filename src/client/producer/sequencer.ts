import type { ProducerIdentity } from "../cluster/cluster.ts";
import type { OutgoingBatch } from "./outgoing-batch.ts";
import type { ProducerHost } from "./producer-host.ts";

/** Sequences are int32 in the batch header; before they run out a fresh identity starts again from 0. */
const SEQUENCE_MAX = 0x7fff_ffff;

/**
 * Numbers the records of one partition for the broker's check of duplicates and gaps. A batch that may have been
 * appended keeps its number when it is sent again; one that certainly was not leaves it to the next.
 */
export class Sequencer {
  readonly #host: ProducerHost;
  #identity: ProducerIdentity | undefined;
  #next = 0;
  #needsFresh = false;

  constructor(host: ProducerHost) {
    this.#host = host;
  }

  /** Whether batches can be stamped now. If not, `prepare` first, while nothing is under way. */
  get isReady(): boolean {
    if (!this.#host.settings.isIdempotent) return true;
    if (this.#needsFresh) return false;
    this.#identity ??= this.#host.sharedIdentity;
    return this.#identity !== undefined;
  }

  /** Gets an identity if one is needed. Throws what the call throws. */
  async prepare(): Promise<void> {
    if (this.isReady) return;
    this.#identity = this.#needsFresh
      ? await this.#host.obtainFreshIdentity()
      : await this.#host.obtainSharedIdentity();
    if (this.#needsFresh) this.#next = 0;
    this.#needsFresh = false;
  }

  /** Stamps a batch with the next number and returns its bytes. */
  stamp(batch: OutgoingBatch): Buffer {
    if (!this.#host.settings.isIdempotent) return batch.encode(undefined, undefined);
    const bytes = batch.encode(this.#identity, this.#next);
    this.#next += batch.recordCount;
    return bytes;
  }

  /** Whether the numbers reach for the batch. If not, a fresh identity is needed. */
  reachesFor(batch: OutgoingBatch): boolean {
    return this.#next <= SEQUENCE_MAX - batch.recordCount;
  }

  /** Goes back to the number of a batch that was not acknowledged. */
  rewindTo(batch: OutgoingBatch): void {
    this.#next = batch.baseSequence ?? this.#next;
  }

  /** Whether the broker appended the last numbers is unknown: starts anew under another identity. */
  startAnew(): void {
    this.#needsFresh = true;
  }
}
