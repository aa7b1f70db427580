/** How much a broker may send ahead. */
export interface Credit {
  readonly records: number;
  readonly bytes: number;
}

/** Credit is given back in portions of this part of the limit: a command for each delivery would be noise. */
const PORTIONS = 4;

/**
 * Keeps the books of what one broker may still send: what is held here and not yet taken by the program counts against
 * the limit, over reconnections as well.
 */
export class PrefetchCredit {
  readonly #limit: Credit;
  #heldRecords = 0;
  #heldBytes = 0;
  #owedRecords = 0;
  #owedBytes = 0;

  constructor(limit: Credit) {
    this.#limit = limit;
  }

  /** A delivery arrived. */
  received(charge: Credit): void {
    this.#heldRecords += charge.records;
    this.#heldBytes += charge.bytes;
  }

  /** A delivery was taken by the program, or dropped. */
  taken(charge: Credit): void {
    this.#heldRecords -= charge.records;
    this.#heldBytes -= charge.bytes;
    this.#owedRecords += charge.records;
    this.#owedBytes += charge.bytes;
  }

  /** The credit for a new stream. */
  opening(): Credit {
    this.#owedRecords = 0;
    this.#owedBytes = 0;
    return {
      records: Math.max(0, this.#limit.records - this.#heldRecords),
      bytes: Math.max(0, this.#limit.bytes - this.#heldBytes),
    };
  }

  /** The credit to give back now; undefined while it is not worth a command. */
  due(): Credit | undefined {
    const isDue =
      this.#owedBytes * PORTIONS >= this.#limit.bytes || this.#owedRecords * PORTIONS >= this.#limit.records;
    if (!isDue) return undefined;
    const credit = { records: this.#owedRecords, bytes: this.#owedBytes };
    this.#owedRecords = 0;
    this.#owedBytes = 0;
    return credit;
  }
}
