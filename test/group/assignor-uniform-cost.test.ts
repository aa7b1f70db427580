/** What the uniform assignor does for members that subscribe differently, counted and not timed. */
import { describe, expect, it } from "vitest";
import { seededRandom } from "../../src/base/index.ts";
import type { AssignmentProblem, SharedTopic } from "../../src/group/machine/assignors/assignor.ts";
import { assignUniformly } from "../../src/group/machine/assignors/uniform.ts";

/** Subscribers that count how many of them were looked at. */
class Looks {
  count = 0;

  at(subscribers: readonly number[]): readonly number[] {
    const counted = [...subscribers];
    const values = counted.values.bind(counted);
    counted[Symbol.iterator] = () => {
      const all = values();
      const next = all.next.bind(all);
      all.next = () => {
        this.count++;
        return next();
      };
      return all;
    };
    return counted;
  }
}

/** Topics to each of which half of the members subscribe. */
function halves(members: number, topics: number, partitions: number): SharedTopic[] {
  const random = seededRandom(7);
  return Array.from({ length: topics }, () => ({
    subscribers: Array.from({ length: members }, (_, member) => member).filter(() => random.fraction() < 0.5),
    owners: Array<undefined>(partitions).fill(undefined),
  }));
}

/** The number of looks that a second sharing takes when the first is as even as can be. */
function looksAgain({ memberCount, topics }: AssignmentProblem): { looks: number; isAsBefore: boolean } {
  const owners = assignUniformly({ memberCount, topics });
  const looks = new Looks();
  const again = topics.map(({ subscribers }, place) => ({
    subscribers: looks.at(subscribers),
    owners: owners[place]!,
  }));
  looks.count = 0;
  const isAsBefore =
    JSON.stringify(assignUniformly({ memberCount, topics: again })) === JSON.stringify(owners);
  return { looks: looks.count, isAsBefore };
}

describe("the uniform assignor with members that subscribe differently", () => {
  it("looks at every subscriber a few times, not once for each member, if one is out of reach of the others", () => {
    const topics = halves(300, 300, 10);
    const total = topics.reduce((sum, { subscribers }) => sum + subscribers.length, 0);
    // The last member subscribes to nothing there is.
    const { looks, isAsBefore } = looksAgain({ memberCount: 301, topics });
    expect(isAsBefore).toBe(true);
    expect(looks).toBeLessThan(4 * total);
  });

  it("is content with what it got when it has looked for long", () => {
    const shared = 600;
    const topics = halves(shared, shared, 10);
    // Each of these reaches all of the others, and none of those reaches it.
    for (let member = shared; member < 1_000; member++) {
      topics.push({ subscribers: [0, member], owners: Array<number>(10).fill(member) });
    }
    topics.push({ subscribers: [1_000], owners: [1_000] });
    const { looks, isAsBefore } = looksAgain({ memberCount: 1_001, topics });
    expect(isAsBefore).toBe(true);
    expect(looks).toBeLessThan(21_000_000);
  });
});
