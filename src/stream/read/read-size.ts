/** An index entry of a log leads to a place so far before the record at most, and one batch more. */
const INDEX_STEP_BYTES = 4_096;
const BYTES_MIN = 8_192;
const BYTES_MAX = 262_144;
/** Bytes for each more event of a group. */
const BYTES_MORE = 512;
/** How fast a larger size is forgotten. */
const DECAY = 1 / 64;
/** How fast the mean size of events follows. */
const EVENT_SHARE = 1 / 16;

/** How much of a partition's log to read for events, so that one read suffices and none too many: learnt from those met. */
export class ReadSize {
  #batchBytes = INDEX_STEP_BYTES;
  /** Undefined before the first. */
  #eventBytes: number | undefined;

  /** For a group of so many events. */
  bytesFor(eventCount: number): number {
    const bytes = INDEX_STEP_BYTES + 2 * this.#batchBytes + BYTES_MORE * eventCount;
    return Math.min(BYTES_MAX, Math.max(BYTES_MIN, Math.ceil(bytes / INDEX_STEP_BYTES) * INDEX_STEP_BYTES));
  }

  /** How many events fit so many bytes, about: at least 1, and no more as long as none is known. */
  eventsIn(bytes: number): number {
    return Math.max(1, Math.floor(bytes / (this.#eventBytes ?? bytes)));
  }

  /** Whether an event is likely to fit so many bytes. */
  isRoom(bytes: number): boolean {
    return bytes >= (this.#eventBytes ?? 0);
  }

  /** Notes the size of an event. */
  metEvent(bytes: number): void {
    this.#eventBytes ??= bytes;
    this.#eventBytes += (bytes - this.#eventBytes) * EVENT_SHARE;
  }

  /** Notes the size of a batch in which an event was. */
  met(batchBytes: number): void {
    if (batchBytes >= this.#batchBytes) this.#batchBytes = batchBytes;
    else this.#batchBytes += (batchBytes - this.#batchBytes) * DECAY;
  }
}
