import { describe, expect, it } from "vitest";
import { sleep, systemClock } from "../../src/base/index.ts";
import { MillraceError } from "../../src/errors/index.ts";
import { closedGate } from "../support/gate.ts";
import { client, cluster, committed, member, produce, readOn, until } from "./group-rig.ts";

/** Answers commits instead of the broker, as long as there is an answer. */
function answerCommits(answer: () => MillraceError | undefined): void {
  const { groups } = cluster.broker;
  const commit = groups.commit.bind(groups);
  groups.commit = async (command) => {
    const error = answer();
    if (error !== undefined) throw error;
    return commit(command);
  };
}

const isNoCommit = (event: string) => !event.startsWith("committed");

describe("within the session timeout, a member", () => {
  it("keeps its partitions over broken connections, and reads and commits on", async () => {
    await produce(50);
    const { consumer, told } = await member();
    const { seen } = readOn(consumer);
    for (const count of [50, 100, 150]) {
      await until("the records", () => seen.length === count);
      cluster.proxy.cut();
      await produce(50);
    }
    await until("the commit", async () => (await committed())[0] === 200);
    expect(new Set(seen).size).toBe(seen.length);
    expect(told.events.filter(isNoCommit)).toEqual(["assigned t-0,t-1,t-2,t-3"]);
  });

  it("keeps them over a restart of the broker", async () => {
    await produce(50);
    const one = await member();
    const two = await member();
    const first = readOn(one.consumer);
    const second = readOn(two.consumer);
    await until("a stable group", async () => (await client.admin().describeGroup("g")).memberCount === 2);
    await until("the records", () => first.seen.length + second.seen.length === 50);
    await until("the shares", () => one.consumer.assignment().length === 2);
    const told = [...one.told.events, ...two.told.events].filter(isNoCommit).length;
    await cluster.restart();
    for (const partition of [0, 1, 2, 3]) await produce(20, partition);
    await until("the new records", () => first.seen.length + second.seen.length === 130);
    await until("the commit", async () => (await committed())[0] === 70);
    expect([...one.told.events, ...two.told.events].filter(isNoCommit)).toHaveLength(told);
  });

  it("gives up what it was asked to before the break", async () => {
    await produce(30, 3);
    const gate = closedGate();
    const one = await member();
    const reading = readOn(one.consumer, (name) => (name === "t-3@5" ? gate.opened : undefined));
    await until("the record in hand", () => one.consumer.position("t", 3) === 6);
    const two = await member();
    const { seen } = readOn(two.consumer);
    await until("the plan", async () => {
      const { members } = await client.admin().describeGroup("g");
      return members.some(({ revoking }) => revoking.length > 0);
    });
    cluster.proxy.cut();
    gate.open();
    await until("the new owner", () => two.consumer.assignment().some(({ partition }) => partition === 3));
    await until("the rest", () => reading.seen.length + seen.length >= 30);
    expect(new Set([...reading.seen, ...seen]).size).toBe(30);
    expect([...one.told.all("lost"), ...two.told.all("lost")]).toEqual([]);
  });
});

describe("beyond the session timeout, a member", () => {
  it("has lost its partitions by its own clock, and joins anew when it can", async () => {
    await produce(30);
    const { consumer, told } = await member({ sessionTimeoutMs: 1_000, autoCommitIntervalMs: 60_000 });
    const { seen } = readOn(consumer);
    await until("the records", () => seen.length === 30);
    cluster.proxy.partition();
    await until("the loss", () => told.all("lost").length === 1);
    expect([consumer.assignment(), consumer.memberEpoch]).toEqual([[], 0]);
    cluster.proxy.heal();
    await until("the records again", () => seen.length === 60);
    expect(told.events).toEqual([
      "assigned t-0,t-1,t-2,t-3",
      "lost t-0,t-1,t-2,t-3 UNKNOWN_MEMBER",
      "assigned t-0,t-1,t-2,t-3",
    ]);
  });

  it("does not commit what its handlers did of lost partitions, and tells them", async () => {
    await produce(30);
    const { consumer, told } = await member({ sessionTimeoutMs: 1_000, autoCommitIntervalMs: 100 });
    const gate = closedGate();
    const aborted: boolean[] = [];
    const run = consumer.run({
      concurrency: 1,
      handler: async ({ offset }, { signal }) => {
        if (offset !== 0 || aborted.length > 0) return;
        await gate.opened;
        aborted.push(signal.aborted);
        throw new Error("of a lost partition");
      },
    });
    await until("the assignment", () => consumer.position("t", 0) === 30);
    cluster.proxy.partition();
    await until("the loss", () => told.all("lost").length === 1);
    gate.open();
    await until("the handler", () => aborted.length === 1);
    expect(told.all("committed")).toEqual([]);
    cluster.proxy.heal();
    await until("the work anew", () => told.events.at(-1) === "committed t-0@30");
    consumer.stop();
    await run;
    expect(aborted).toEqual([true]);
  });

  it("that others took over from learns it from the coordinator, be it by a commit", async () => {
    await produce(30);
    const { consumer, told } = await member({ autoCommitIntervalMs: 100 });
    const { seen } = readOn(consumer);
    await until("the commit", () => told.events.includes("committed t-0@30"));
    let refusals = 1;
    answerCommits(() => (refusals-- > 0 ? new MillraceError("UNKNOWN_MEMBER", "gone") : undefined));
    await produce(10);
    await until("the new start", () => told.all("assigned").length === 2);
    await until("the records again", () => seen.length === 50);
    expect(told.all("lost")).toEqual(["lost t-0,t-1,t-2,t-3 UNKNOWN_MEMBER"]);
    await until("the commit", async () => (await committed())[0] === 40);
  });

  it("that is told that one partition is another's loses that one alone", async () => {
    for (const partition of [0, 1]) await produce(10, partition);
    const { consumer, told } = await member({ autoCommit: false });
    const { seen } = readOn(consumer);
    await until("the records", () => seen.length === 20);
    const { groups } = cluster.broker;
    const commit = groups.commit.bind(groups);
    groups.commit = async (command) => {
      const results = await commit(command);
      return command.offsets.map(({ partition }, index) =>
        partition === 1 ? new MillraceError("STALE_MEMBER_EPOCH", "another's") : results[index]!,
      );
    };
    await expect(consumer.commit()).rejects.toMatchObject({ reason: "STALE_MEMBER_EPOCH" });
    expect(told.all("lost")).toEqual(["lost t-1 STALE_MEMBER_EPOCH"]);
    await until("it comes again", () => told.events.includes("assigned t-1"));
    expect(told.events).toContain("committed t-0@10");
  });

  it("is told so by commit if it commits by hand, once", async () => {
    await produce(10);
    const { consumer, told } = await member({ sessionTimeoutMs: 1_000, autoCommit: false });
    const { seen } = readOn(consumer);
    await until("the records", () => seen.length === 10);
    cluster.proxy.partition();
    await until("the loss", () => told.all("lost").length === 1);
    cluster.proxy.heal();
    await expect(consumer.commit()).rejects.toMatchObject({ reason: "UNKNOWN_MEMBER" });
    await until("the records again", () => seen.length === 20);
    await consumer.commit();
    expect((await committed())[0]).toBe(10);
    const stale = consumer.commit([{ topic: "u", partition: 0, offset: 0 }]);
    await expect(stale).rejects.toMatchObject({ reason: "STALE_MEMBER_EPOCH" });
  });
});

describe("a commit", () => {
  it("is made again until it is taken, the newest offset alone", async () => {
    await produce(30);
    const retries: string[] = [];
    const { consumer, told } = await member({ onRetry: ({ reason }) => retries.push(reason) });
    let answers = 3;
    answerCommits(() => (answers-- > 0 ? new MillraceError("OVERLOADED", "not now") : undefined));
    readOn(consumer);
    await until("the commit", async () => (await committed())[0] === 30);
    expect(told.all("committed").at(-1)).toBe("committed t-0@30");
    expect(retries.filter((reason) => reason === "OVERLOADED")).toHaveLength(3);
  });

  it("is made by whoever coordinates the group after a restart", async () => {
    await produce(30);
    const { consumer } = await member({ autoCommit: false });
    const { seen } = readOn(consumer);
    await until("the records", () => seen.length === 30);
    const restarted = cluster.restart();
    const commit = consumer.commit();
    await Promise.all([restarted, commit]);
    expect((await committed())[0]).toBe(30);
  });

  it("that nobody takes in time is told to whoever waits for it", async () => {
    await produce(30);
    const { consumer } = await member({ autoCommit: false, retryTimeoutMs: 300 });
    const { seen } = readOn(consumer);
    await until("the records", () => seen.length === 30);
    let isFull = true;
    answerCommits(() => (isFull ? new MillraceError("STORAGE_FULL", "no room") : undefined));
    await expect(consumer.commit()).rejects.toMatchObject({ reason: "STORAGE_FULL" });
    isFull = false;
  });

  it("ahead of a record that will never be taken is thrown, and nothing is handed out", async () => {
    await produce(30);
    const { consumer } = await member({ delivery: "at-most-once" });
    let refusals = 3;
    answerCommits(() => (refusals-- > 0 ? new MillraceError("INVALID_REQUEST", "never") : undefined));
    await expect(consumer.records().next()).rejects.toMatchObject({ reason: "INVALID_REQUEST" });
    await expect(consumer.batches().next()).rejects.toMatchObject({ reason: "INVALID_REQUEST" });
    const begun: number[] = [];
    const handler = ({ offset }: { readonly offset: number }) => void begun.push(offset);
    await expect(consumer.run({ handler })).rejects.toMatchObject({ reason: "INVALID_REQUEST" });
    expect(begun).toEqual([]);
    expect((await consumer.records().next()).value).toMatchObject({ offset: 0 });
  });

  it("that nobody waits for and that will never be taken is thrown by the iteration", async () => {
    await produce(30);
    const { consumer, told } = await member();
    answerCommits(() => new MillraceError("INVALID_REQUEST", "never"));
    await expect(readOn(consumer).ended).rejects.toMatchObject({ reason: "INVALID_REQUEST" });
    expect(told.all("INVALID_REQUEST")).toEqual(["INVALID_REQUEST t-0@30"]);
  });
});

describe("a failure that does not pass", () => {
  it("of a partition ends the iteration, and the others are read by the next", async () => {
    for (const partition of [0, 1, 2, 3]) await produce(20, partition);
    await cluster.restart({ lost: ["t-2"] });
    const { consumer } = await member();
    const read = (partition: number) => consumer.position("t", partition) === 20;
    let failures = 0;
    while (![0, 1, 3].every(read)) {
      const { seen, ended } = readOn(consumer);
      await expect(ended).rejects.toMatchObject({ reason: "LOG_CORRUPT" });
      expect(seen.filter((name) => name.startsWith("t-2"))).toEqual([]);
      failures++;
    }
    expect(failures).toBeGreaterThan(1);
  });

  it("of a partition ends a run with it, and what is done of the others is committed", async () => {
    for (const partition of [0, 1, 2, 3]) await produce(20, partition);
    await cluster.restart({ lost: ["t-2"] });
    const { consumer } = await member();
    const isRead = async () => (await committed()).filter((offset) => offset === 20).length === 3;
    let failures = 0;
    while (!(await isRead())) {
      const run = consumer.run({ handler: () => sleep(systemClock, 1) });
      await expect(run).rejects.toMatchObject({ reason: "LOG_CORRUPT" });
      failures++;
    }
    expect(failures).toBeGreaterThan(1);
  });

  it("of the membership ends the iteration after retryTimeoutMs, and the next tries again", async () => {
    await produce(10);
    const { consumer } = await member({ retryTimeoutMs: 300 });
    cluster.proxy.partition();
    await expect(readOn(consumer).ended).rejects.toMatchObject({ reason: "DISCONNECTED" });
    cluster.proxy.heal();
    const { seen } = readOn(consumer);
    await until("the records", () => seen.length === 10);
  });

  it("to answer the join is thrown, and a close does not wait for it", async () => {
    const { groups } = cluster.broker;
    groups.join = () => new Promise(() => {});
    const { consumer } = await member({ retryTimeoutMs: 0 });
    const next = consumer.records().next();
    await expect(next).rejects.toMatchObject({ reason: "DEADLINE_EXCEEDED" });
    readOn(consumer);
    const beganMs = systemClock.monotonicMs();
    await consumer.close();
    expect(systemClock.monotonicMs() - beganMs).toBeLessThan(20_000);
  });

  it("of the subscription is thrown at once", async () => {
    const { consumer } = await member({ topics: [], topicPattern: "(?=t)" });
    await expect(readOn(consumer).ended).rejects.toMatchObject({ reason: "INVALID_REQUEST" });
  });
});

describe("a consumer that closes in trouble", () => {
  it("ends in its time though nobody can be reached", async () => {
    await produce(10);
    const { consumer, told } = await member({ autoCommitIntervalMs: 60_000 });
    const { seen, ended } = readOn(consumer);
    await until("the records", () => seen.length === 10);
    cluster.proxy.partition();
    await consumer.close({ timeoutMs: 100 });
    await ended;
    cluster.proxy.heal();
    expect(told.events.filter(isNoCommit)).toEqual(["assigned t-0,t-1,t-2,t-3", "revoked t-0,t-1,t-2,t-3"]);
  });
});
