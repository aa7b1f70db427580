import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { seededRandom } from "../../src/base/index.ts";
import type { CommitOutcome } from "../../src/client/index.ts";
import { type CommitItem, CommitQueue } from "../../src/client/consumer/commit-queue.ts";
import { OwnedPartition } from "../../src/client/consumer/owned-partition.ts";
import { MillraceError, type Reason } from "../../src/errors/index.ts";
import { ManualClock } from "../support/manual-clock.ts";
import { turn } from "../support/turns.ts";

/** What the coordinator answers to a call: it may have taken it and not said so. */
type Answer = "ok" | "lost before" | "lost after" | "overloaded" | "refused";

const REASONS: Readonly<Record<Exclude<Answer, "ok">, Reason>> = {
  "lost before": "DISCONNECTED",
  "lost after": "DISCONNECTED",
  overloaded: "OVERLOADED",
  refused: "INVALID_REQUEST",
};

/** A queue before a coordinator that answers as told, "ok" when nothing is told. */
class Rig {
  readonly clock = new ManualClock(0);
  readonly answers: Answer[] = [];
  readonly stored = new Map<string, number>();
  readonly calls: CommitItem[][] = [];
  readonly refused: string[] = [];
  underWay = 0;
  readonly queue = new CommitQueue({
    clock: this.clock,
    random: seededRandom(1),
    send: (items) => this.#answer(items),
    committed: () => undefined,
    refused: (items, { reason }) => this.refused.push(...items.map(({ owner }) => `${owner.key} ${reason}`)),
    retrying: () => undefined,
  });

  async settle(): Promise<void> {
    for (let quiet = 0; quiet < 4; quiet++) {
      await turn();
      if (this.clock.timerCount === 0 && this.underWay === 0) continue;
      this.clock.advance(5_000);
      quiet = 0;
    }
  }

  async #answer(items: readonly CommitItem[]): Promise<readonly CommitOutcome[]> {
    this.calls.push([...items]);
    expect(++this.underWay).toBe(1);
    await turn();
    this.underWay--;
    const answer = this.answers.shift() ?? "ok";
    const isTaken = answer === "ok" || answer === "lost after";
    const outcomes = items.map((item) => this.#take(item, isTaken));
    if (answer !== "ok") throw new MillraceError(REASONS[answer], "so");
    return outcomes;
  }

  #take({ owner, offset, rewind }: CommitItem, isTaken: boolean): CommitOutcome {
    const before = this.stored.get(owner.key) ?? 0;
    if (isTaken && (rewind || offset > before)) this.stored.set(owner.key, offset);
    const { topic, partition } = owner;
    return { topic, partition, offset: this.stored.get(owner.key) ?? offset, error: undefined };
  }
}

function partition(number: number): OwnedPartition {
  return new OwnedPartition({ topic: "t", partition: number, committed: undefined });
}

function item(owner: OwnedPartition, offset: number, rewind = false): CommitItem {
  return { owner, offset, rewind, metadata: "" };
}

describe("a queue of commits", () => {
  it("ends at the newest offset of each partition, whatever is lost on the way, and tells everybody", async () => {
    const answers = fc.array(fc.constantFrom<Answer>("ok", "lost before", "lost after", "overloaded"), {
      maxLength: 6,
    });
    const steps = fc.array(
      fc.record({
        partition: fc.nat(2),
        by: fc.integer({ min: 1, max: 9 }),
        isBack: fc.boolean(),
        waits: fc.boolean(),
      }),
      { maxLength: 15 },
    );
    await fc.assert(
      fc.asyncProperty(steps, answers, async (all, told) => {
        const rig = new Rig();
        rig.answers.push(...told);
        const owners = [0, 1, 2].map(partition);
        const offsets = [20, 20, 20];
        let heard = 0;
        for (const step of all) {
          const number = step.partition;
          offsets[number]! += step.isBack ? -step.by : step.by;
          rig.queue.add(item(owners[number]!, offsets[number]!, step.isBack), (error) => {
            expect(error).toBeUndefined();
            heard++;
          });
          if (step.waits) await turn();
        }
        await rig.settle();
        await rig.queue.settled(owners);
        expect(heard).toBe(all.length);
        for (const [number, owner] of owners.entries()) {
          if (all.some((step) => step.partition === number)) {
            expect(rig.stored.get(owner.key)).toBe(offsets[number]);
          }
        }
      }),
      { numRuns: 60 },
    );
  });

  it("sends what comes in one go with one call, and what comes meanwhile with the next", async () => {
    const rig = new Rig();
    const [one, two] = [partition(1), partition(2)];
    for (const offset of [1, 2, 3]) rig.queue.add(item(one, offset));
    rig.queue.add(item(two, 7));
    await Promise.resolve();
    for (const offset of [4, 5]) rig.queue.add(item(one, offset));
    await rig.settle();
    expect(rig.calls.map((items) => items.map(({ offset }) => offset))).toEqual([[3, 7], [5]]);
  });

  it("forgets what is lost, and tells why", async () => {
    const rig = new Rig();
    rig.answers.push("overloaded");
    const [one, two] = [partition(1), partition(2)];
    const heard: (string | undefined)[] = [];
    rig.queue.add(item(one, 5), (error) => heard.push(error?.reason));
    rig.queue.add(item(two, 6), (error) => heard.push(error?.reason));
    await turn();
    await turn();
    one.gone(new MillraceError("UNKNOWN_MEMBER", "lost"));
    rig.queue.forgetGone();
    await rig.settle();
    expect(heard).toEqual(["UNKNOWN_MEMBER", undefined]);
    expect(rig.stored.get(two.key)).toBe(6);
    expect(rig.stored.has(one.key)).toBe(false);
  });

  it("gives up what is refused for good, once, and goes on", async () => {
    const rig = new Rig();
    rig.answers.push("refused");
    const one = partition(1);
    const heard: (string | undefined)[] = [];
    rig.queue.add(item(one, 5), (error) => heard.push(error?.reason));
    await rig.settle();
    rig.queue.add(item(one, 6), (error) => heard.push(error?.reason));
    await rig.settle();
    expect(heard).toEqual(["INVALID_REQUEST", undefined]);
    expect(rig.refused).toEqual(["t/1 INVALID_REQUEST"]);
    expect(rig.calls).toHaveLength(2);
  });
});
