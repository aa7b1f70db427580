import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Client, GroupAdmin, SeekTarget } from "../../src/client/index.ts";
import { MillraceError } from "../../src/errors/index.ts";
import { TestCluster } from "./test-cluster.ts";

const FIRST_MS = Date.now() - 100_000;

let cluster: TestCluster;
let client: Client;
let admin: GroupAdmin;

/** Topic "t" of two partitions, each with ten records a second apart, and a group that has read some. */
beforeEach(async () => {
  cluster = await TestCluster.start();
  client = await cluster.connect();
  admin = client.admin();
  await client.admin().createTopic({ name: "t", partitionCount: 2 });
  const producer = client.producer();
  for (let number = 0; number < 20; number++) {
    const timestampMs = FIRST_MS + Math.floor(number / 2) * 1_000;
    producer.write("t", { partition: number % 2, value: `${number}`, timestampMs });
  }
  await producer.close();
  await admin.commitOffsets("g", [
    { topic: "t", partition: 0, offset: 4, metadata: "by hand" },
    { topic: "t", partition: 1, offset: 10 },
  ]);
});

afterEach(() => cluster.close());

/** Committed offsets by partition. */
async function committed(group = "g"): Promise<(number | undefined)[]> {
  const commits = await admin.committedOffsets(
    group,
    [0, 1].map((partition) => ({ topic: "t", partition })),
  );
  return commits.map((commit) => commit.committed?.offset);
}

describe("offsets that are committed by hand", () => {
  it("make the group, which has no member and says how far it is", async () => {
    expect(await admin.listGroups()).toEqual([
      { group: "g", state: "empty", memberCount: 0, groupEpoch: expect.any(Number), assignor: "uniform" },
    ]);
    const { partitions, members } = await admin.describeGroup("g");
    expect(members).toEqual([]);
    expect(partitions).toMatchObject([
      {
        partition: 0,
        committed: { offset: 4, metadata: "by hand", isExpired: false },
        highWatermark: 10,
        lag: 6,
        progress: "no-member",
      },
      { partition: 1, committed: { offset: 10, metadata: "" }, lag: 0 },
    ]);
    expect(Date.now() - partitions[0]!.committed!.committedAtMs).toBeLessThan(60_000);
    await expect(admin.describeGroup("gg")).rejects.toMatchObject({
      reason: "GROUP_NOT_FOUND",
      details: { nearest: "g" },
    });
  });

  it("go backwards only where that is said, and never beyond the log", async () => {
    const outcomes = await admin.commitOffsets("g", [
      { topic: "t", partition: 0, offset: 2 },
      { topic: "t", partition: 1, offset: 3, rewind: true },
      { topic: "t", partition: 1, offset: 11 },
      { topic: "t", partition: 2, offset: 0 },
      { topic: "u", partition: 0, offset: 0 },
    ]);
    expect(outcomes.map(({ offset, error }) => error?.reason ?? offset)).toEqual([
      4,
      3,
      "OFFSET_OUT_OF_RANGE",
      "PARTITION_NOT_FOUND",
      "TOPIC_NOT_FOUND",
    ]);
    expect(await committed()).toEqual([4, 3]);
  });

  it("are there after the broker was killed", async () => {
    await cluster.restart();
    for (;;) {
      try {
        expect(await committed()).toEqual([4, 10]);
        break;
      } catch (error) {
        const { retry } = MillraceError.from(error);
        if (retry !== "same") throw error;
      }
    }
    const [partition] = (await admin.describeGroup("g")).partitions;
    expect(partition!.committed).toMatchObject({ offset: 4, metadata: "by hand" });
  });

  it("move to any place, within the log", async () => {
    await client.admin().trimPartition({ topic: "t", partition: 0, beforeOffset: 2 });
    const places: [SeekTarget, [number, boolean], [number, boolean]][] = [
      ["start", [2, false], [0, false]],
      ["end", [10, false], [10, false]],
      [5, [5, false], [5, false]],
      [{ shift: -4 }, [2, true], [6, false]],
      [{ shift: 1 }, [5, false], [10, true]],
      [{ timestampMs: FIRST_MS + 6_500 }, [7, false], [7, false]],
      [{ timestampMs: FIRST_MS + 60_000 }, [10, false], [10, false]],
      [99, [10, true], [10, true]],
    ];
    for (const [to, zero, one] of places) {
      const planned = await admin.seekGroup({ group: "g", to, dryRun: true });
      const told = [zero, one].map(([after, isClamped], partition) => ({
        topic: "t",
        partition,
        before: [4, 10][partition],
        after,
        isClamped,
      }));
      expect(planned, JSON.stringify(to)).toEqual(told);
    }
    expect(await committed()).toEqual([4, 10]);
    expect(
      await admin.seekGroup({ group: "g", topic: "t", partitions: [1], to: { shift: -3 } }),
    ).toHaveLength(1);
    expect(await committed()).toEqual([4, 7]);
    const copied = await admin.seekGroup({ group: "copy", to: { otherGroup: "g" } });
    expect(copied.map(({ before, after }) => [before, after])).toEqual([
      [undefined, 4],
      [undefined, 7],
    ]);
    expect(await committed("copy")).toEqual([4, 7]);
    await admin.seekGroup({ group: "new", topic: "t", to: "end" });
    expect(await committed("new")).toEqual([10, 10]);
  });

  it("that lie before the log are said to be out of range", async () => {
    await client.admin().trimPartition({ topic: "t", partition: 0, beforeOffset: 6 });
    expect((await admin.describeGroup("g", { topic: "t" })).partitions[0]).toMatchObject({
      committed: { offset: 4 },
      logStartOffset: 6,
      lag: 6,
      progress: "out-of-range",
    });
  });

  it("are forgotten by partition, by topic, or with the group", async () => {
    expect(await admin.deleteOffsets({ group: "g", topic: "t", partitions: [0] })).toBe(1);
    expect(await committed()).toEqual([undefined, 10]);
    expect(await admin.deleteOffsets({ group: "g", topic: "t" })).toBe(1);
    await admin.commitOffsets("g", [{ topic: "t", partition: 0, offset: 1 }]);
    await admin.deleteGroup("g");
    expect(await committed()).toEqual([undefined, undefined]);
    expect(await admin.committedOffsets("g")).toEqual([]);
    await expect(admin.deleteGroup("g")).rejects.toMatchObject({ reason: "GROUP_NOT_FOUND" });
  });
});
