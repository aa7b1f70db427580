import { MillraceError } from "../../errors/index.ts";
import type { TopicCatalogue } from "../ports.ts";
import { MemberSubscription } from "./member-subscription.ts";
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
  readonly #byKey = new Map<string, MemberSubscription>();
  /** How many members have each. */
  readonly #users = new Map<MemberSubscription, number>();

  constructor(catalogue: Pick<TopicCatalogue, "topics" | "topic">, meter: SubscriptionMeter) {
    this.#catalogue = catalogue;
    this.#meter = meter;
  }

  /**
   * The one that somebody has, or else a new one. Throws INVALID_REQUEST, see `MemberSubscription`, and OVERLOADED if the
   * broker has no memory left for it.
   */
  of(wanted: GroupSubscription): MemberSubscription {
    const known = this.#byKey.get(MemberSubscription.keyOf(wanted));
    if (known !== undefined) return known;
    const subscription = new MemberSubscription(wanted);
    const { bytes, bytesMax } = this.#meter;
    if (bytes + subscription.bytes > bytesMax) throw overloaded(bytesMax);
    subscription.requireMatchable(this.#catalogue);
    return subscription;
  }

  /** One that was taken before: what there is of others, and of topics now, is no reason to refuse it. */
  restored(stored: GroupSubscription): MemberSubscription {
    return this.#byKey.get(MemberSubscription.keyOf(stored)) ?? new MemberSubscription(stored);
  }

  /** One more member has it. */
  keep(subscription: MemberSubscription): void {
    const users = this.#users.get(subscription) ?? 0;
    this.#users.set(subscription, users + 1);
    if (users > 0) return;
    this.#byKey.set(MemberSubscription.keyOf(subscription), subscription);
    this.#meter.bytes += subscription.bytes;
  }

  /** One member less has it; with the last it is forgotten. */
  release(subscription: MemberSubscription): void {
    const users = this.#users.get(subscription) ?? 0;
    if (users > 1) {
      this.#users.set(subscription, users - 1);
      return;
    }
    this.#users.delete(subscription);
    this.#byKey.delete(MemberSubscription.keyOf(subscription));
    this.#meter.bytes -= subscription.bytes;
  }

  /** All that somebody has. */
  all(): IterableIterator<MemberSubscription> {
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
