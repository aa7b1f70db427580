import { describe, expect, it } from "vitest";
import { sleep, systemClock } from "../../src/base/index.ts";
import type { RunOptions } from "../../src/client/index.ts";
import { closedGate } from "../support/gate.ts";
import { committed, member, produce, readOn, until } from "./group-rig.ts";

/** A handler that notes what it does, and waits where it is told. */
function recording(wait: (offset: number) => Promise<unknown> | undefined = () => undefined) {
  const begun: string[] = [];
  const done: string[] = [];
  const handler: RunOptions["handler"] = async ({ partition, offset, key }) => {
    const name = `${partition}@${offset}${key === null ? "" : ` ${key}`}`;
    begun.push(name);
    await wait(offset);
    done.push(name);
  };
  return { begun, done, handler };
}

function offsetsOf(names: readonly string[]): number[] {
  return names.map((name) => Number(/@(\d+)/.exec(name)![1])).toSorted((one, other) => one - other);
}

function range(from: number, to: number): number[] {
  return Array.from({ length: to - from }, (_, index) => from + index);
}

describe("a run", () => {
  it("works on everything once, commits it, and ends when stopped", async () => {
    for (const partition of [0, 1, 2, 3]) await produce(100, partition);
    const { consumer } = await member({ autoCommitIntervalMs: 60_000 });
    const { done, handler } = recording();
    const run = consumer.run({ handler, concurrency: 8, maxInFlight: 20 });
    await until("the last record", () => done.length === 400);
    consumer.stop();
    await run;
    expect(new Set(done).size).toBe(400);
    expect(await committed()).toEqual([100, 100, 100, 100]);
  });

  it("keeps the order of each key, and lets a slow record hold no other key up", async () => {
    await produce(200, 0, (number) => `k${number % 7}`);
    const gate = closedGate();
    const { consumer } = await member();
    const { begun, done, handler } = recording((offset) =>
      offset === 3 ? gate.opened : sleep(systemClock, offset % 3),
    );
    const run = consumer.run({ handler, concurrency: 4 });
    await until("the other keys", () => done.length === 200 - 29);
    expect(begun.filter((name) => name.endsWith("k3"))).toEqual(["0@3 k3"]);
    await until("the commit", async () => (await committed())[0] === 3);
    gate.open();
    await until("the rest", () => done.length === 200);
    consumer.stop();
    await run;
    for (let key = 0; key < 7; key++) {
      const offsets = done.filter((name) => name.endsWith(`k${key}`)).map((name) => offsetsOf([name])[0]!);
      expect(offsets).toEqual(offsets.toSorted((one, other) => one - other));
    }
    expect((await committed())[0]).toBe(200);
  });

  it("keeps the order of each partition, and lets a slow partition hold no other up", async () => {
    for (const partition of [0, 1, 2]) await produce(300, partition);
    const gate = closedGate();
    const { consumer } = await member({ deliveryBytes: 1_024, prefetchBytes: 65_536 });
    const done: string[] = [];
    const handler: RunOptions["handler"] = async ({ partition, offset }) => {
      if (partition === 0 && offset === 0) await gate.opened;
      done.push(`${partition}@${offset}`);
    };
    const run = consumer.run({ handler, order: "partition", concurrency: 2, maxInFlight: 10 });
    await until("the other partitions", () => done.length === 600);
    gate.open();
    await until("the rest", () => done.length === 900);
    consumer.stop();
    await run;
    for (const partition of [0, 1, 2]) {
      const offsets = done.filter((name) => name.startsWith(`${partition}@`));
      expect(offsets).toEqual(range(0, 300).map((offset) => `${partition}@${offset}`));
    }
  });

  it("leaves a partition unread whose handler is stuck behind more than may wait, and reads it then", async () => {
    for (const partition of [0, 1]) await produce(400, partition, undefined, 1_000);
    const gate = closedGate();
    const { consumer } = await member({ prefetchBytes: 65_536, deliveryBytes: 16_384 });
    const done: string[] = [];
    const run = consumer.run({
      order: "partition",
      concurrency: 2,
      maxInFlight: 8,
      handler: async ({ partition, offset }) => {
        if (partition === 0 && offset === 0) await gate.opened;
        done.push(`${partition}@${offset}`);
      },
    });
    await until("the other partition", () => done.length === 400);
    await produce(100, 1, undefined, 1_000);
    await until("what came later", () => done.length === 500);
    gate.open();
    await until("the rest", () => done.length === 900);
    const numbers = done.filter((name) => name.startsWith("0@")).map((name) => Number(name.slice(2)));
    expect(numbers).toEqual(range(0, 400));
    consumer.stop();
    await run;
    expect(await committed()).toEqual([400, 500, undefined, undefined]);
  });

  it("keeps no more in flight than it may", async () => {
    for (const partition of [0, 1, 2]) await produce(100, partition);
    const gate = closedGate();
    const { consumer } = await member();
    const { begun, handler } = recording(() => gate.opened);
    const run = consumer.run({ handler, order: "none", concurrency: 5, maxInFlight: 14 });
    await until("the first handlers", () => begun.length === 5);
    await sleep(systemClock, 50);
    const positions = consumer.assignment().map(({ position = 0 }) => position);
    expect(positions.reduce((sum, position) => sum + position, 0)).toBe(14);
    expect(Math.max(...positions)).toBe(5);
    gate.open();
    await until("the rest", () => begun.length === 300);
    consumer.stop();
    await run;
  });

  it("ends with what a handler throws, after the others have finished and what is done is committed", async () => {
    await produce(100);
    const gate = closedGate();
    const { consumer } = await member({ autoCommitIntervalMs: 60_000 });
    const done: number[] = [];
    const run = consumer.run({
      order: "none",
      concurrency: 4,
      handler: async ({ offset }) => {
        if (offset === 11) await gate.opened;
        if (offset === 10) throw new Error("cannot");
        done.push(offset);
      },
    });
    const watched = expect(run).rejects.toThrow("cannot");
    await sleep(systemClock, 20);
    gate.open();
    await watched;
    expect(done).toContain(11);
    expect((await committed())[0]).toBe(10);
    const { seen } = readOn(consumer);
    await until("the rest again", () => seen.length === 90);
    expect(seen[0]).toBe("t-0@10");
  });

  it("takes handlers that promise nothing, and what they throw", async () => {
    await produce(100);
    const { consumer } = await member();
    const seen: number[] = [];
    const run = consumer.run({
      order: "partition",
      handler: ({ offset }) => {
        if (offset === 50) throw new RangeError("no");
        seen.push(offset);
      },
    });
    await expect(run).rejects.toThrow(RangeError);
    expect(seen).toEqual(range(0, 50));
    expect((await committed())[0]).toBe(50);
  });

  it("that is stopped works on what it has begun, and the next goes on with the rest", async () => {
    await produce(100);
    const gate = closedGate();
    const { consumer } = await member();
    const first = recording(() => gate.opened);
    const run = consumer.run({ handler: first.handler, concurrency: 3, order: "none" });
    await until("the first handlers", () => first.begun.length === 3);
    consumer.stop();
    gate.open();
    await run;
    expect(offsetsOf(first.done)).toEqual([0, 1, 2]);
    expect((await committed())[0]).toBe(3);
    const second = recording();
    const again = consumer.run({ handler: second.handler, order: "none" });
    await until("the rest", () => second.done.length === 97);
    consumer.stop();
    await again;
    expect(offsetsOf(second.done)).toEqual(range(3, 100));
  });

  it("leaves a paused partition alone, and one that is sought back is worked on again", async () => {
    await produce(60, 0);
    await produce(60, 1);
    const { consumer } = await member();
    const gate = closedGate();
    const { begun, done, handler } = recording((offset) => (offset >= 20 ? gate.opened : undefined));
    const run = consumer.run({ handler, concurrency: 4, maxInFlight: 8, order: "partition" });
    await until("both partitions", () => begun.includes("0@20") && begun.includes("1@20"));
    consumer.pause([{ topic: "t", partition: 1 }]);
    await consumer.seek({ topic: "t", partition: 0 }, 10);
    gate.open();
    await until("the end of partition 0", () => done.includes("0@59"));
    const counts = (name: string) => done.filter((each) => each === name).length;
    expect([counts("0@9"), counts("0@10"), counts("0@19"), counts("0@20")]).toEqual([1, 2, 2, 2]);
    expect(done).not.toContain("1@30");
    consumer.resume();
    await until("the end of partition 1", () => done.includes("1@59"));
    expect(range(0, 60).map((offset) => counts(`1@${offset}`))).toEqual(range(0, 60).map(() => 1));
    consumer.stop();
    await run;
    expect(await committed()).toEqual([60, 60, undefined, undefined]);
  });

  it("is ended by close, which waits for handlers under way, commits and leaves", async () => {
    await produce(100);
    const gate = closedGate();
    const { consumer } = await member({ autoCommitIntervalMs: 60_000 });
    const { begun, done, handler } = recording(() => gate.opened);
    const run = consumer.run({ handler, concurrency: 3, order: "none" });
    await until("the first handlers", () => begun.length === 3);
    const closed = consumer.close();
    await sleep(systemClock, 20);
    gate.open();
    await Promise.all([run, closed]);
    expect(offsetsOf(done)).toEqual([0, 1, 2]);
    expect((await committed())[0]).toBe(3);
  });

  it("is given up by close when its time is over, and its handlers are told", async () => {
    await produce(100);
    const { consumer } = await member();
    const told: string[] = [];
    const run = consumer.run({
      concurrency: 1,
      handler: ({ offset }, { signal }) =>
        new Promise<void>((resolve) => {
          signal.addEventListener("abort", () => {
            told.push(`${offset}`);
            resolve();
          });
        }),
    });
    await until("the assignment", () => consumer.position("t", 0) === 100);
    await consumer.close({ timeoutMs: 50 });
    await run;
    expect(told).toEqual(["0"]);
    expect((await committed())[0]).toBeUndefined();
  });

  it("takes what it is told within bounds", async () => {
    const { consumer } = await member();
    const handler = () => {};
    await expect(consumer.run({ handler, concurrency: 0 })).rejects.toThrow("from 1 to 10000");
    await expect(consumer.run({ handler, concurrency: 9, maxInFlight: 8 })).rejects.toThrow("from 9");
    await expect(consumer.run({ handler, ...({ order: "keys" } as object) })).rejects.toThrow('"key"');
    await expect(consumer.run({ handler, ...{ handlers: 1 } })).rejects.toThrow("no option of run");
  });
});
