import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { assignRanges } from "../../src/group/machine/assignors/range.ts";

const topic = (subscribers: readonly number[], count: number) => ({
  subscribers,
  owners: Array<undefined>(count).fill(undefined),
});

describe("the range assignor", () => {
  it("gives neighbours to each subscriber, and one more to the first ones", () => {
    expect(assignRanges({ memberCount: 3, topics: [topic([0, 1, 2], 8)] })).toEqual([
      [0, 0, 0, 1, 1, 1, 2, 2],
    ]);
  });

  it("gives nothing to the last ones of more members than partitions", () => {
    expect(assignRanges({ memberCount: 3, topics: [topic([0, 1, 2], 2)] })).toEqual([[0, 1]]);
  });

  it("looks only at those who subscribe to the topic", () => {
    const topics = [topic([1, 3], 4), topic([0], 2)];
    expect(assignRanges({ memberCount: 4, topics })).toEqual([
      [1, 1, 3, 3],
      [0, 0],
    ]);
  });

  it("gives the same partitions of topics with equal subscribers and counts to one member", () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.nat({ max: 9 }), { minLength: 1 }).map((members) => members.sort()),
        fc.integer({ min: 1, max: 40 }),
        (subscribers, count) => {
          const [one, other] = assignRanges({
            memberCount: 10,
            topics: [topic(subscribers, count), topic(subscribers, count)],
          });
          expect(one).toEqual(other);
          const shares = subscribers.map((member) => one!.filter((owner) => owner === member).length);
          expect(Math.max(...shares) - Math.min(...shares)).toBeLessThanOrEqual(1);
          expect(one).toEqual([...one!].sort());
        },
      ),
    );
  });
});
