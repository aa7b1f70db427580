/** What failed is read again by who comes next, and nothing is passed over meanwhile. */
import { describe, expect, it } from "vitest";
import { sleep, systemClock } from "../../src/base/index.ts";
import type { OffsetGap } from "../../src/client/index.ts";
import { MillraceError } from "../../src/errors/index.ts";
import { closedGate } from "../support/gate.ts";
import { client, cluster, committed, member, produce, read, readOn, until } from "./group-rig.ts";

const p0 = { topic: "t", partition: 0 };

/** Answers the broker's subscriptions to a partition with an error, as long as there is one. Returns how many there were. */
function answerAssigns(answer: (partition: number) => MillraceError | undefined): { count: number } {
  const { broker } = cluster;
  const assigns = { count: 0 };
  const subscribe = broker.subscribe.bind(broker);
  broker.subscribe = (sink, options) => {
    const subscription = subscribe(sink, options);
    const assign = subscription.assign.bind(subscription);
    subscription.assign = (assignment, offset) => {
      assigns.count++;
      const error = answer(assignment.partition);
      if (error === undefined) assign(assignment, offset);
      else void sink.failed(assignment, error);
    };
    return subscription;
  };
  return assigns;
}

/** Lets the broker look offsets up only when the gate is open, and fail with what there is. */
function holdLookUps(opened: Promise<void>, failures: MillraceError[] = []): { count: number } {
  const { broker } = cluster;
  const lookUps = { count: 0 };
  const find = broker.findOffset.bind(broker);
  broker.findOffset = async (...query) => {
    lookUps.count++;
    await opened;
    const failure = failures.shift();
    if (failure !== undefined) throw failure;
    return find(...query);
  };
  return lookUps;
}

const offline = () => new MillraceError("STORAGE_OFFLINE", "the disk is away");

/** A callback that throws the first time, and what it was told. */
function refusingOnce() {
  const gaps: OffsetGap[] = [];
  const onReset = (gap: OffsetGap) => {
    gaps.push(gap);
    if (gaps.length === 1) throw new Error("not noted");
  };
  return { gaps, onReset };
}

describe("a partition that failed", () => {
  it("is read by the next iteration, once it can be, from where it was", async () => {
    await produce(20);
    let isBad = false;
    answerAssigns((partition) => (isBad && partition === 0 ? offline() : undefined));
    const { consumer } = await member({ retryTimeoutMs: 200, autoCommitIntervalMs: 60_000 });
    const before = await read(consumer, 8);
    isBad = true;
    cluster.proxy.cut();
    await expect(readOn(consumer).ended).rejects.toMatchObject({ reason: "STORAGE_OFFLINE" });
    isBad = false;
    const at = consumer.position("t", 0)!;
    const after = at === 20 ? [] : await read(consumer, 20 - at);
    expect(new Set([...before, ...after]).size).toBe(before.length + after.length);
    await produce(1);
    expect(await read(consumer, 1)).toEqual(["t-0@20"]);
    await consumer.close();
    expect((await committed())[0]).toBe(21);
  });

  it("is tried again and again, ever more seldom, while the others are read and each failure is thrown", async () => {
    for (const partition of [0, 1]) await produce(20, partition);
    let isBad = true;
    const assigns = answerAssigns((partition) => (isBad && partition === 0 ? offline() : undefined));
    const { consumer } = await member({ retryTimeoutMs: 0 });
    for (let failures = 0; failures < 4; failures++) {
      await expect(readOn(consumer).ended).rejects.toMatchObject({ reason: "STORAGE_OFFLINE" });
    }
    expect(consumer.position("t", 1)).toBe(20);
    expect(assigns.count).toBeLessThan(12);
    isBad = false;
    expect(await read(consumer, 1)).toEqual(["t-0@0"]);
  });

  it("is left alone while it is paused", async () => {
    for (const partition of [0, 1]) await produce(5, partition);
    let isBad = true;
    answerAssigns((partition) => (isBad && partition === 0 ? offline() : undefined));
    const { consumer } = await member({ retryTimeoutMs: 0 });
    await expect(readOn(consumer).ended).rejects.toMatchObject({ reason: "STORAGE_OFFLINE" });
    consumer.pause([p0]);
    const { seen } = readOn(consumer);
    await produce(5, 1);
    await until("the other", () => consumer.position("t", 1) === 10);
    isBad = false;
    consumer.resume([p0]);
    await until("the records", () => seen.includes("t-0@4"));
  });

  it("is worked on by the next run, from the first record that is not done", async () => {
    await produce(300, 0, undefined, 2_000);
    let isBad = false;
    answerAssigns((partition) => (isBad && partition === 0 ? offline() : undefined));
    const { consumer } = await member({
      retryTimeoutMs: 500,
      prefetchBytes: 65_536,
      deliveryBytes: 1_024,
      autoCommitIntervalMs: 60_000,
    });
    const worked = new Set<number>();
    const handler = async ({ offset }: { readonly offset: number }) => {
      if (offset === 40 && !isBad) {
        isBad = true;
        cluster.proxy.cut();
      }
      await sleep(systemClock, 1);
      worked.add(offset);
    };
    await expect(consumer.run({ handler })).rejects.toMatchObject({ reason: "STORAGE_OFFLINE" });
    isBad = false;
    const again = consumer.run({ handler });
    await until("the rest", () => worked.size === 300);
    consumer.stop();
    await again;
    await consumer.close();
    expect((await committed())[0]).toBe(300);
  });

  it("before its start was found is begun by the next iteration", async () => {
    await produce(20);
    const gate = closedGate();
    gate.open();
    holdLookUps(gate.opened, [new MillraceError("INTERNAL", "a hiccup")]);
    const { consumer } = await member({ startFrom: "end" });
    await expect(readOn(consumer).ended).rejects.toMatchObject({ reason: "INTERNAL" });
    const { seen } = readOn(consumer);
    await until("the starts", () => consumer.position("t", 0) === 20);
    await produce(5);
    await until("the new records", () => seen.length === 5);
  });
});

describe("a gap whose onReset throws", () => {
  it("is thrown, met again by the next iteration, and nothing behind it committed before", async () => {
    await produce(30);
    const { gaps, onReset } = refusingOnce();
    const { consumer } = await member({ onGap: "start", onReset });
    await client.admin().commitOffsets("g", [{ ...p0, offset: 3 }]);
    await client.admin().trimPartition({ ...p0, beforeOffset: 10 });
    await expect(readOn(consumer).ended).rejects.toThrow("not noted");
    await consumer.commit();
    expect([consumer.position("t", 0), (await committed())[0]]).toEqual([3, 3]);
    expect((await read(consumer, 20))[0]).toBe("t-0@10");
    expect(gaps).toMatchObject([
      { from: 3, to: 10, lost: 7 },
      { from: 3, to: 10, lost: 7 },
    ]);
  });

  it("is met again where an expired offset was the gap", async () => {
    await produce(30);
    await client.admin().commitOffsets("g", [{ ...p0, offset: 10 }]);
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
    const { gaps, onReset } = refusingOnce();
    const { consumer } = await member({ onGap: "end", onReset });
    await expect(readOn(consumer).ended).rejects.toThrow("not noted");
    await consumer.commit();
    expect([consumer.position("t", 0), (await committed())[0]]).toEqual([undefined, 10]);
    readOn(consumer);
    await until("the commit", async () => (await committed())[0] === 30);
    expect(gaps.map(({ from, to }) => [from, to])).toEqual([
      [10, 30],
      [10, 30],
    ]);
  });
});

describe("a partition that is sought and given up while its place is looked up", () => {
  it("is not read by who gave it up", async () => {
    for (const partition of [2, 3]) await produce(50, partition);
    const gate = closedGate();
    const assigns = answerAssigns(() => undefined);
    const one = await member({ startFrom: "end" });
    const lookUps = holdLookUps(gate.opened);
    readOn(one.consumer);
    await until("the look-up", () => lookUps.count > 0);
    const sought = [0, 1, 2, 3].map((partition) => one.consumer.seek({ topic: "t", partition }, 0));
    const two = await member();
    const { seen } = readOn(two.consumer);
    await until("the other's share", () => two.consumer.assignment().length === 2);
    gate.open();
    await Promise.all(sought);
    await until("the records", () =>
      one.consumer.assignment().every(({ position }) => position !== undefined),
    );
    await until("the other's records", () => seen.length >= 50);
    const before = assigns.count;
    await produce(10, 2);
    await produce(10, 3);
    await until("the last records", async () => (await committed())[3] === 60);
    expect(assigns.count - before).toBeLessThan(10);
  });
});

describe("failures that nobody is there for", () => {
  it("are not gathered: the first is thrown to who comes next, and no other", async () => {
    await produce(5);
    let callbacks = 0;
    const onCommit = () => {
      throw new Error(`commit ${++callbacks}`);
    };
    const { consumer } = await member({ autoCommit: false, onCommit });
    await read(consumer, 5);
    for (let offset = 1; offset <= 5; offset++) await consumer.commit([{ ...p0, offset }]);
    await expect(consumer.records().next()).rejects.toThrow("commit 1");
    await produce(1);
    expect(await read(consumer, 1)).toEqual(["t-0@5"]);
  });
});
