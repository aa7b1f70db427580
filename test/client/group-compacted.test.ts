/** A group reads a compacted log to its end, also where the end is offsets of which compaction has left no record. */
import { afterAll, beforeAll, expect, it } from "vitest";
import type { Client, GroupConsumer } from "../../src/client/index.ts";
import { keyed, keyedBatch } from "../log/compaction-rig.ts";
import { until } from "./group-rig.ts";
import { TestCluster } from "./test-cluster.ts";

const ROUNDS = 20;
const END = 3 * ROUNDS;

let cluster: TestCluster;
let client: Client;

/** Offsets of the records that are left of a partition. */
async function offsetsLeft(partition: number): Promise<number[]> {
  const reader = client.reader();
  await reader.assign([{ topic: "t", partition }]);
  const offsets: number[] = [];
  for await (const { offset } of reader.records({ stopAtEnd: true })) offsets.push(offset);
  await reader.close();
  return offsets;
}

/**
 * Partition 0 keeps one record at its beginning, partition 1 none; what follows is superseded, but for a tombstone at the
 * end. A broker that has lost its checkpoint cleans all of it again, and takes that away too.
 */
beforeAll(async () => {
  cluster = await TestCluster.start({ cacheBytes: 0, cleanerIntervalMs: 5, cleanerTimeShareMax: 1 });
  client = await cluster.connect();
  const configs = {
    "cleanup.policy": "compact",
    "segment.bytes": "1024",
    "min.cleanable.dirty.ratio": "0",
    "max.compaction.lag.ms": "1",
    "delete.retention.ms": "0",
  };
  await client.admin().createTopic({ name: "t", partitionCount: 2, configs });
  for (const partition of [0, 1]) {
    for (let round = 0; round < ROUNDS; round++) {
      const first = round === 0 && partition === 0 ? "kept=1" : "b=0";
      await cluster.broker.produce("t", partition, keyedBatch(keyed(first, "b=1", "b")), undefined);
    }
  }
  const isLeft =
    (...counts: number[]) =>
    async () => {
      const left = [await offsetsLeft(0), await offsetsLeft(1)];
      return left.every((offsets, partition) => offsets.length === counts[partition]);
    };
  await until("the first cleaning", isLeft(2, 1));
  await cluster.restart({ lost: ["cleaner-offset-checkpoint"] });
  await until("the second cleaning", isLeft(1, 0));
});

afterAll(async () => {
  await cluster.close();
});

const WAYS: Readonly<Record<string, (consumer: GroupConsumer) => Promise<unknown>>> = {
  records: async (consumer) => {
    for await (const record of consumer) expect(record.offset).toBe(0);
  },
  batches: async (consumer) => {
    for await (const batch of consumer.batches()) expect(batch.recordCount).toBe(1);
  },
  run: (consumer) => consumer.run({ handler: ({ offset }) => expect(offset).toBe(0) }),
};

it.each(Object.keys(WAYS))(
  "by %s commits the end of a log whose last offsets have no records",
  async (way) => {
    const group = `g-${way}`;
    const consumer = client.consumer({ group, topics: ["t"], autoCommitIntervalMs: 100 });
    const reading = WAYS[way]!(consumer);
    await until("the end", async () => {
      const places = [0, 1].map((partition) => ({ topic: "t", partition }));
      const offsets = await client.admin().committedOffsets(group, places);
      return offsets.every(({ committed }) => committed?.offset === END);
    });
    const { partitions } = await client.admin().describeGroup(group);
    expect(partitions.map(({ lag }) => lag)).toEqual([0, 0]);
    await consumer.close();
    await reading;
  },
);

it.each(Object.keys(WAYS))(
  "by %s commits that end though it is closed as soon as it is there",
  async (way) => {
    const group = `h-${way}`;
    let caughtUp = 0;
    const consumer = client.consumer({ group, topics: ["t"], onCaughtUp: () => void caughtUp++ });
    const reading = WAYS[way]!(consumer);
    await until("the marks", () => caughtUp === 2);
    await consumer.close();
    await reading;
    const { partitions } = await client.admin().describeGroup(group);
    expect(partitions.map(({ lag }) => lag)).toEqual([0, 0]);
  },
);
