/** The uniform assignor against what no sharing can do better. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { AssignmentProblem, SharedTopic } from "../../src/group/machine/assignors/assignor.ts";
import { assignUniformly } from "../../src/group/machine/assignors/uniform.ts";

/** Topics of members; `isEqual` makes all of them subscribe to everything. */
function problemOf(isEqual: boolean, sizes = { members: 8, topics: 5, partitions: 9 }) {
  return fc.integer({ min: 1, max: sizes.members }).chain((memberCount) => {
    const all = Array.from({ length: memberCount }, (_, member) => member);
    const subscribers = isEqual ? fc.constant(all) : fc.subarray(all, { minLength: 1 });
    // An owner that does not subscribe any more is as good as none.
    const owner = fc.option(fc.integer({ min: 0, max: memberCount - 1 }), { nil: undefined });
    const owners = fc.array(owner, { minLength: 1, maxLength: sizes.partitions });
    const topics = fc.array(fc.record({ subscribers, owners }), { maxLength: sizes.topics });
    return fc.record({ memberCount: fc.constant(memberCount), topics });
  });
}

function loadsOf({ memberCount }: AssignmentProblem, owners: readonly (readonly number[])[]): number[] {
  const loads = Array<number>(memberCount).fill(0);
  for (const owner of owners.flat()) loads[owner]!++;
  return loads;
}

/** Partitions that go from a member that may keep them to another. */
function movesOf({ topics }: AssignmentProblem, owners: readonly (readonly number[])[]): number {
  return topics.flatMap((topic, place) =>
    topic.owners.filter((before, partition) => isHeld(topic, before) && owners[place]![partition] !== before),
  ).length;
}

function isHeld({ subscribers }: SharedTopic, owner: number | undefined): owner is number {
  return owner !== undefined && subscribers.includes(owner);
}

/** What each member has at first, of what it may keep. */
function heldOf(problem: AssignmentProblem): number[] {
  const held = Array<number>(problem.memberCount).fill(0);
  for (const topic of problem.topics) {
    for (const owner of topic.owners) if (isHeld(topic, owner)) held[owner]!++;
  }
  return held;
}

/** Fewest moves to loads that differ by at most 1: the larger shares belong to those that have most already. */
function fewestMoves(problem: AssignmentProblem): number {
  const held = heldOf(problem).sort((one, other) => other - one);
  const total = problem.topics.flatMap(({ owners }) => owners).length;
  const [share, larger] = [Math.floor(total / held.length), total % held.length];
  return held.reduce((moves, has, place) => moves + Math.max(0, has - share - (place < larger ? 1 : 0)), 0);
}

/** Sums of squares of all sharings there are; the smallest is the evenest. */
function evenest(problem: AssignmentProblem): number {
  const slots = problem.topics.flatMap(({ subscribers, owners }) => owners.map(() => subscribers));
  const loads = Array<number>(problem.memberCount).fill(0);
  const best = (slot: number): number => {
    if (slot === slots.length) return loads.reduce((sum, load) => sum + load * load, 0);
    return Math.min(
      ...slots[slot]!.map((member) => {
        loads[member]!++;
        const found = best(slot + 1);
        loads[member]!--;
        return found;
      }),
    );
  };
  return best(0);
}

describe("the uniform assignor", () => {
  it("gives every partition to one of the topic's subscribers", () => {
    fc.assert(
      fc.property(problemOf(false), (problem) => {
        const owners = assignUniformly(problem);
        expect(owners.map((of) => of.length)).toEqual(problem.topics.map((topic) => topic.owners.length));
        for (const [place, topic] of problem.topics.entries()) {
          for (const owner of owners[place]!) expect(topic.subscribers).toContain(owner);
        }
      }),
    );
  });

  it("gives equal subscribers numbers of partitions that differ by at most 1, with the fewest moves", () => {
    fc.assert(
      fc.property(problemOf(true), (problem) => {
        const owners = assignUniformly(problem);
        const loads = loadsOf(problem, owners);
        expect(Math.max(...loads) - Math.min(...loads)).toBeLessThanOrEqual(1);
        expect(movesOf(problem, owners)).toBe(fewestMoves(problem));
      }),
      { numRuns: 500 },
    );
  });

  it("takes no partition from an equal subscriber that gets one", () => {
    fc.assert(
      fc.property(problemOf(true), (problem) => {
        const owners = assignUniformly(problem);
        const held = heldOf(problem);
        const loads = loadsOf(problem, owners);
        const kept = held.map(() => 0);
        for (const [place, topic] of problem.topics.entries()) {
          for (const [partition, owner] of owners[place]!.entries()) {
            if (topic.owners[partition] === owner) kept[owner]!++;
          }
        }
        for (const member of held.keys()) {
          expect(kept[member] === held[member] || kept[member] === loads[member]).toBe(true);
        }
      }),
    );
  });

  it("is as even as any sharing among members that subscribe differently", () => {
    fc.assert(
      fc.property(problemOf(false, { members: 4, topics: 4, partitions: 2 }), (problem) => {
        const loads = loadsOf(problem, assignUniformly(problem));
        expect(loads.reduce((sum, load) => sum + load * load, 0)).toBe(evenest(problem));
      }),
    );
  });

  it("leaves its own sharing as it is", () => {
    fc.assert(
      fc.property(problemOf(false), (problem) => {
        const owners = assignUniformly(problem);
        const again = problem.topics.map(({ subscribers }, place) => ({
          subscribers,
          owners: owners[place]!,
        }));
        expect(assignUniformly({ ...problem, topics: again })).toEqual(owners);
      }),
    );
  });

  it("moves no more from members that stay than a new or a gone member makes uneven", () => {
    fc.assert(
      fc.property(problemOf(true), (problem) => {
        const before = assignUniformly(problem);
        const newcomer = problem.memberCount;
        const joined = problem.topics.map(({ subscribers }, place) => ({
          subscribers: [...subscribers, newcomer],
          owners: before[place]!,
        }));
        const after = assignUniformly({ memberCount: newcomer + 1, topics: joined });
        const all = { memberCount: newcomer + 1, topics: joined };
        expect(movesOf(all, after)).toBe(loadsOf(all, after)[newcomer]);
        const left = problem.topics.map(({ subscribers }, place) => ({ subscribers, owners: after[place]! }));
        const rest = { ...problem, topics: left };
        expect(movesOf(rest, assignUniformly(rest))).toBe(0);
      }),
    );
  });
});
