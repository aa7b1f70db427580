import type { NewEvent, StreamEvent, Streams } from "millrace";
import { decide, evolve, NO_ORDER, type Order, type OrderCommand, type OrderEvent } from "./order.ts";

/** Events after which the state is stored, so that loading an order reads few events however long its history is. */
const SNAPSHOT_EVERY = 5;

/** An order with the revision of the last event in it; undefined before the first. */
export interface LoadedOrder {
  readonly order: Order;
  readonly revision: number | undefined;
}

const NOTHING: LoadedOrder = { order: NO_ORDER, revision: undefined };

/**
 * Executes commands on orders. Each order is a stream; a command is decided on its state and appended only if nobody
 * was faster. Otherwise the events missed are taken in and the command is decided again.
 */
export class OrderService {
  readonly #streams: Streams;
  /** Commands that had to be decided again. */
  conflicts = 0;

  constructor(streams: Streams) {
    this.#streams = streams;
  }

  /** Resolves when the events are durable. Throws Refusal if the order does not allow the command. */
  async execute(orderId: string, command: OrderCommand): Promise<LoadedOrder> {
    let loaded = await this.load(orderId);
    for (;;) {
      const decided = decide(loaded.order, command);
      const expected = loaded.revision ?? "none";
      const result = await this.#streams.tryAppend(orderId, decided.map(toNewEvent), { expected });
      if (result.outcome === "appended") {
        const order = decided.reduce(evolve, loaded.order);
        const { firstRevision, lastRevision: revision } = result;
        const isDue =
          Math.floor(firstRevision / SNAPSHOT_EVERY) < Math.floor((revision + 1) / SNAPSHOT_EVERY);
        if (isDue) await this.#snapshot(orderId, order, revision);
        return { order, revision };
      }
      this.conflicts++;
      // What the others did is in the answer, unless it was too much.
      loaded = result.missed.reduce(taken, loaded);
      if (loaded.revision !== result.actualRevision) loaded = await this.load(orderId);
    }
  }

  /** The order as its stream says: from the latest snapshot, or from the first event. */
  async load(orderId: string, from: "snapshot" | "beginning" = "snapshot"): Promise<LoadedOrder> {
    let loaded = NOTHING;
    const events = this.#streams.read(orderId, { fromSnapshot: from === "snapshot" });
    for await (const event of events) loaded = taken(loaded, event);
    return loaded;
  }

  /** The events are stored without it, so that a snapshot that fails fails no command: the next one will do. */
  async #snapshot(orderId: string, order: Order, revision: number): Promise<void> {
    try {
      await this.#streams.snapshot(orderId, {
        revision,
        type: "OrderSnapshot",
        value: JSON.stringify(order),
      });
    } catch (error) {
      console.warn(`no snapshot of ${orderId} at revision ${revision}: ${error}`);
    }
  }
}

/** The fact in an event of a stream. */
export function orderEventOf(event: StreamEvent): OrderEvent {
  return JSON.parse(String(event.value)) as OrderEvent;
}

function taken({ order }: LoadedOrder, event: StreamEvent): LoadedOrder {
  const revision = event.revision!;
  if (event.isSnapshot) return { order: JSON.parse(String(event.value)) as Order, revision };
  return { order: evolve(order, orderEventOf(event)), revision };
}

function toNewEvent(event: OrderEvent): NewEvent {
  return { type: event.type, value: JSON.stringify(event) };
}
