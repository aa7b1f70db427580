import type { ProducerIdentity } from "../cluster/cluster.ts";
import type { OutgoingBatch } from "./outgoing-batch.ts";
import type { ProducerHost } from "./producer-host.ts";

/** Sequences are int32 in the batch header; before they run out a fresh identity starts again from 0. */
const SEQUENCE_MAX = 0x7fff_ffff;

/**
 * Numbers the records of one partition for the broker's check of duplicates and gaps. Numbers are never used twice: a
 * batch keeps its number over all tries, and where a batch was given up, and so a gap is left, the following get a fresh
 * identity. Only a batch that may have been appended keeps its old identity then, or it could be appended twice.
 */
export class Sequencer {
  readonly #host: ProducerHost;
  #identity: ProducerIdentity | undefined;
  #next = 0;
  #needsFresh = false;

  constructor(host: ProducerHost) {
    this.#host = host;
  }

  /** Whether the batch can be stamped now. If not, `prepare` first, while nothing is under way. */
  canStamp(batch: OutgoingBatch): boolean {
    if (!this.#host.settings.isIdempotent || keepsStamp(batch)) return true;
    if (this.#next > SEQUENCE_MAX - batch.recordCount) this.#needsFresh = true;
    if (this.#needsFresh) return false;
    this.#identity ??= this.#host.sharedIdentity;
    return this.#identity !== undefined;
  }

  /** Gets an identity if one is needed. Throws what the call throws. */
  async prepare(): Promise<void> {
    if (!this.#host.settings.isIdempotent) return;
    if (this.#needsFresh) {
      this.#identity = await this.#host.obtainFreshIdentity();
      this.#next = 0;
      this.#needsFresh = false;
    } else {
      this.#identity ??= await this.#host.obtainSharedIdentity();
    }
  }

  /** Stamps a batch and returns its bytes. */
  stamp(batch: OutgoingBatch): Buffer {
    if (!this.#host.settings.isIdempotent) return batch.encode(undefined, undefined);
    if (keepsStamp(batch)) return batch.encode(batch.identity, batch.baseSequence);
    if (batch.identity === this.#identity) return batch.encode(batch.identity, batch.baseSequence);
    const bytes = batch.encode(this.#identity, this.#next);
    this.#next += batch.recordCount;
    return bytes;
  }

  /** Whether a batch bears the present identity: its acknowledgement says that the broker knows it. */
  isCurrent(batch: OutgoingBatch): boolean {
    return batch.identity === this.#identity && !this.#needsFresh;
  }

  /** A number will never be appended, or the broker counts differently: goes on under a fresh identity. */
  startAnew(): void {
    this.#needsFresh = true;
  }
}

function keepsStamp(batch: OutgoingBatch): boolean {
  return batch.mayBeAppended && batch.identity !== undefined;
}
