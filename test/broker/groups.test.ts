import { describe, expect, it } from "vitest";
import { systemRandom } from "../../src/base/index.ts";
import { Broker, type BrokerOptions, type ReadResult } from "../../src/broker/index.ts";
import { MemoryFileSystem } from "../../src/fs/index.ts";
import { MemoryMetadataStore } from "../../src/metadata/index.ts";
import { murmur2 } from "../../src/record/index.ts";
import { batchOf } from "../log/batches.ts";
import { memberOf, openGroups } from "../group/members.ts";
import { ManualClock } from "../support/manual-clock.ts";
import { turn } from "../support/turns.ts";

const clock = new ManualClock();

function world(options: Partial<BrokerOptions> = {}) {
  const fs = new MemoryFileSystem();
  const metadata = new MemoryMetadataStore(systemRandom);
  const open = async () => {
    const broker = await Broker.open({ fs, metadata, dataDir: "/data", clock, ...options });
    await openGroups(broker.groups);
    return broker;
  };
  return { open };
}

async function withRecords(broker: Broker, topic: string, partitionCount: number, records: number) {
  await broker.createTopic({ name: topic, partitionCount });
  for (let partition = 0; partition < partitionCount; partition++) {
    const values = Array.from({ length: records }, (_, i) => `v${i}`);
    await broker.produce(topic, partition, batchOf(values), undefined);
  }
}

describe("groups of a broker", () => {
  it("share partitions, and go on where they committed after a restart", async () => {
    const { open } = world();
    const broker = await open();
    await withRecords(broker, "orders", 4, 10);
    const a = await memberOf(broker.groups, { group: "g", memberId: "a", topics: ["orders"] });
    await a.until(() => a.partitions.size === 4);
    const committed = await broker.groups.commit({
      group: "g",
      member: { memberId: "a", memberEpoch: a.epoch },
      offsets: [{ topic: "orders", partition: 1, offset: 7, metadata: "here", rewind: false }],
    });
    expect(committed).toEqual([7]);
    expect(broker.groups.list()).toMatchObject([{ group: "g", state: "stable", memberCount: 1 }]);
    expect(broker.groups.describe("g").partitions).toMatchObject([
      { partition: 0, lag: 10, memberId: "a", progress: "reading" },
      { partition: 1, lag: 3, committed: { offset: 7, metadata: "here", expired: false } },
      { partition: 2, lag: 10 },
      { partition: 3, lag: 10 },
    ]);
    await broker.close();
    expect(a.end?.reason).toBe("SHUTTING_DOWN");

    const next = await open();
    expect(next.groups.committed("g", [])).toMatchObject([
      { topic: "orders", partition: 1, committed: { offset: 7 } },
    ]);
    expect(next.groups.describe("g").members).toMatchObject([{ memberId: "a", connected: false }]);
    const back = await memberOf(next.groups, {
      group: "g",
      memberId: "a",
      topics: ["orders"],
      memberEpoch: a.epoch,
      owned: [0, 1, 2, 3].map((partition) => ({ topic: "orders", partition })),
    });
    await back.until(() => back.changes.length > 0);
    expect(back.changes[0]).toMatchObject({ revoked: [] });
    expect(next.groups.describe("g").members).toMatchObject([{ memberId: "a", connected: true }]);
    await next.close();
  });

  it("keep to the partition of their name's murmur2, as Kafka's do", async () => {
    const broker = await world().open();
    await withRecords(broker, "t", 1, 1);
    const offsets = [{ topic: "t", partition: 0, offset: 1, metadata: "", rewind: false }];
    for (const group of ["a", "billing", "ü-not"]) {
      const commit = broker.groups.commit({ group, member: undefined, offsets });
      if (group.startsWith("ü")) await expect(commit).rejects.toMatchObject({ reason: "INVALID_REQUEST" });
      else await commit;
    }
    const { partitions } = broker.describeTopic("__consumer_offsets");
    const filled = partitions
      .filter(({ highWatermark }) => highWatermark > 0)
      .map(({ partition }) => partition);
    const expected = ["a", "billing"].map((group) => (murmur2(Buffer.from(group)) & 0x7fffffff) % 8);
    expect(filled).toEqual(expected.sort());
    await broker.close();
  });

  it("survive compaction of their log, which stays small", async () => {
    const { open } = world({ cleanerIntervalMs: 1_000, checkpointIntervalMs: 500 });
    const broker = await open();
    await withRecords(broker, "t", 20, 1);
    const commit = (group: string, round: number) =>
      broker.groups.commit({
        group,
        member: undefined,
        offsets: Array.from({ length: 20 }, (_, partition) => {
          const metadata = `${round} ${"m".repeat(4_000)}`;
          return { topic: "t", partition, offset: round % 2, metadata, rewind: true };
        }),
      });
    const bytes = () =>
      broker.describeTopic("__consumer_offsets").partitions.reduce((sum, p) => sum + p.bytes, 0);
    await commit("kept", 0);
    const { length } = broker.groups.committed("kept", []);
    for (let round = 0; round < 120; round++) await commit("g", round);
    const before = bytes();
    expect(before).toBeGreaterThan(8 * 1_048_576);
    for (let turns = 0; turns < 2_000 && bytes() > before / 2; turns++) {
      clock.advance(100);
      await turn();
    }
    expect(bytes()).toBeLessThan(before / 2);
    const expected = [broker.groups.committed("g", []), broker.groups.committed("kept", [])];
    await broker.close();
    const next = await open();
    expect([next.groups.committed("g", []), next.groups.committed("kept", [])]).toEqual(expected);
    expect(length).toBe(20);
    await next.close();
  });
});

describe("the topic of groups", () => {
  it("is the broker's: it can be read, and nothing else", async () => {
    const broker = await world().open();
    await withRecords(broker, "t", 1, 1);
    await memberOf(broker.groups, { group: "g", memberId: "a", topics: ["t"] });
    const name = "__consumer_offsets";
    const refused = { reason: "INVALID_REQUEST", message: expect.stringContaining("internal") };
    await expect(broker.produce(name, 0, batchOf(["x"]), undefined)).rejects.toMatchObject(refused);
    await expect(broker.deleteTopic(name)).rejects.toMatchObject(refused);
    await expect(broker.alterTopicConfig(name, { set: {}, reset: [] })).rejects.toMatchObject(refused);
    await expect(broker.addPartitions(name, 9)).rejects.toMatchObject(refused);
    await expect(broker.trimPartition(name, 0, undefined)).rejects.toMatchObject(refused);
    await expect(broker.createTopic({ name: "__mine" })).rejects.toMatchObject(refused);
    expect(broker.listTopics().map((topic) => topic.name)).toEqual(["t"]);
    expect(broker.listTopics({ includeInternal: true }).map((topic) => topic.name)).toEqual([name, "t"]);
    const partition = (murmur2(Buffer.from("g")) & 0x7fffffff) % 8;
    const position = { topic: name, partition, offset: 0, maxBytes: 100_000 };
    const [read] = await broker.fetch([position], { minBytes: 1, maxWaitMs: 0, maxBytes: 100_000 });
    expect(String((read as ReadResult).chunks[0])).toContain('{"type":"member","group":"g","memberId":"a"}');
    await broker.close();
  });

  it("obeys neither the operator's defaults nor the bound on partitions, and is no topic for groups", async () => {
    const topicDefaults = { "retention.ms": "1", "flush.mode": "written", "max.message.bytes": "100" };
    const broker = await world({ topicDefaults, partitionsPerBrokerMax: 1 }).open();
    await withRecords(broker, "t", 1, 1);
    const a = await memberOf(broker.groups, { group: "g", memberId: "a", topicPattern: ".*" });
    await a.until(() => a.partitions.size === 1);
    const configs = broker
      .describeTopic("__consumer_offsets")
      .configs.map(({ name, value }) => [name, value]);
    expect(Object.fromEntries(configs)).toMatchObject({
      "cleanup.policy": "compact",
      "flush.mode": "durable",
      "max.message.bytes": "3145728",
      "retention.ms": "-1",
      "retention.bytes": "-1",
    });
    const offset = { topic: "__consumer_offsets", partition: 0, offset: 0, metadata: "", rewind: false };
    const commit = { group: "h", member: undefined, offsets: [offset] };
    expect(await broker.groups.commit(commit)).toMatchObject([{ reason: "TOPIC_NOT_FOUND" }]);
    await broker.close();
  });
});
