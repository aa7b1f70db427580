/** An order as an aggregate: commands decide, events are facts, and the state is what the facts add up to. No I/O. */

/** What has happened to an order. */
export type OrderEvent =
  | { readonly type: "OrderPlaced"; readonly customer: string }
  | { readonly type: "ItemAdded"; readonly sku: string; readonly quantity: number; readonly cents: number }
  | { readonly type: "OrderPaid"; readonly cents: number }
  | { readonly type: "OrderShipped"; readonly carrier: string };

/** What somebody wants to happen to an order. */
export type OrderCommand =
  | { readonly do: "place"; readonly customer: string }
  | { readonly do: "add"; readonly sku: string; readonly quantity: number; readonly cents: number }
  | { readonly do: "pay" }
  | { readonly do: "ship"; readonly carrier: string };

/** An order as it stands. Amounts are in cents. */
export interface Order {
  readonly status: "unknown" | "open" | "paid" | "shipped";
  readonly customer: string;
  readonly itemCount: number;
  readonly totalCents: number;
}

/** An order of which nothing is known. */
export const NO_ORDER: Order = { status: "unknown", customer: "", itemCount: 0, totalCents: 0 };

/** The order after an event. Never refuses: what has happened has happened. */
export function evolve(order: Order, event: OrderEvent): Order {
  switch (event.type) {
    case "OrderPlaced":
      return { ...order, status: "open", customer: event.customer };
    case "ItemAdded":
      return {
        ...order,
        itemCount: order.itemCount + event.quantity,
        totalCents: order.totalCents + event.quantity * event.cents,
      };
    case "OrderPaid":
      return { ...order, status: "paid" };
    case "OrderShipped":
      return { ...order, status: "shipped" };
  }
}

/** The events that a command leads to. Throws if the order does not allow it. */
export function decide(order: Order, command: OrderCommand): OrderEvent[] {
  switch (command.do) {
    case "place":
      requireStatus(order, "unknown", "be placed");
      return [{ type: "OrderPlaced", customer: command.customer }];
    case "add": {
      requireStatus(order, "open", "get another item");
      const { sku, quantity, cents } = command;
      return [{ type: "ItemAdded", sku, quantity, cents }];
    }
    case "pay":
      requireStatus(order, "open", "be paid");
      if (order.itemCount === 0) throw new Refusal("an empty order cannot be paid");
      return [{ type: "OrderPaid", cents: order.totalCents }];
    case "ship":
      requireStatus(order, "paid", "be shipped");
      return [{ type: "OrderShipped", carrier: command.carrier }];
  }
}

/** A command that the order does not allow. */
export class Refusal extends Error {
  override readonly name = "Refusal";
}

function requireStatus(order: Order, status: Order["status"], what: string): void {
  if (order.status !== status) throw new Refusal(`an order that is ${order.status} cannot ${what}`);
}
