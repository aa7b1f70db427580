import { describe, expect, it } from "vitest";
import type { GroupConsumerOptions } from "../../src/client/index.ts";
import { client, cluster, committed, member, produce, read, readOn, until } from "./group-rig.ts";

const p0 = { topic: "t", partition: 0 };

describe("a member of a group", () => {
  it("reads all partitions from their starts, commits at its end and leaves", async () => {
    for (const partition of [0, 1, 2, 3]) await produce(25, partition);
    const { consumer, told } = await member({ autoCommitIntervalMs: 60_000 });
    expect(new Set(await read(consumer, 100)).size).toBe(100);
    expect(told.all("assigned")).toEqual(["assigned t-0,t-1,t-2,t-3"]);
    await consumer.commit();
    expect(await committed()).toEqual([25, 25, 25, 25]);
    await consumer.close();
    expect(told.all("revoked")).toEqual(["revoked t-0,t-1,t-2,t-3"]);
    expect((await client.admin().describeGroup("g")).state).toBe("empty");
  });

  it("goes on where the group has got to", async () => {
    await produce(30);
    const first = await member();
    expect(await read(first.consumer, 10)).toHaveLength(10);
    await first.consumer.commit();
    await first.consumer.close();
    const second = await member();
    expect((await read(second.consumer, 1))[0]).toBe("t-0@10");
    expect(second.consumer.assignment()[0]).toMatchObject({ partition: 0, position: 11, committed: 10 });
  });

  it("may iterate one at a time", async () => {
    await produce(10);
    const { consumer } = await member();
    const iteration = consumer.records();
    await iteration.next();
    await expect(consumer.batches().next()).rejects.toThrow("another iteration or run");
    await expect(consumer.run({ handler: () => {} })).rejects.toThrow(TypeError);
    await iteration.return?.();
    expect((await consumer.batches().next()).value.firstOffset).toBe(0);
  });

  it("is told what is wrong with its options", () => {
    const make = (options: Partial<GroupConsumerOptions>) => () =>
      client.consumer({ group: "g", ...options });
    expect(make({})).toThrow("give topics or topicPattern");
    expect(make({ topics: ["a/b"] })).toThrow('"a/b" is no topic name');
    expect(make({ group: "", topics: ["t"] })).toThrow("no group name");
    expect(make({ topicPattern: "" })).toThrow('topicPattern is "": allowed are 1 to 249 characters');
    expect(make({ topics: ["t"], sessionTimeoutMs: 999 })).toThrow("from 1000 to 3600000");
    expect(make({ topics: ["t"], onGap: "end" })).toThrow("onReset");
    expect(make({ topics: ["t"], delivery: "at-most-once", autoCommit: false })).toThrow("autoCommit");
    expect(make({ topics: ["t"], ...{ topic: "t" } })).toThrow("topic is no option of a group consumer");
  });

  it("takes nothing once it is closed, also by its client", async () => {
    const { consumer, client: own } = await member();
    const { seen, ended } = readOn(consumer);
    await until("the assignment", () => consumer.assignment().length === 4);
    await own.close();
    await ended;
    expect(seen).toEqual([]);
    await expect(consumer.commit()).rejects.toMatchObject({ reason: "CANCELLED" });
    expect(await consumer.records().next()).toEqual({ done: true, value: undefined });
  });
});

describe("a record in a loop", () => {
  it("is done when the next is asked for", async () => {
    await produce(30);
    const { consumer } = await member({ autoCommitIntervalMs: 60_000 });
    const { seen } = readOn(consumer, (name) => (name === "t-0@9" ? consumer.close() : undefined));
    await until("the end", () => seen.length === 10);
    await consumer.close();
    expect((await committed())[0]).toBe(9);
  });

  it("comes again to the next loop after one that was left with it, be it that its body threw", async () => {
    await produce(10);
    const { consumer } = await member();
    const failing = readOn(consumer, (name) => {
      if (name === "t-0@5") throw new Error("work failed");
    });
    await expect(failing.ended).rejects.toThrow("work failed");
    const worked = failing.seen.slice(0, -1);
    for await (const { offset } of consumer) {
      worked.push(`t-0@${offset}`);
      if (offset === 6) break;
    }
    expect(worked.slice(-2)).toEqual(["t-0@5", "t-0@6"]);
    await consumer.run({
      concurrency: 1,
      handler: ({ offset }) => {
        worked.push(`t-0@${offset}`);
        if (offset === 9) consumer.stop();
      },
    });
    expect(worked.slice(-4)).toEqual(["t-0@6", "t-0@7", "t-0@8", "t-0@9"]);
    await consumer.close();
    expect((await committed())[0]).toBe(10);
  });

  it("does not come again if it was committed after the loop, or before it was handed out", async () => {
    await produce(10);
    const one = await member();
    for await (const { offset } of one.consumer) if (offset === 3) break;
    await one.consumer.commit();
    expect((await one.consumer.records().next()).value.offset).toBe(4);
    await one.consumer.close();
    const other = await member({ group: "h", delivery: "at-most-once" });
    for await (const { offset } of other.consumer) if (offset === 3) break;
    expect((await other.consumer.records().next()).value.offset).toBe(4);
  });

  it("of a batch comes again with its batch", async () => {
    await produce(300);
    const { consumer } = await member({ deliveryBytes: 1_024 });
    const nexts: number[] = [];
    for (let loop = 0; loop < 2; loop++) {
      for await (const { firstOffset, nextOffset } of consumer.batches()) {
        nexts.push(firstOffset, nextOffset);
        if (firstOffset > 0) break;
      }
    }
    const [first, second, third, , again] = nexts;
    expect([first, third, again]).toEqual([0, second, second]);
  });

  it("is not done if the loop throws, and comes again to the next member", async () => {
    await produce(30);
    const { consumer } = await member();
    const failing = readOn(consumer, (name) => {
      if (name === "t-0@7") throw new Error("cannot");
    });
    await expect(failing.ended).rejects.toThrow("cannot");
    await consumer.close();
    const second = await member();
    expect(await read(second.consumer, 1)).toEqual(["t-0@7"]);
  });

  it("is done after a stop", async () => {
    await produce(30);
    const { consumer } = await member();
    const { seen, ended } = readOn(consumer, (name) => name === "t-0@4" && consumer.stop());
    await ended;
    expect(seen).toHaveLength(5);
    await consumer.close();
    expect((await committed())[0]).toBe(5);
  });

  it("of a batch is done with its batch", async () => {
    await produce(300);
    const { consumer } = await member({ deliveryBytes: 1_024, autoCommitIntervalMs: 60_000 });
    const batches = consumer.batches();
    const first = (await batches.next()).value;
    const second = (await batches.next()).value;
    expect(second.firstOffset).toBe(first.nextOffset);
    await consumer.close();
    expect((await committed())[0]).toBe(first.nextOffset);
  });
});

describe("commits", () => {
  it("happen by themselves while reading", async () => {
    await produce(30);
    const { consumer, told } = await member();
    readOn(consumer);
    await until("the commit of 30", async () => (await committed())[0] === 30);
    expect(told.all("committed").at(-1)).toBe("committed t-0@30");
  });

  it("happen by hand alone if that is asked for", async () => {
    await produce(30);
    const { consumer, told } = await member({ autoCommit: false, autoCommitIntervalMs: 100 });
    await read(consumer, 20);
    await consumer.commit();
    await read(consumer, 5);
    await consumer.close();
    expect(told.all("committed")).toEqual(["committed t-0@20"]);
    expect((await committed())[0]).toBe(20);
  });

  it("take offsets and a text, of partitions of the member only", async () => {
    await produce(30);
    const { consumer } = await member({ autoCommit: false });
    await read(consumer, 20);
    await consumer.commit([{ ...p0, offset: 7, metadata: "seven" }]);
    expect(await consumer.committed([p0])).toMatchObject([{ committed: { offset: 7, metadata: "seven" } }]);
    await consumer.commit([{ ...p0, offset: 5 }]);
    expect(consumer.assignment()[0]!.committed).toBe(7);
    await consumer.commit([{ ...p0, offset: 5, rewind: true }]);
    expect(consumer.assignment()[0]!.committed).toBe(5);
    const others = consumer.commit([
      { topic: "u", partition: 0, offset: 1 },
      { ...p0, offset: 6 },
    ]);
    await expect(others).rejects.toMatchObject({ reason: "STALE_MEMBER_EPOCH" });
    expect(consumer.assignment()[0]!.committed).toBe(6);
    const beyond = consumer.commit([{ ...p0, offset: 31 }]);
    await expect(beyond).rejects.toMatchObject({ reason: "OFFSET_OUT_OF_RANGE" });
  });

  it("go with one call for many partitions", async () => {
    for (const partition of [0, 1, 2, 3]) await produce(10, partition);
    const calls: number[] = [];
    const { groups } = cluster.broker;
    const commit = groups.commit.bind(groups);
    groups.commit = (command) => {
      calls.push(command.offsets.length);
      return commit(command);
    };
    const { consumer } = await member({ autoCommit: false });
    await read(consumer, 40);
    await Promise.all([consumer.commit(), consumer.commit(), consumer.commit()]);
    expect(calls).toEqual([4]);
  });
});

describe("delivery at most once", () => {
  it("commits before it hands out, some records ahead", async () => {
    await produce(300);
    const { consumer } = await member({ delivery: "at-most-once" });
    for await (const { offset } of consumer) {
      const ahead = (await committed())[0]! - offset;
      expect(ahead).toBeGreaterThan(0);
      expect(ahead).toBeLessThanOrEqual(100);
      if (offset === 250) break;
    }
  });

  it("hands out nothing twice, whoever dies", async () => {
    await produce(300);
    const first = await member({ delivery: "at-most-once" });
    const seen = await read(first.consumer, 20);
    await first.consumer.close();
    const second = await member({ delivery: "at-most-once" });
    const { seen: later } = readOn(second.consumer);
    await until("the last", () => later.includes("t-0@299"));
    expect(later.filter((name) => seen.includes(name))).toEqual([]);
    expect(later[0]).toBe("t-0@100");
  });

  it("commits a whole batch, and by run as by a loop", async () => {
    await produce(300);
    const { consumer } = await member({ delivery: "at-most-once", deliveryBytes: 1_024 });
    const { value } = await consumer.batches().next();
    expect((await committed())[0]).toBe(value.nextOffset);
    await consumer.close();
    const second = await member({ delivery: "at-most-once" });
    const offsets: number[] = [];
    await second.consumer.run({
      handler: async ({ offset }) => {
        expect((await committed())[0]).toBeGreaterThan(offset);
        if (offset === 299) second.consumer.stop();
        offsets.push(offset);
      },
    });
    expect(offsets.toSorted((one, other) => one - other)).toEqual(
      Array.from({ length: 300 - value.nextOffset }, (_, index) => value.nextOffset + index),
    );
  });
});
