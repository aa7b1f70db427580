import type { StreamEvent } from "millrace";
import { orderEventOf } from "./order-service.ts";

/** What a customer has bought. */
export interface CustomerSales {
  orders: number;
  paidCents: number;
  shipped: number;
}

/**
 * A read model: sales per customer, fed with the events of all orders. Events of one order must come in their order;
 * one that comes again (delivery is at least once) is told by its revision and changes nothing.
 */
export class Sales {
  readonly #byCustomer = new Map<string, CustomerSales>();
  readonly #customerOf = new Map<string, string>();
  /** By order. */
  readonly #nextRevisions = new Map<string, number>();
  /** Events that had come before. */
  repeated = 0;

  apply(event: StreamEvent): void {
    if (event.isSnapshot) return;
    const orderId = String(event.stream);
    const revision = event.revision!;
    const expected = this.#nextRevisions.get(orderId) ?? 0;
    if (revision < expected) {
      this.repeated++;
      return;
    }
    if (revision > expected) throw new Error(`event ${expected} of order ${orderId} is missing`);
    this.#nextRevisions.set(orderId, revision + 1);
    this.#count(orderId, event);
  }

  /** Everything known, in order of customers: equal for equal events, in whatever order the orders came. */
  toJSON(): Record<string, CustomerSales> {
    return Object.fromEntries([...this.#byCustomer].sort(([a], [b]) => (a < b ? -1 : 1)));
  }

  #count(orderId: string, event: StreamEvent): void {
    const fact = orderEventOf(event);
    if (fact.type === "OrderPlaced") {
      this.#customerOf.set(orderId, fact.customer);
      this.#of(fact.customer).orders++;
      return;
    }
    const sales = this.#of(this.#customerOf.get(orderId)!);
    if (fact.type === "OrderPaid") sales.paidCents += fact.cents;
    else if (fact.type === "OrderShipped") sales.shipped++;
  }

  #of(customer: string): CustomerSales {
    let sales = this.#byCustomer.get(customer);
    if (sales === undefined) {
      sales = { orders: 0, paidCents: 0, shipped: 0 };
      this.#byCustomer.set(customer, sales);
    }
    return sales;
  }
}
