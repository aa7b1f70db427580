import { describe, expect, it } from "vitest";
import type { OffsetGap } from "../../src/client/index.ts";
import { client, cluster, committed, member, produce, read, readOn, until } from "./group-rig.ts";

const p0 = { topic: "t", partition: 0 };

/** Commits for the group before there are members. */
function commitBefore(offset: number) {
  return client.admin().commitOffsets("g", [{ ...p0, offset }]);
}

/** Lets the committed offsets that members are given have expired. */
function expireCommitted(): void {
  const { groups } = cluster.broker;
  const join = groups.join.bind(groups);
  groups.join = (command, sink) =>
    join(command, {
      ended: (error) => sink.ended(error),
      changed: (change) => {
        const assigned = change.assigned.map(({ committed: known, ...place }) => ({
          ...place,
          committed: known && { ...known, expired: true },
        }));
        sink.changed({ ...change, assigned });
      },
    });
}

describe("a group that has committed nothing", () => {
  it("begins at the end if told so, which is committed at once", async () => {
    await produce(20);
    const { consumer } = await member({ startFrom: "end" });
    const { seen } = readOn(consumer);
    await until("the commit of the end", async () => (await committed())[0] === 20);
    await produce(5);
    await until("the new records", () => seen.length === 5);
    expect(seen[0]).toBe("t-0@20");
  });

  it("fails if told so, and begins where a seek says", async () => {
    await produce(20);
    const { consumer } = await member({ startFrom: "fail" });
    const failure = (partition: number) => ({
      reason: "OFFSET_OUT_OF_RANGE",
      details: { partition: `${partition}` },
    });
    await expect(consumer.records().next()).rejects.toMatchObject(failure(0));
    await expect(consumer.records().next()).rejects.toMatchObject(failure(0)); // until it is sought
    await consumer.seek(p0, "end");
    await expect(consumer.records().next()).rejects.toMatchObject(failure(1));
    for (const partition of [1, 2, 3]) await consumer.seek({ topic: "t", partition }, "end");
    await consumer.seek(p0, 15);
    expect(await read(consumer, 5)).toEqual([15, 16, 17, 18, 19].map((offset) => `t-0@${offset}`));
  });

  it("begins where onAssigned seeks", async () => {
    await produce(20);
    const { consumer } = await member({ onAssigned: () => consumer.seek(p0, 18) });
    expect(await read(consumer, 2)).toEqual(["t-0@18", "t-0@19"]);
  });
});

describe("a gap", () => {
  it.each([
    ["start", 10, 7],
    ["end", 30, 27],
  ] as const)(
    "before a trimmed log is passed to the %s, which is told and committed",
    async (onGap, to, lost) => {
      await produce(30);
      await commitBefore(3);
      await client.admin().trimPartition({ ...p0, beforeOffset: 10 });
      const gaps: OffsetGap[] = [];
      const { consumer } = await member({ onGap, onReset: (gap) => gaps.push(gap) });
      const { seen } = readOn(consumer);
      await until("the gap", () => gaps.length > 0);
      expect(gaps).toMatchObject([{ ...p0, from: 3, to, lost }]);
      await produce(1);
      await until("the last record", () => seen.includes("t-0@30"));
      expect(seen[0]).toBe(`t-0@${to}`);
      await until("the commit", async () => (await committed())[0] === 31);
    },
  );

  it("to the end is committed though nothing follows", async () => {
    await produce(30);
    await commitBefore(3);
    await client.admin().trimPartition({ ...p0, beforeOffset: 10 });
    const { consumer } = await member({ onGap: "end", onReset: () => {} });
    readOn(consumer);
    await until("the commit", async () => (await committed())[0] === 30);
  });

  it("fails unless declared, and nothing is committed", async () => {
    await produce(30);
    await commitBefore(3);
    await client.admin().trimPartition({ ...p0, beforeOffset: 10 });
    const { consumer } = await member();
    await expect(consumer.records().next()).rejects.toMatchObject({ reason: "OFFSET_OUT_OF_RANGE" });
    await consumer.close();
    expect((await committed())[0]).toBe(3);
  });

  it("is found where the log is trimmed while reading", async () => {
    await produce(30);
    const gaps: OffsetGap[] = [];
    const { consumer } = await member({ onGap: "start", onReset: (gap) => gaps.push(gap) });
    await read(consumer, 5);
    consumer.pause();
    await client.admin().trimPartition({ ...p0, beforeOffset: 20 });
    consumer.resume();
    expect((await read(consumer, 10))[0]).toBe("t-0@20");
    expect(gaps).toMatchObject([{ from: 5, to: 20, lost: 15 }]);
    await until("the commit", async () => (await committed())[0] === 30);
  });

  it.each([
    ["start", 0, 0],
    ["end", 30, 20],
  ] as const)("of an expired offset is passed to the %s", async (onGap, to, lost) => {
    await produce(30);
    await commitBefore(10);
    expireCommitted();
    const gaps: OffsetGap[] = [];
    const { consumer } = await member({ onGap, onReset: (gap) => gaps.push(gap) });
    readOn(consumer);
    await until("the gap", () => gaps.length > 0);
    expect(gaps).toMatchObject([{ ...p0, from: 10, to, lost, error: { reason: "OFFSET_OUT_OF_RANGE" } }]);
    await until("the commit", async () => (await committed())[0] === 30);
  });

  it("of an expired offset fails unless declared", async () => {
    await produce(30);
    await commitBefore(10);
    expireCommitted();
    const { consumer } = await member();
    const next = consumer.records().next();
    await expect(next).rejects.toThrow("the committed offset 10 of partition 0");
  });
});

describe("a seek", () => {
  it("backwards hands out again and lets the committed offset go back", async () => {
    await produce(30);
    const { consumer } = await member({ autoCommit: false });
    await read(consumer, 20);
    await consumer.commit();
    await consumer.seek(p0, 5);
    expect(consumer.position("t", 0)).toBe(5);
    await consumer.commit();
    expect((await committed())[0]).toBe(20);
    expect(await read(consumer, 2)).toEqual(["t-0@5", "t-0@6"]);
    await consumer.commit();
    expect((await committed())[0]).toBe(7);
  });

  it("within a loop leaves out what was read before it", async () => {
    await produce(30);
    const { consumer } = await member();
    const { seen } = readOn(consumer, async (name) => {
      if (name === "t-0@3") await consumer.seek(p0, "end");
    });
    await until("the seek", () => consumer.position("t", 0) === 30);
    await produce(1);
    await until("the last", () => seen.includes("t-0@30"));
    expect(seen).toHaveLength(5);
  });

  it("of a partition that is not assigned is refused", async () => {
    const { consumer } = await member();
    const sought = consumer.seek({ topic: "u", partition: 0 }, 0);
    await expect(sought).rejects.toMatchObject({ reason: "INVALID_REQUEST" });
    expect(() => consumer.pause([p0])).toThrow("not assigned to this member");
  });
});

describe("a paused partition", () => {
  it("is not handed out, while the others are, and those who describe the group are told", async () => {
    for (const partition of [0, 1]) await produce(30, partition);
    const { consumer } = await member();
    await read(consumer, 1);
    const before = consumer.position("t", 0)!;
    consumer.pause([p0]);
    await read(consumer, 30 - consumer.position("t", 1)!);
    expect([consumer.position("t", 0), consumer.position("t", 1)]).toEqual([before, 30]);
    const progress = async () => (await client.admin().describeGroup("g")).partitions[0]!.progress;
    await until("the status", async () => (await progress()) === "paused");
    consumer.resume();
    await until("the status", async () => (await progress()) !== "paused");
    expect((await read(consumer, 30 - before))[0]).toBe(`t-0@${before}`);
  });
});

describe("a topic", () => {
  it("that is deleted goes, and is read from its start when it is created again", async () => {
    await produce(20);
    const { consumer, told } = await member();
    const { seen } = readOn(consumer);
    await until("the commit", async () => (await committed())[0] === 20);
    await client.admin().deleteTopic("t");
    await until("the revocation", () => consumer.assignment().length === 0);
    await client.admin().createTopic({ name: "t", partitionCount: 4 });
    await produce(5);
    await until("the new records", () => seen.length === 25);
    expect(seen.slice(20)).toEqual([0, 1, 2, 3, 4].map((offset) => `t-0@${offset}`));
    expect(told.all("lost")).toEqual([]);
  });

  it("that grows is read with its new partitions", async () => {
    const { consumer } = await member();
    const { seen } = readOn(consumer);
    await until("the assignment", () => consumer.assignment().length === 4);
    await client.admin().addPartitions("t", 6);
    await until("the new assignment", () => consumer.assignment().length === 6);
    await produce(1, 5);
    await until("the record", () => seen.includes("t-5@0"));
  });
});

describe("a subscription", () => {
  it("by pattern may be of any syntax that the broker takes", async () => {
    await produce(1);
    const { consumer } = await member({ topics: [], topicPattern: "(?i)(?P<name>T)" });
    expect(await read(consumer, 1)).toEqual(["t-0@0"]);
  });

  it("by pattern picks up what appears later, and may be changed", async () => {
    const { consumer, told } = await member({ topics: [], topicPattern: "t|new-.*" });
    const { seen } = readOn(consumer);
    await until("the first assignment", () => told.all("assigned").length === 1);
    await client.admin().createTopic({ name: "new-1", partitionCount: 1 });
    const producer = client.producer();
    await producer.send("new-1", { value: "x" });
    await until("the record", () => seen.includes("new-1-0@0"));
    consumer.subscribe({ topics: ["new-1"] });
    await until("the revocation", () => told.all("revoked").length === 1);
    expect(told.events.filter((event) => !event.startsWith("committed"))).toEqual([
      "assigned t-0,t-1,t-2,t-3",
      "assigned new-1-0",
      "revoked t-0,t-1,t-2,t-3",
    ]);
    expect(consumer.assignment()).toHaveLength(1);
  });
});
