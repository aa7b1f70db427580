import { describe, expect, it } from "vitest";
import { sleep, systemClock } from "../../src/base/index.ts";
import type { TopicPartition } from "../../src/client/index.ts";
import { closedGate } from "../support/gate.ts";
import { client, committed, member, produce, read, readOn, until } from "./group-rig.ts";

/** Waits until the group is stable with so many members. */
function stable(members: number): Promise<void> {
  return until(`a stable group of ${members}`, async () => {
    const { state, memberCount } = await client.admin().describeGroup("g");
    return state === "stable" && memberCount === members;
  });
}

describe("members of a group", () => {
  it("share the partitions, and hand over without reading a record twice or leaving one out", async () => {
    for (const partition of [0, 1, 2, 3]) await produce(200, partition);
    const one = await member({ deliveryBytes: 1_024 });
    const first = readOn(one.consumer, () => sleep(systemClock, 0));
    await until("some records", () => first.seen.length > 20);
    const two = await member({ deliveryBytes: 1_024 });
    const second = readOn(two.consumer, () => sleep(systemClock, 0));
    await stable(2);
    expect([one.consumer.assignment().length, two.consumer.assignment().length]).toEqual([2, 2]);
    await until("everything", () => first.seen.length + second.seen.length >= 800);
    expect(new Set([...first.seen, ...second.seen]).size).toBe(800);
    expect(first.seen.length + second.seen.length).toBe(800);
    expect(one.told.all("revoked")).toHaveLength(1);
    await two.consumer.close();
    await until("the way back", () => one.consumer.assignment().length === 4);
    expect([...one.told.all("lost"), ...two.told.all("lost")]).toEqual([]);
  });

  it("may seek in onAssigned what is to be given up before that has ended", async () => {
    await produce(3);
    const { opened, open } = closedGate();
    let coming: readonly TopicPartition[] = [];
    const one = await member({
      onAssigned: async (partitions) => {
        coming = partitions;
        await opened;
        for (const partition of partitions) {
          one.consumer.pause([partition]);
          await one.consumer.seek(partition, 0);
          one.consumer.resume([partition]);
        }
      },
    });
    const first = readOn(one.consumer);
    await until("the first assignment", () => coming.length === 4);
    const two = await member();
    const second = readOn(two.consumer);
    await until("the call for two of them", async () => {
      const { members } = await client.admin().describeGroup("g");
      return members.some(({ revoking }) => revoking.length === 2);
    });
    open();
    await stable(2);
    await until("the records", () => first.seen.length + second.seen.length === 3);
    const gone = coming.find((place) =>
      one.consumer.assignment().every(({ partition }) => partition !== place.partition),
    );
    await expect(one.consumer.seek(gone!, 0)).rejects.toMatchObject({ reason: "INVALID_REQUEST" });
  });

  it("may share by ranges", async () => {
    const one = await member({ assignor: "range" });
    readOn(one.consumer);
    const two = await member({ assignor: "range" });
    readOn(two.consumer);
    await stable(2);
    const partitions = [one, two].map(({ consumer }) =>
      consumer
        .assignment()
        .map(({ partition }) => partition)
        .toSorted(),
    );
    expect(partitions.toSorted()).toEqual([
      [0, 1],
      [2, 3],
    ]);
  });
});

describe("a partition that is revoked", () => {
  /**
   * A member with all partitions that waits in its loop at offset 5 of partition 3, and another that joins then and gets
   * that one among others.
   */
  async function joinWhileInHand(options: Parameters<typeof member>[0] = {}) {
    await produce(30, 3);
    const gate = closedGate();
    const one = await member(options);
    const reading = readOn(one.consumer, (name) => (name === "t-3@5" ? gate.opened : undefined));
    await until("the record in hand", () => reading.seen.length === 6);
    const two = await member();
    const others = readOn(two.consumer);
    await until("the plan", async () => {
      const { members } = await client.admin().describeGroup("g");
      return members.some(({ revoking }) => revoking.some(({ partition }) => partition === 3));
    });
    return { one, two, gate, reading, others };
  }

  it("is released when the record in hand is done, which is committed first, and nothing follows it", async () => {
    const { one, gate, reading, others } = await joinWhileInHand();
    await sleep(systemClock, 50);
    expect(one.told.all("revoked")).toEqual([]);
    gate.open();
    await stable(2);
    await produce(1, 3);
    await until("the rest", () => others.seen.includes("t-3@30"));
    expect([reading.seen.at(-1), others.seen[0]]).toEqual(["t-3@5", "t-3@6"]);
    const { events } = one.told;
    const revoked = events.findIndex((event) => event.startsWith("revoked"));
    expect(events[revoked]).toContain("t-3");
    expect(events.indexOf("committed t-3@6")).toBeLessThan(revoked);
    expect(events).toContain("committed t-3@6");
  });

  it("is not waited for beyond four fifths of the rebalance timeout, and comes again to the other", async () => {
    const { one, two, gate, others } = await joinWhileInHand({ rebalanceTimeoutMs: 1_000 });
    await stable(2);
    await until("the record", () => others.seen.includes("t-3@29"));
    expect(others.seen[0]).toBe("t-3@5");
    gate.open();
    expect([...one.told.all("lost"), ...two.told.all("lost")]).toEqual([]);
  });

  it("waits for onRevoked, in which the program may commit", async () => {
    for (const partition of [0, 1, 2, 3]) await produce(10, partition);
    const gate = closedGate();
    const events: string[] = [];
    const one = await member({
      autoCommit: false,
      onRevoked: async () => {
        events.push("began");
        await gate.opened;
        await one.consumer.commit();
        events.push("ended");
      },
    });
    const first = readOn(one.consumer);
    await until("everything", () => first.seen.length === 40);
    const two = await member();
    const second = readOn(two.consumer);
    await until("onRevoked", () => events.length === 1);
    await sleep(systemClock, 50);
    expect(two.consumer.assignment()).toEqual([]);
    gate.open();
    await stable(2);
    expect(await committed()).toEqual([10, 10, 10, 10]);
    expect(events).toEqual(["began", "ended"]);
    expect(second.seen).toEqual([]);
  });

  it("is not worked on by handlers that had not begun, and what they would have done comes to the other", async () => {
    for (const partition of [0, 1, 2, 3]) await produce(50, partition);
    const gate = closedGate();
    const one = await member();
    const begun: string[] = [];
    const run = one.consumer.run({
      order: "partition",
      concurrency: 4,
      handler: async ({ partition, offset }) => {
        begun.push(`t-${partition}@${offset}`);
        if (offset === 10) await gate.opened;
      },
    });
    await until("all partitions", () => begun.length === 44);
    const two = await member();
    const { seen } = readOn(two.consumer);
    await sleep(systemClock, 50);
    expect(two.consumer.assignment()).toEqual([]);
    gate.open();
    await stable(2);
    await until("everything", () => begun.length + seen.length >= 200);
    expect(new Set([...begun, ...seen]).size).toBe(200);
    expect(begun.length + seen.length).toBe(200);
    one.consumer.stop();
    await run;
  });
});

describe("what a callback throws", () => {
  it.each(["onAssigned", "onCommit"] as const)("in %s is thrown by the iteration", async (name) => {
    await produce(10);
    const { consumer } = await member({
      [name]: () => {
        throw new Error(`from ${name}`);
      },
    });
    await expect(readOn(consumer).ended).rejects.toThrow(`from ${name}`);
  });

  it("in onRevoked is thrown by the iteration, and the partition is released all the same", async () => {
    const one = await member({ onRevoked: () => Promise.reject(new Error("from onRevoked")) });
    const { ended } = readOn(one.consumer);
    await until("the assignment", () => one.consumer.assignment().length === 4);
    const two = await member();
    readOn(two.consumer);
    await expect(ended).rejects.toThrow("from onRevoked");
    await stable(2);
  });
});

describe("a static member", () => {
  it("that closes without leaving has its partitions again when it is back, and nothing moves meanwhile", async () => {
    for (const partition of [0, 1, 2, 3]) await produce(10, partition);
    const one = await member({ instanceId: "one" });
    const other = await member({ instanceId: "other" });
    readOn(one.consumer);
    readOn(other.consumer);
    await stable(2);
    const before = one.consumer.assignment().map(({ partition }) => partition);
    const { events } = other.told;
    const told = events.filter((event) => !event.startsWith("committed")).length;
    await one.consumer.close({ leave: false });
    const again = await member({ instanceId: "one" });
    readOn(again.consumer);
    await until("the assignment", () => again.consumer.assignment().length === 2);
    expect(again.consumer.assignment().map(({ partition }) => partition)).toEqual(before);
    expect(events.filter((event) => !event.startsWith("committed"))).toHaveLength(told);
  });

  it("is fenced by another of its name, and of no use from then on", async () => {
    await produce(10);
    const one = await member({ instanceId: "one" });
    const { ended } = readOn(one.consumer);
    await until("the assignment", () => one.consumer.assignment().length === 4);
    const two = await member({ instanceId: "one" });
    const { seen } = readOn(two.consumer);
    await expect(ended).rejects.toMatchObject({ reason: "MEMBER_FENCED" });
    await expect(read(one.consumer, 1)).rejects.toMatchObject({ reason: "MEMBER_FENCED" });
    expect(one.told.all("lost")).toEqual(["lost t-0,t-1,t-2,t-3 MEMBER_FENCED"]);
    await until("its assignment", () => two.consumer.assignment().length === 4);
    await produce(1);
    await until("its records", () => seen.includes("t-0@10"));
    await one.consumer.close();
  });
});
