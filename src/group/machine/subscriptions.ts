import { MillraceError } from "../../errors/index.ts";
import type { TopicCatalogue } from "../ports.ts";
import { Subscription } from "./subscription.ts";
import type { GroupSubscription } from "../types.ts";

/** Memory that the subscriptions of all groups take, roughly, bytes. */
export interface SubscriptionMeter {
  bytes: number;
  /** None more are taken above it. */
  readonly bytesMax: number;
}

/** What the members of a group subscribe to: one object for all that want the same, as long as somebody has it. */
export class Subscriptions {
  readonly #catalogue: Pick<TopicCatalogue, "topics" | "topic">;
  readonly #meter: SubscriptionMeter;
  readonly #byKey = new Map<string, Subscription>();
  /** How many members have each. */
  readonly #users = new Map<Subscription, number>();

  constructor(catalogue: Pick<TopicCatalogue, "topics" | "topic">, meter: SubscriptionMeter) {
    this.#catalogue = catalogue;
    this.#meter = meter;
  }

  /**
   * The one that somebody has, or else a new one. Throws INVALID_REQUEST, see `Subscription`, and OVERLOADED if the
   * broker has no memory left for it.
   */
  of(wanted: GroupSubscription): Subscription {
    const known = this.#byKey.get(Subscription.keyOf(wanted));
    if (known !== undefined) return known;
    const subscription = new Subscription(wanted);
    const { bytes, bytesMax } = this.#meter;
    if (bytes + subscription.bytes > bytesMax) throw overloaded(bytesMax);
    subscription.requireMatchable(this.#catalogue);
    return subscription;
  }

  /** One that was taken before: what there is of others, and of topics now, is no reason to refuse it. */
  restored(stored: GroupSubscription): Subscription {
    return this.#byKey.get(Subscription.keyOf(stored)) ?? new Subscription(stored);
  }

  /** One more member has it. */
  keep(subscription: Subscription): void {
    const users = this.#users.get(subscription) ?? 0;
    this.#users.set(subscription, users + 1);
    if (users > 0) return;
    this.#byKey.set(Subscription.keyOf(subscription), subscription);
    this.#meter.bytes += subscription.bytes;
  }

  /** One member less has it; with the last it is forgotten. */
  release(subscription: Subscription): void {
    const users = this.#users.get(subscription) ?? 0;
    if (users > 1) {
      this.#users.set(subscription, users - 1);
      return;
    }
    this.#users.delete(subscription);
    this.#byKey.delete(Subscription.keyOf(subscription));
    this.#meter.bytes -= subscription.bytes;
  }

  /** All that somebody has. */
  all(): IterableIterator<Subscription> {
    return this.#users.keys();
  }

  /** Topics came or went. */
  topicsChanged(): void {
    for (const subscription of this.#users.keys()) subscription.forget();
  }
}

function overloaded(bytesMax: number): MillraceError {
  const text = `the broker has no memory left for another subscription: all of them may take ${bytesMax} bytes; name fewer topics, use a pattern that others of the group use, or stop some consumers`;
  return new MillraceError("OVERLOADED", text, { details: { max: bytesMax } });
}
