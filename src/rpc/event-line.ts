import type { DeliveryWriter } from "./delivery-writer.ts";

/** Most events of one stream that wait for those before them. */
const WAITING_MAX = 1_024;

/**
 * Writes what comes from several sides to one stream, in the order in which it came: each waits until the transport has
 * room after the one before. A client that lets too many wait is evicted.
 */
export class EventLine<Response> {
  readonly #writer: DeliveryWriter<Response>;
  #waiting = 0;
  #last: Promise<void> = Promise.resolve();

  constructor(writer: DeliveryWriter<Response>) {
    this.#writer = writer;
  }

  /** Writes an event in its turn; resolves when the next one may come. Never fails. */
  event(response: Response, bytes: number): Promise<void> {
    return this.#inTurn(() => this.#writer.writeUnreserved(response, bytes));
  }

  /** Writes a delivery in its turn, in the room that was taken for it. */
  delivery(response: Response, bytes: number, taken: (() => void) | undefined): Promise<void> {
    return this.#inTurn(() => this.#writer.write(response, bytes, taken));
  }

  /** Resolves when all that came so far was given to the transport, or the stream is gone. */
  get emptied(): Promise<void> {
    return this.#last;
  }

  #inTurn(write: () => Promise<void>): Promise<void> {
    const isNext = this.#waiting === 0;
    const written = isNext ? write() : this.#last.then(write);
    if (isNext && !this.#writer.isBlocked) return written;
    if (++this.#waiting > WAITING_MAX) this.#writer.evict();
    this.#last = written.then(() => {
      this.#waiting--;
    });
    return this.#last;
  }
}
