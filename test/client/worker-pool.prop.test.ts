import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { WorkerPool } from "../../src/client/consumer/worker-pool.ts";
import { turn } from "../support/turns.ts";

interface Task {
  readonly lane: string | undefined;
  readonly number: number;
  /** How it is worked on: at once, or until the test ends it. */
  readonly isQuick: boolean;
}

/** A pool whose slow tasks end when told, and what it did. */
class Rig {
  readonly begun: Task[] = [];
  readonly done: Task[] = [];
  readonly underWay: { readonly task: Task; end(): void }[] = [];
  mostAtOnce = 0;
  readonly pool: WorkerPool<Task>;

  constructor(concurrency: number) {
    this.pool = new WorkerPool<Task>({
      concurrency,
      laneOf: ({ lane }) => lane,
      work: (task) => this.#work(task),
    });
  }

  /** Ends one of the tasks under way. */
  async endOne(pick: number): Promise<void> {
    this.underWay.splice(pick % this.underWay.length, 1)[0]!.end();
    await turn();
  }

  #work(task: Task): void | Promise<void> {
    this.begun.push(task);
    this.mostAtOnce = Math.max(this.mostAtOnce, this.underWay.length + 1);
    if (task.isQuick) {
      this.done.push(task);
      return undefined;
    }
    return new Promise((resolve) => {
      const end = () => {
        this.done.push(task);
        resolve();
      };
      this.underWay.push({ task, end });
    });
  }
}

const tasks = fc
  .array(fc.record({ lane: fc.constantFrom("a", "b", "c", undefined), isQuick: fc.boolean() }), {
    maxLength: 30,
  })
  .map((all) => all.map((task, number): Task => ({ ...task, number })));

function numbers(all: readonly Task[], lane?: string): number[] {
  return all.filter((task) => lane === undefined || task.lane === lane).map(({ number }) => number);
}

describe("a pool of workers", () => {
  it("works on everything, in the order of each lane, and never on more at once than it may", async () => {
    const picks = fc.array(fc.nat(), { minLength: 30, maxLength: 30 });
    await fc.assert(
      fc.asyncProperty(tasks, fc.integer({ min: 1, max: 5 }), picks, async (all, concurrency, ends) => {
        const rig = new Rig(concurrency);
        const ending = [...ends];
        for (const task of all) {
          rig.pool.submit(task);
          if (rig.underWay.length > 0 && task.number % 3 === 0) await rig.endOne(ending.pop() ?? 0);
        }
        while (rig.underWay.length > 0) {
          const { working, waiting } = rig.pool;
          expect(working).toBe(Math.min(concurrency, rig.underWay.length));
          expect(rig.begun.length + waiting).toBe(all.length);
          await rig.endOne(ending.pop() ?? 0);
        }
        await rig.pool.idle();
        expect(rig.mostAtOnce).toBeLessThanOrEqual(concurrency);
        expect(numbers(rig.done).sort((one, other) => one - other)).toEqual(numbers(all));
        for (const lane of ["a", "b", "c"]) {
          expect(numbers(rig.begun, lane)).toEqual(numbers(all, lane));
          expect(numbers(rig.done, lane)).toEqual(numbers(all, lane));
        }
      }),
      { numRuns: 50 },
    );
  });

  it("lets a lane that is stuck hold no other up", async () => {
    const rig = new Rig(2);
    const slow = (number: number): Task => ({ lane: "slow", number, isQuick: false });
    for (const number of [0, 1, 2]) rig.pool.submit(slow(number));
    for (let number = 3; number < 20; number++) {
      rig.pool.submit({ lane: `${number % 4}`, number, isQuick: true });
    }
    await turn();
    expect(rig.done).toHaveLength(17);
    expect([rig.pool.working, rig.pool.waiting]).toEqual([1, 2]);
  });

  it("forgets what waits when told, and keeps the order of what comes later", async () => {
    const rig = new Rig(1);
    const task = (number: number): Task => ({ lane: "a", number, isQuick: false });
    for (const number of [0, 1]) rig.pool.submit(task(number));
    rig.pool.drop();
    rig.pool.submit(task(2));
    expect([numbers(rig.begun), rig.pool.waiting]).toEqual([[0], 1]);
    await rig.endOne(0);
    expect(numbers(rig.begun)).toEqual([0, 2]);
    rig.pool.drop();
    await rig.endOne(0);
    await rig.pool.idle();
    expect(numbers(rig.done)).toEqual([0, 2]);
  });

  it("works on a long lane of quick tasks without piling up calls", () => {
    const rig = new Rig(1);
    for (let number = 0; number < 20_000; number++) rig.pool.submit({ lane: "a", number, isQuick: true });
    expect(rig.done).toHaveLength(20_000);
  });
});
