import type { Clock } from "../base/index.ts";
import { MillraceError } from "../errors/index.ts";

/** Bytes handed to the transport that the client has not taken yet. */
export interface Hold {
  /** The client took them, or is gone. Harmless if called again. */
  release(): void;
}

/** Room for an answer that is yet to be read. */
export interface Reservation {
  /** Settles when there is room; undefined if there was at once. */
  readonly granted: Promise<void> | undefined;
  /** Holds what was read for the client instead, and gives the rest back. To be called once, after the grant. */
  hold(bytes: number, evict: () => void): Hold;
  /** Gives the room back, or waits no longer for it, which settles `granted` too. Harmless if called again. */
  release(): void;
}

/** How a SendBudget works. */
export interface SendBudgetOptions {
  readonly clock: Clock;
  /** Most bytes held for all clients together. */
  readonly bytesMax: number;
  /** A client that does not take its bytes within this time is evicted. */
  readonly stallTimeoutMs: number;
}

/** When the budget is spent, clients that have taken nothing for so long make room. */
const EVICT_UNDER_PRESSURE_MS = 1_000;

/** How often those who wait look whether somebody has become slow enough to be evicted for them. */
const PRESSURE_CHECK_MS = 250;

interface Held extends Hold {
  readonly bytes: number;
  readonly sinceMs: number;
  evict(): void;
}

interface Waiting {
  readonly bytes: number;
  readonly isReservation: boolean;
  readonly grant: () => void;
}

/**
 * A bound on bytes that wait in the transport for clients to take them, over all connections: a frame is in memory
 * until its client has room for it, and who never reads would otherwise hold it for ever.
 */
export class SendBudget {
  readonly #options: SendBudgetOptions;
  /** Oldest first. */
  readonly #held = new Set<Held>();
  readonly #evicting = new Set<Held>();
  /** First come, first served. */
  readonly #waiting = new Set<Waiting>();
  #checking = false;
  #bytes = 0;
  /** Bytes of these that are reserved: no client keeps them. */
  #reservedBytes = 0;

  constructor(options: SendBudgetOptions) {
    this.#options = options;
  }

  /** Bytes held and reserved now. */
  get bytes(): number {
    return this.#bytes;
  }

  /**
   * Holds bytes for a client, or throws OVERLOADED if the budget is spent. One message is always admitted, however
   * large. `evict` must end the client and lead to a release; it may be called once.
   */
  hold(bytes: number, evict: () => void): Hold {
    if (this.#fits(bytes)) return this.#admit(bytes, evict);
    const { bytesMax } = this.#options;
    throw new MillraceError(
      "OVERLOADED",
      `the broker holds ${this.#bytes} bytes of answers that clients have not taken yet and cannot hold ` +
        `${bytes} more (at most ${bytesMax}); try again later, or ask for less at a time`,
      { details: { size: bytes, held: this.#bytes, max: bytesMax } },
    );
  }

  /**
   * As `hold`, but waits in a queue for room instead of failing: returns the hold at once or a promise of it. While
   * somebody waits, clients that have taken nothing for a second are evicted, the slowest first.
   */
  holdOrWait(bytes: number, evict: () => void): Hold | Promise<Hold> {
    if (this.#waiting.size === 0 && this.#fits(bytes)) return this.#admit(bytes, evict);
    return new Promise((resolve) => {
      const grant = () => resolve(this.#admit(bytes, evict));
      this.#wait({ bytes, isReservation: false, grant });
    });
  }

  /**
   * Room for what is about to be read, in the same queue as `holdOrWait`: bytes that were read count as much as bytes
   * that wait for a client. Nobody is evicted for a slow read.
   */
  reserve(bytes: number): Reservation {
    let isReserved = false;
    const reserve = () => {
      isReserved = true;
      this.#bytes += bytes;
      this.#reservedBytes += bytes;
    };
    const giveBack = () => {
      if (!isReserved) return;
      isReserved = false;
      this.#bytes -= bytes;
      this.#reservedBytes -= bytes;
    };
    let granted: Promise<void> | undefined;
    let leave = () => {};
    if (this.#waiting.size === 0 && this.#fits(bytes)) reserve();
    else {
      granted = new Promise((resolve) => {
        const waiting: Waiting = { bytes, isReservation: true, grant: () => resolve(reserve()) };
        leave = () => this.#waiting.delete(waiting) && resolve();
        this.#wait(waiting);
      });
    }
    return {
      granted,
      hold: (used, evict) => {
        giveBack();
        const hold = this.#admit(used, evict);
        this.#grant();
        return hold;
      },
      release: () => {
        leave();
        giveBack();
        this.#grant();
      },
    };
  }

  #wait(waiting: Waiting): void {
    this.#waiting.add(waiting);
    if (!this.#checking) this.#checkPressure();
  }

  #fits(bytes: number): boolean {
    return this.#bytes === 0 || this.#bytes + bytes <= this.#options.bytesMax;
  }

  #admit(bytes: number, evict: () => void): Hold {
    const { clock, stallTimeoutMs } = this.#options;
    const timer = clock.schedule(stallTimeoutMs, () => this.#evict(held));
    const held: Held = {
      bytes,
      sinceMs: clock.monotonicMs(),
      evict,
      release: () => {
        if (!this.#held.delete(held)) return;
        this.#evicting.delete(held);
        timer.cancel();
        this.#bytes -= bytes;
        this.#grant();
      },
    };
    this.#held.add(held);
    this.#bytes += bytes;
    return held;
  }

  #grant(): void {
    for (;;) {
      const [next] = this.#waiting;
      if (next === undefined || !this.#fits(next.bytes)) return;
      this.#waiting.delete(next);
      next.grant();
    }
  }

  #checkPressure(): void {
    this.#checking = this.#waiting.size > 0;
    if (!this.#checking) return;
    this.#makeRoom();
    this.#options.clock.schedule(PRESSURE_CHECK_MS, () => this.#checkPressure());
  }

  /**
   * Evicts the slowest until all who wait will have room. What is reserved is free again as soon as it is read, and those
   * who wait to read follow one another: they count once.
   */
  #makeRoom(): void {
    const { clock, bytesMax } = this.#options;
    let missing = this.#bytes - this.#reservedBytes - bytesMax;
    let reservation = 0;
    for (const { bytes, isReservation } of this.#waiting) {
      if (isReservation) reservation = Math.max(reservation, bytes);
      else missing += bytes;
    }
    missing += reservation;
    for (const { bytes } of this.#evicting) missing -= bytes;
    for (const held of [...this.#held]) {
      if (missing <= 0 || clock.monotonicMs() - held.sinceMs < EVICT_UNDER_PRESSURE_MS) return;
      if (this.#evicting.has(held)) continue;
      missing -= held.bytes;
      this.#evict(held);
    }
  }

  #evict(held: Held): void {
    if (this.#evicting.has(held) || !this.#held.has(held)) return;
    this.#evicting.add(held);
    held.evict();
  }
}
