import type { Clock, Timer } from "../base/index.ts";
import { MillraceError } from "../errors/index.ts";
import type { BidiStream } from "./bidi-stream.ts";

/** Bytes given to the transport and not taken yet, above which the next delivery waits. */
const PENDING_BYTES_MAX = 1_048_576;
/** How long a stalled client has to hear why it is ended before its stream is reset. */
const RESET_DELAY_MS = 1_000;

const resolved = Promise.resolve();

/** How a DeliveryWriter works. */
export interface DeliveryWriterOptions {
  readonly clock: Clock;
  /** A client that takes nothing for so long, while something is pending, is ended with OVERLOADED. */
  readonly stallTimeoutMs: number;
  /** Resets the transport's stream, for clients that do not even take a status. */
  readonly reset: () => void;
  /** Told when the client begins or stops to keep the writer waiting. */
  readonly blocked: (blocked: boolean) => void;
}

/**
 * Writes deliveries with back-pressure in bytes: `write` resolves at once while little is pending, and otherwise
 * when the transport has taken enough or the stream is gone (grpc-js calls back for nothing after that).
 */
export class DeliveryWriter<Response> {
  readonly #stream: BidiStream<never, Response>;
  readonly #options: DeliveryWriterOptions;
  #pendingBytes = 0;
  #waiting: { promise: Promise<void>; resolve: () => void } | undefined;
  #stallTimer: Timer | undefined;

  constructor(stream: BidiStream<never, Response>, options: DeliveryWriterOptions) {
    this.#stream = stream;
    this.#options = options;
  }

  /** Bytes given to the transport and not taken yet. */
  get pendingBytes(): number {
    return this.#pendingBytes;
  }

  /** Writes; resolves when the next delivery may come. Never fails. */
  write(response: Response, bytes: number): Promise<void> {
    if (this.#stream.ended) return resolved;
    if (this.#pendingBytes === 0) this.#watch();
    this.#pendingBytes += bytes;
    this.#stream.write(response, () => this.#taken(bytes));
    return this.ready();
  }

  /** Resolves when the next delivery may come. */
  ready(): Promise<void> {
    if (this.#pendingBytes < PENDING_BYTES_MAX || this.#stream.ended) return resolved;
    if (this.#waiting === undefined) {
      let resolve = () => {};
      const promise = new Promise<void>((settle) => {
        resolve = settle;
      });
      this.#waiting = { promise, resolve };
      this.#options.blocked(true);
    }
    return this.#waiting.promise;
  }

  /** The stream is over: nobody waits any longer. */
  gone(): void {
    this.#pendingBytes = 0;
    this.#stallTimer?.cancel();
    this.#release();
  }

  #taken(bytes: number): void {
    this.#pendingBytes = Math.max(0, this.#pendingBytes - bytes);
    this.#stallTimer?.cancel();
    if (this.#pendingBytes > 0) this.#watch();
    if (this.#pendingBytes < PENDING_BYTES_MAX) this.#release();
  }

  #release(): void {
    const waiting = this.#waiting;
    if (waiting === undefined) return;
    this.#waiting = undefined;
    this.#options.blocked(false);
    waiting.resolve();
  }

  #watch(): void {
    const { clock, stallTimeoutMs } = this.#options;
    this.#stallTimer = clock.schedule(stallTimeoutMs, () => this.#stalled());
  }

  #stalled(): void {
    const { clock, stallTimeoutMs, reset } = this.#options;
    const text =
      `the reader has taken nothing for ${stallTimeoutMs} ms while ${this.#pendingBytes} bytes wait for it; ` +
      "subscribe again from the last offset received, and ask for less credit at a time";
    this.#stream.fail(new MillraceError("OVERLOADED", text, { details: { stalled_ms: stallTimeoutMs } }));
    // The status waits behind the bytes that are not taken: without a reset they would stay for ever.
    this.#stallTimer = clock.schedule(RESET_DELAY_MS, reset);
  }
}
