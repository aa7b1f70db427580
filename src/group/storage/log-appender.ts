import { MillraceError } from "../../errors/index.ts";
import { APPEND_BYTES_MAX, type GroupLog, type GroupRecord, RECORD_BYTES } from "../ports.ts";

/** Most bytes that may wait in one log for their append. */
const WAITING_BYTES_MAX = 16 * 1_048_576;
/** Bytes at which an append is long enough: what comes later goes into the next. */
const APPEND_BYTES_GOAL = 1_048_576;

/** Something to be stored in a group's log. Exactly one of `stored` and `failed` is called, in order of the queue. */
export interface Addition {
  /** Most bytes that its records can have, at most APPEND_BYTES_MAX. */
  readonly bytes: number;
  /**
   * The records, none if there is nothing to store. Called when it is the turn of this one: all that came before is
   * durable, or has failed, or goes into the same append, and fails or not with this.
   */
  records(): readonly GroupRecord[];
  stored(): void;
  failed(error: MillraceError): void;
}

/**
 * Appends to the log of some groups: one append is in flight, what comes meanwhile gathers and goes into the next.
 * Whatever one group stores is in the order in which it was given.
 */
export class LogAppender {
  readonly #log: GroupLog;
  #waiting: Addition[] = [];
  #waitingBytes = 0;
  #running: Promise<void> | undefined;

  constructor(log: GroupLog) {
    this.#log = log;
  }

  /** Whether so much more may wait. What has to be stored whatever waits may be given nevertheless. */
  hasRoom(bytes: number): boolean {
    return this.#waiting.length === 0 || this.#waitingBytes + bytes <= WAITING_BYTES_MAX;
  }

  add(addition: Addition): void {
    this.#waiting.push(addition);
    this.#waitingBytes += addition.bytes;
    this.#running ??= this.#run();
  }

  /** Resolves when everything that was added so far is stored or has failed. */
  settled(): Promise<void> {
    return new Promise((resolve) => {
      this.add({ bytes: 0, records: () => [], stored: resolve, failed: () => resolve() });
    });
  }

  /** Never throws: whatever goes wrong goes to those whose records they are. */
  async #run(): Promise<void> {
    // What is given in the same turn goes into one append.
    await undefined;
    while (this.#waiting.length > 0) {
      const taken = this.#take();
      const failure = await this.#append(taken);
      for (const addition of taken) {
        if (failure === undefined) addition.stored();
        else addition.failed(failure);
      }
    }
    this.#running = undefined;
  }

  #take(): Addition[] {
    let bytes = 0;
    let count = 0;
    for (const addition of this.#waiting) {
      if (count > 0 && bytes + addition.bytes > APPEND_BYTES_GOAL) break;
      bytes += addition.bytes;
      count++;
    }
    this.#waitingBytes -= bytes;
    return this.#waiting.splice(0, count);
  }

  async #append(additions: readonly Addition[]): Promise<MillraceError | undefined> {
    try {
      const records: GroupRecord[] = [];
      for (const addition of additions) for (const record of addition.records()) records.push(record);
      if (records.length > 0) await this.#log.append(records);
      return undefined;
    } catch (error) {
      return MillraceError.from(error);
    }
  }
}

/** Bytes of records as ports.ts counts them. */
export function bytesOfRecords(records: readonly GroupRecord[]): number {
  let bytes = 0;
  for (const { key, value } of records) bytes += RECORD_BYTES + key.length + (value?.length ?? 0);
  return bytes;
}

/** Refuses records that no append can hold. */
export function tooLargeForAppend(what: string, bytes: number): MillraceError {
  return new MillraceError(
    "INVALID_REQUEST",
    `${what} takes ${bytes} bytes, and the log of groups takes at most ${APPEND_BYTES_MAX} at once; use fewer partitions or members`,
    { details: { size: bytes, max: APPEND_BYTES_MAX } },
  );
}
