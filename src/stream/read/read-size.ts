/** An index entry of a log leads to a place so far before the record at most, and one batch more. */
const INDEX_STEP_BYTES = 4_096;
const BYTES_MIN = 8_192;
const BYTES_MAX = 262_144;
/** Bytes for each more event of a group. */
const BYTES_MORE = 512;
/** How fast a larger size is forgotten. */
const DECAY = 1 / 64;

/** How much of a partition's log to read for one event, so that one read suffices: learnt from the batches met. */
export class ReadSize {
  #batchBytes = INDEX_STEP_BYTES;

  /** For a group of so many events. */
  bytesFor(eventCount: number): number {
    const bytes = INDEX_STEP_BYTES + 2 * this.#batchBytes + BYTES_MORE * eventCount;
    return Math.min(BYTES_MAX, Math.max(BYTES_MIN, Math.ceil(bytes / INDEX_STEP_BYTES) * INDEX_STEP_BYTES));
  }

  /** Notes the size of a batch in which an event was. */
  met(batchBytes: number): void {
    if (batchBytes >= this.#batchBytes) this.#batchBytes = batchBytes;
    else this.#batchBytes += (batchBytes - this.#batchBytes) * DECAY;
  }
}
