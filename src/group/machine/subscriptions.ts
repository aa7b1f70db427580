import { Subscription } from "./subscription.ts";
import type { GroupSubscription } from "../types.ts";

/** What the members of a group subscribe to: one object for all that want the same. */
export class Subscriptions {
  readonly #byKey = new Map<string, Subscription>();

  /** The one that is kept, or else a new one. Throws INVALID_REQUEST; see `Subscription`. */
  of(wanted: GroupSubscription): Subscription {
    return this.#byKey.get(Subscription.keyOf(wanted)) ?? new Subscription(wanted);
  }

  /** Somebody has it now. */
  keep(subscription: Subscription): void {
    this.#byKey.set(Subscription.keyOf(subscription), subscription);
  }

  /** Forgets those that nobody has any more. */
  retain(inUse: ReadonlySet<Subscription>): void {
    for (const [key, subscription] of this.#byKey) {
      if (!inUse.has(subscription)) this.#byKey.delete(key);
    }
  }

  /** All that are kept. */
  all(): IterableIterator<Subscription> {
    return this.#byKey.values();
  }

  /** Topics came or went. */
  topicsChanged(): void {
    for (const subscription of this.#byKey.values()) subscription.forget();
  }
}
