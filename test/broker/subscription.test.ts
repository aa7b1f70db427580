import { describe, expect, it } from "vitest";
import { Subscription } from "../../src/broker/subscription.ts";
import type { Assignment, SubscriptionSink } from "../../src/broker/types.ts";
import { MillraceError } from "../../src/errors/index.ts";

/** A sink that is told failures one at a time, each when the test lets it go on. */
class SlowSink implements SubscriptionSink {
  readonly failures: Assignment[] = [];
  #goOn: (() => void) | undefined;

  readonly room = { take: async () => {}, giveBack: () => {} };

  deliver(): never {
    throw new Error("there is nothing to deliver");
  }

  async caughtUp(): Promise<void> {}

  failed(assignment: Assignment): Promise<void> {
    this.failures.push(assignment);
    return new Promise((resolve) => {
      this.#goOn = resolve;
    });
  }

  /** Ends the call under way and lets the subscription make the next. */
  async goOn(): Promise<void> {
    this.#goOn?.();
    await new Promise((resolve) => setImmediate(resolve));
  }
}

function subscriptionTo(sink: SubscriptionSink): Subscription {
  const lookup = () => {
    throw new MillraceError("TOPIC_NOT_FOUND", "no such topic");
  };
  return new Subscription(lookup, sink, { maxBytes: 1_000 });
}

describe("failures of a subscription whose reader is slow", () => {
  it("are remembered once for each partition, the newest, and told in order", async () => {
    const sink = new SlowSink();
    const subscription = subscriptionTo(sink);
    for (let assignmentId = 0; assignmentId < 1_000; assignmentId++) {
      subscription.assign({ topic: "gone", partition: 0, assignmentId }, 0);
      subscription.assign({ topic: "gone", partition: 1, assignmentId }, 0);
    }
    for (let count = 0; count < 10; count++) await sink.goOn();
    const told = sink.failures.map(({ partition, assignmentId }) => [partition, assignmentId]);
    expect(told).toEqual([
      [0, 0],
      [0, 999],
      [1, 999],
    ]);
  });

  it("are forgotten with the assignment", async () => {
    const sink = new SlowSink();
    const subscription = subscriptionTo(sink);
    for (let partition = 0; partition < 3; partition++) {
      subscription.assign({ topic: "gone", partition, assignmentId: 7 }, 0);
    }
    subscription.unassign("gone", 1);
    for (let count = 0; count < 5; count++) await sink.goOn();
    expect(sink.failures.map(({ partition }) => partition)).toEqual([0, 2]);
  });
});
