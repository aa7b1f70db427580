import type { Clock, Timer } from "../base/index.ts";
import type { ReadRoom } from "../broker/index.ts";
import { MillraceError } from "../errors/index.ts";
import type { Hold, Reservation, SendBudget } from "./send-budget.ts";

/** Bytes given to the transport and not taken yet, above which the next delivery of a stream waits. */
const PENDING_BYTES_MAX = 1_048_576;
/** How long an evicted client has to hear why before its stream is reset. */
const RESET_DELAY_MS = 1_000;

const resolved = Promise.resolve();

/** Where deliveries are written. */
export interface DeliveryStream<Response> {
  /** Its status is decided, or it is gone. */
  readonly ended: boolean;
  /** Calls back when the transport took it, which never happens if the client is gone. */
  write(response: Response, written: () => void): void;
  fail(error: MillraceError): void;
}

/** What a DeliveryWriter needs. */
export interface DeliveryWriterOptions {
  readonly clock: Clock;
  /** Shared by all streams; its stall timeout ends clients that take nothing. */
  readonly budget: SendBudget;
  /** Resets the transport's stream, for clients that do not even take a status. */
  readonly reset: () => void;
  /** Told when this client, or others that spent the budget, begin or stop to keep the writer waiting. */
  readonly blocked: (blocked: boolean) => void;
}

/**
 * Writes deliveries with back-pressure in bytes: `write` resolves at once while little is pending, and otherwise
 * when the transport has taken enough or the stream is gone (grpc-js calls back for nothing after that).
 */
export class DeliveryWriter<Response> {
  readonly #stream: DeliveryStream<Response>;
  readonly #options: DeliveryWriterOptions;
  readonly #holds = new Set<Hold>();
  #reservation: Reservation | undefined;
  #pendingBytes = 0;
  #waiting: { readonly promise: Promise<void>; readonly resolve: () => void } | undefined;
  #isWaitingForRoom = false;
  #resetTimer: Timer | undefined;

  constructor(stream: DeliveryStream<Response>, options: DeliveryWriterOptions) {
    this.#stream = stream;
    this.#options = options;
  }

  /** Room in the budget for what is read for the next delivery, in the queue of those who write. */
  readonly room: ReadRoom = {
    take: async (bytes) => {
      // Nothing more is delivered: whoever reads on would read for nobody until the transport ends the call.
      if (this.#stream.ended) throw new MillraceError("CANCELLED", "the stream has ended");
      this.#reservation = this.#options.budget.reserve(bytes);
      await this.#reservation.granted;
    },
    giveBack: () => {
      this.#reservation?.release();
      this.#reservation = undefined;
    },
  };

  /**
   * Writes, in the room that was taken if any was; resolves when the next delivery may come. Never fails. Calls must
   * not overlap. `taken` is called when the transport needs the bytes of the response no longer, unless the stream
   * ends before.
   */
  write(response: Response, bytes: number, taken?: () => void): Promise<void> {
    if (this.#stream.ended) {
      this.room.giveBack();
      return resolved;
    }
    const reservation = this.#reservation;
    this.#reservation = undefined;
    if (reservation === undefined) return this.writeUnreserved(response, bytes, taken);
    return this.#write(response, bytes, reservation.hold(bytes, this.evict), taken);
  }

  /** As `write`, in room of its own: room that was taken stays for the delivery that it was taken for. */
  writeUnreserved(response: Response, bytes: number, taken?: () => void): Promise<void> {
    if (this.#stream.ended) return resolved;
    const hold = this.#options.budget.holdOrWait(bytes, this.evict);
    if (!(hold instanceof Promise)) return this.#write(response, bytes, hold, taken);
    this.#isWaitingForRoom = true;
    this.#options.blocked(true);
    return hold.then((granted) => {
      this.#isWaitingForRoom = false;
      const ready = this.#write(response, bytes, granted, taken);
      if (this.#waiting === undefined) this.#options.blocked(false);
      return ready;
    });
  }

  /** Whether what was written last still waits, or what comes next has to. */
  get isBlocked(): boolean {
    return this.#isWaitingForRoom || this.#waiting !== undefined;
  }

  /** The stream is over: nobody waits any longer. */
  gone(): void {
    this.#resetTimer?.cancel();
    this.room.giveBack();
    for (const hold of this.#holds) hold.release();
    this.#pendingBytes = 0;
    this.#release();
  }

  #write(response: Response, bytes: number, hold: Hold, taken?: () => void): Promise<void> {
    if (this.#stream.ended) {
      hold.release();
      return resolved;
    }
    this.#holds.add(hold);
    this.#pendingBytes += bytes;
    this.#stream.write(response, () => {
      taken?.();
      this.#taken(hold, bytes);
    });
    return this.#ready();
  }

  #ready(): Promise<void> {
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

  #taken(hold: Hold, bytes: number): void {
    hold.release();
    this.#holds.delete(hold);
    this.#pendingBytes = Math.max(0, this.#pendingBytes - bytes);
    if (this.#pendingBytes < PENDING_BYTES_MAX) this.#release();
  }

  #release(): void {
    const waiting = this.#waiting;
    if (waiting === undefined) return;
    this.#waiting = undefined;
    this.#options.blocked(false);
    waiting.resolve();
  }

  /** Ends the stream of a client that does not take what it is given, by a reset if need be. */
  readonly evict = (): void => {
    if (this.#stream.ended) return;
    const text =
      `the client does not take what it is given: ${this.#pendingBytes} bytes have waited for it too long; ` +
      "come back from the last offset received, and give less credit at a time";
    this.#stream.fail(
      new MillraceError("OVERLOADED", text, { details: { pending_bytes: this.#pendingBytes } }),
    );
    // The status waits behind the bytes that are not taken: without a reset they would stay for ever.
    this.#resetTimer = this.#options.clock.schedule(RESET_DELAY_MS, this.#options.reset);
  };
}
