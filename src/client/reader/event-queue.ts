import type { MillraceError } from "../../errors/index.ts";
import type { millrace } from "../../gen/millrace.js";
import { Fifo } from "../fifo.ts";
import type { AssignedState } from "./assigned-state.ts";
import type { BrokerSubscription } from "./broker-subscription.ts";

interface EventOfPartition {
  readonly state: AssignedState;
  /** The state's generation when this came: void if that has moved on. */
  readonly generation: number;
}

/** What came from the brokers and waits for the program, in order. */
export type ReaderEvent =
  | (EventOfPartition & {
      readonly kind: "delivery";
      readonly subscription: BrokerSubscription;
      readonly delivery: millrace.v1.Delivery.$Properties;
    })
  | (EventOfPartition & { readonly kind: "caught-up"; readonly highWatermark: number })
  /** The partition cannot be read any more, or only from another position. */
  | (EventOfPartition & { readonly kind: "failure"; readonly error: MillraceError });

/** A queue with one taker, who can wait for something to happen. Bounded by the credit given to the brokers. */
export class EventQueue {
  readonly #events = new Fifo<ReaderEvent>();
  #wake: (() => void) | undefined;

  push(event: ReaderEvent): void {
    this.#events.push(event);
    this.wake();
  }

  shift(): ReaderEvent | undefined {
    return this.#events.shift();
  }

  /** Takes out what a move has made void. */
  removeVoid(): ReaderEvent[] {
    const removed: ReaderEvent[] = [];
    for (let left = this.#events.size; left > 0; left--) {
      const event = this.#events.shift()!;
      if (event.generation === event.state.generation) this.#events.push(event);
      else removed.push(event);
    }
    return removed;
  }

  /** Resolves at the next push or `wake`. */
  wait(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }

  /** Lets the taker look again. */
  wake(): void {
    this.#wake?.();
    this.#wake = undefined;
  }
}
