import type { ReadRoom } from "../broker/index.ts";
import { MillraceError } from "../errors/index.ts";
import { resetStalled } from "./grpc-internals.ts";
import type { Reservation, SendBudget } from "./send-budget.ts";

/** A call as far as its end matters. */
export interface EndingCall {
  readonly cancelled: boolean;
  /** After every end of the call. */
  once(event: "cancelled", listener: () => void): unknown;
}

/** The part of the send budget that one unary call has: reserved while its answer is read, held until it has left. */
export class AnswerRoom implements ReadRoom {
  readonly #budget: SendBudget;
  readonly #call: EndingCall;
  #reservation: Reservation | undefined;
  /** The same, while it waits for its turn. */
  #waiting: Reservation | undefined;
  #listens = false;

  constructor(budget: SendBudget, call: EndingCall) {
    this.#budget = budget;
    this.#call = call;
  }

  /** Waits in the budget's queue if need be. Throws CANCELLED if the call ends before. */
  async take(bytes: number): Promise<void> {
    if (this.#call.cancelled) throw cancelled();
    const reservation = this.#budget.reserve(bytes);
    this.#reservation = reservation;
    if (reservation.granted === undefined) return;
    this.#waiting = reservation;
    this.#leaveWhenCancelled();
    await reservation.granted;
    this.#waiting = undefined;
    if (this.#call.cancelled) throw cancelled();
  }

  /** Keeps no more than the answer needs, until it has left. Throws OVERLOADED if nothing was taken and is there. */
  hold(bytes: number): void {
    const evict = () => resetStalled(this.#call);
    const hold = this.#reservation?.hold(bytes, evict) ?? this.#budget.hold(bytes, evict);
    this.#reservation = undefined;
    // Comes after every end of a call, when its answer has left.
    this.#call.once("cancelled", () => hold.release());
  }

  giveBack(): void {
    this.#reservation?.release(); // also while it waits for its turn
    this.#reservation = undefined;
  }

  /** Those who only wait go at once; what is being read for a call that is gone counts until it is let go of. */
  #leaveWhenCancelled(): void {
    if (this.#listens) return;
    this.#listens = true;
    this.#call.once("cancelled", () => this.#waiting?.release());
  }
}

function cancelled(): MillraceError {
  return new MillraceError("CANCELLED", "the call ended before there was room for its answer");
}
