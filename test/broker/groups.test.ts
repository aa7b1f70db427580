import { describe, expect, it } from "vitest";
import { systemRandom } from "../../src/base/index.ts";
import { Broker } from "../../src/broker/index.ts";
import { MemoryFileSystem } from "../../src/fs/index.ts";
import { MemoryMetadataStore } from "../../src/metadata/index.ts";
import { batchOf } from "../log/batches.ts";
import { memberOf, openGroups } from "../group/members.ts";

async function world() {
  const fs = new MemoryFileSystem();
  const metadata = new MemoryMetadataStore(systemRandom);
  const open = async () => {
    const broker = await Broker.open({ fs, metadata, dataDir: "/data" });
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
    const { open } = await world();
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
});
