import { beforeEach, describe, expect, it, onTestFinished, vi } from "vitest";
import type { GroupDescription } from "../../src/broker/index.ts";
import { type EmbeddedBroker, startBroker } from "../../src/embedded.ts";
import { MillraceError } from "../../src/errors/index.ts";
import { millrace } from "../../src/gen/millrace.js";
import { messageToError } from "../../src/wire/index.ts";
import { FakeBroker } from "./fake-broker.ts";
import {
  atEnd,
  batchOf,
  connect,
  group,
  type TestClient,
  type TestStream,
  startServer,
  topics,
  until,
} from "./harness.ts";

const { GroupState, OffsetPosition, PartitionProgress } = millrace.v1;
const EARLIEST = OffsetPosition.OFFSET_POSITION_EARLIEST;
type Join = TestStream<millrace.v1.JoinGroupRequest.$Properties, millrace.v1.JoinGroupResponse>;

describe("GroupService", () => {
  let embedded: EmbeddedBroker;
  let client: TestClient;

  beforeEach(async () => {
    embedded = await startBroker({ memory: true, brokerId: 7 });
    atEnd(() => embedded.close());
    client = connect(embedded);
    await client.call(topics.createTopic, { name: "t", partitionCount: 3 });
    for (let i = 0; i < 10; i++) await embedded.broker.produce("t", 0, batchOf(`v${i}`), undefined);
    await until(() => isServing());
  });

  /** The coordinator reads its state first. */
  function isServing(): boolean {
    try {
      embedded.broker.groups.list();
      return true;
    } catch {
      return false;
    }
  }

  const commit = (offset: number, more: object = {}) =>
    client.call(group.commitOffsets, {
      group: "g",
      offsets: [{ topic: "t", partition: 0, offset, metadata: "here", ...more }],
    });

  async function joined(memberId = "m"): Promise<{ stream: Join; memberEpoch: number }> {
    const stream = client.stream(group.joinGroup);
    stream.send({ join: { group: "g", memberId, subscription: { topics: ["t"] } } });
    const { memberEpoch } = (await stream.next())!;
    return { stream, memberEpoch };
  }

  it("FindCoordinator tells this broker", async () => {
    const found = await client.call(group.findCoordinator, { group: "g" });
    expect(found).toMatchObject({ brokerId: 7, endpoint: embedded.endpoint });
  });

  it("commits by hand and returns what was committed", async () => {
    expect((await commit(4)).results).toMatchObject([{ topic: "t", partition: 0, offset: 4, error: null }]);
    expect((await commit(2)).results).toMatchObject([{ offset: 4 }]);
    expect((await commit(2, { rewind: true })).results).toMatchObject([{ offset: 2 }]);
    const all = await client.call(group.fetchOffsets, { group: "g" });
    expect(all.offsets).toMatchObject([
      { topic: "t", partition: 0, committed: { offset: 2, metadata: "here", expired: false } },
    ]);
    const partitions = [
      { topic: "t", partition: 2 },
      { topic: "t", partition: 0 },
    ];
    const some = await client.call(group.fetchOffsets, { group: "g", partitions });
    expect(some.offsets!.map(({ partition, committed }) => [partition, committed?.offset])).toEqual([
      [2, undefined],
      [0, 2],
    ]);
  });

  it("commits for a member in its epoch, and answers each offset", async () => {
    const { memberEpoch } = await joined();
    const offsets = [
      { topic: "t", partition: 0, offset: 3 },
      { topic: "t", partition: 0, offset: 11 },
      { topic: "gone", partition: 0, offset: 1 },
    ];
    const { results } = await client.call(group.commitOffsets, {
      group: "g",
      memberId: "m",
      memberEpoch,
      offsets,
    });
    expect(results![0]).toMatchObject({ offset: 3, error: null });
    const reasons = results!.slice(1).map(({ error }) => messageToError(error!).reason);
    expect(reasons).toEqual(["OFFSET_OUT_OF_RANGE", "STALE_MEMBER_EPOCH"]);
    expect(await client.failure(group.commitOffsets, { group: "g", memberId: "x", offsets })).toMatchObject({
      reason: "UNKNOWN_MEMBER",
      retry: "rejoin",
    });
    expect(await client.failure(group.commitOffsets, { group: "g", offsets })).toMatchObject({
      reason: "GROUP_NOT_EMPTY",
    });
  });

  it("describes members, partitions and lag, of all topics or of one", async () => {
    await client.call(topics.createTopic, { name: "u" });
    const stream = client.stream(group.joinGroup);
    const subscription = { topicPattern: "[tu]" };
    stream.send({
      join: { group: "g", memberId: "m", clientId: "reports", assignor: "range", subscription },
    });
    const { memberEpoch } = (await stream.next())!;
    await client.call(group.commitOffsets, {
      group: "g",
      memberId: "m",
      memberEpoch,
      offsets: [{ topic: "t", partition: 0, offset: 4 }],
    });
    stream.send({ status: { paused: [{ topic: "t", partition: 0 }] } });
    const describe = (topic = "") => client.call(group.describeGroup, { group: "g", topic });
    const paused = PartitionProgress.PARTITION_PROGRESS_PAUSED;
    await until(() => embedded.broker.groups.describe("g").partitions[0]?.progress === "paused");
    const all = await describe();
    expect(all.summary).toMatchObject({ group: "g", state: GroupState.GROUP_STATE_STABLE, memberCount: 1 });
    expect(all.summary).toMatchObject({ assignor: "range" });
    expect(all.members).toMatchObject([
      { memberId: "m", clientId: "reports", connected: true, subscription },
    ]);
    expect(all.members![0]!.assigned).toHaveLength(4);
    expect(all.partitions!.map(({ topic, partition, lag }) => [topic, partition, lag])).toEqual([
      ["t", 0, 6],
      ["t", 1, 0],
      ["t", 2, 0],
      ["u", 0, 0],
    ]);
    expect(all.partitions![0]).toMatchObject({
      committed: { offset: 4 },
      highWatermark: 10,
      memberId: "m",
      progress: paused,
    });
    const one = await describe("u");
    expect(one.partitions).toMatchObject([{ topic: "u", partition: 0 }]);
    expect(one.members![0]).toMatchObject({ assigned: [{ topic: "u" }], target: [{ topic: "u" }] });
    expect(await client.failure(group.describeGroup, { group: "gg" })).toMatchObject({
      reason: "GROUP_NOT_FOUND",
      details: { nearest: "g" },
    });
  });

  it("lists groups page by page, in order of names", async () => {
    for (const name of ["c", "a", "b"]) {
      await client.call(group.commitOffsets, { group: name, offsets: [{ topic: "t", offset: 1 }] });
    }
    const first = await client.call(group.listGroups, { pageSize: 2 });
    expect(first.groups!.map(({ group: name }) => name)).toEqual(["a", "b"]);
    expect(first.groups![0]).toMatchObject({ state: GroupState.GROUP_STATE_EMPTY, memberCount: 0 });
    const { nextPageToken: pageToken } = first;
    const last = await client.call(group.listGroups, { pageSize: 2, pageToken });
    expect(last).toMatchObject({ groups: [{ group: "c" }], nextPageToken: "" });
  });

  it.each([
    [{ position: EARLIEST }, 0],
    [{ position: OffsetPosition.OFFSET_POSITION_LATEST }, 10],
    [{ offset: 7 }, 7],
    [{ shift: -2 }, 2],
    [{ shift: 2 }, 6],
    [{ timestampMs: 1_700_000_000_001 }, 10],
    [{ otherGroup: "h" }, 9],
  ])("seeks to %j, dry and for good", async (to, after) => {
    await commit(4);
    await client.call(group.commitOffsets, { group: "h", offsets: [{ topic: "t", offset: 9 }] });
    const seek = (dryRun: boolean) =>
      client.call(group.seekGroup, { group: "g", topic: "t", partitions: [0], ...to, dryRun });
    const now = async () =>
      (await client.call(group.fetchOffsets, { group: "g" })).offsets![0]!.committed!.offset;
    expect((await seek(true)).partitions).toMatchObject([{ topic: "t", partition: 0, before: 4, after }]);
    expect(await now()).toBe(4);
    expect((await seek(false)).partitions).toMatchObject([{ before: 4, after, clamped: false }]);
    expect(await now()).toBe(after);
  });

  it("refuses to seek and to delete what members are in, and does both when they are gone", async () => {
    const { stream } = await joined();
    const offsets = { group: "g", topic: "t" };
    for (const refused of [
      client.failure(group.seekGroup, { group: "g", offset: 0 }),
      client.failure(group.deleteGroup, { group: "g" }),
      client.failure(group.deleteOffsets, offsets),
    ]) {
      expect(await refused).toMatchObject({ reason: "GROUP_NOT_EMPTY" });
    }
    stream.send({ leave: {} });
    expect(await stream.end).toBeUndefined();
    await commit(4);
    expect(await client.call(group.deleteOffsets, { ...offsets, partitions: [0, 1] })).toMatchObject({
      deleted: 1,
    });
    await client.call(group.deleteGroup, { group: "g" });
    expect((await client.call(group.listGroups, {})).groups).toEqual([]);
    expect(await client.failure(group.deleteGroup, { group: "g" })).toMatchObject({
      reason: "GROUP_NOT_FOUND",
    });
  });
});

describe("GroupService at its edge", () => {
  let broker: FakeBroker;
  let client: TestClient;

  beforeEach(async () => {
    broker = new FakeBroker();
    client = connect(await startServer(broker));
  });

  const offset = { topic: "t", partition: 0, offset: 1 };
  const commitOf = (fields: object) => [group.commitOffsets, { group: "g", offsets: [offset], ...fields }];
  const seekOf = (fields: object) => [group.seekGroup, { group: "g", ...fields }];
  const refused: [string, unknown[], string][] = [
    ["a group without a name", [group.findCoordinator, {}], "group"],
    ["a group named ..", [group.describeGroup, { group: ".." }], "group"],
    ["a description of a bad topic", [group.describeGroup, { group: "g", topic: "a/b" }], "topic"],
    ["a negative page size", [group.listGroups, { pageSize: -1 }], "page_size"],
    ["a page beyond the maximum", [group.listGroups, { pageSize: 1_001 }], "page_size"],
    ["a bad page token", [group.listGroups, { pageToken: "a b" }], "page_token"],
    ["a commit of nothing", commitOf({ offsets: [] }), "the number of offsets"],
    ["an epoch without a member", commitOf({ memberEpoch: 3 }), "member_epoch"],
    ["a bad member id", commitOf({ memberId: "a b" }), "member_id"],
    ["a long member id", commitOf({ memberId: "m".repeat(65) }), "member_id"],
    ["a negative epoch", commitOf({ memberId: "m", memberEpoch: -1 }), "member_epoch"],
    ["a commit in a bad topic", commitOf({ offsets: [offset, { topic: "" }] }), "offsets[1].topic"],
    ["a negative partition", commitOf({ offsets: [{ ...offset, partition: -1 }] }), "offsets[0].partition"],
    ["a negative offset", commitOf({ offsets: [{ ...offset, offset: -1 }] }), "offsets[0].offset"],
    [
      "metadata of too many bytes",
      commitOf({ offsets: [{ ...offset, metadata: "é".repeat(2_049) }] }),
      "offsets[0].metadata",
    ],
    ["offsets of a bad topic", [group.fetchOffsets, { group: "g", partitions: [{}] }], "partitions[0].topic"],
    ["a seek to nowhere", seekOf({}), "to"],
    ["a seek to an unknown position", seekOf({ position: 9 }), "position"],
    ["a seek to a negative offset", seekOf({ offset: -1 }), "offset"],
    ["a seek to a negative time", seekOf({ timestampMs: -1 }), "timestamp_ms"],
    ["a seek to a bad group", seekOf({ otherGroup: "" }), "other_group"],
    ["a seek of partitions without a topic", seekOf({ offset: 1, partitions: [0] }), "partitions"],
    ["a seek of a bad partition", seekOf({ offset: 1, topic: "t", partitions: [-1] }), "partitions[0]"],
    ["offsets deleted of no topic", [group.deleteOffsets, { group: "g" }], "topic"],
  ];
  it.each(refused)("refuses %s", async (_, call, field) => {
    const [method, request] = call as [typeof group.commitOffsets, millrace.v1.CommitOffsetsRequest];
    expect(await client.failure(method, request)).toMatchObject({
      reason: "INVALID_REQUEST",
      details: { field },
    });
    expect(broker.groups.commits).toEqual([]);
  });

  it("refuses lists that are too long before they become objects", async () => {
    const partition = { topic: "t", partition: 1 };
    const partitions = Array.from({ length: 10_001 }, () => partition);
    const failure = await client.failure(group.fetchOffsets, { group: "g", partitions });
    expect(failure.message).toContain("more than 10000 items in a list");
    const offsets = Array.from({ length: 10_001 }, () => offset);
    expect((await client.failure(group.commitOffsets, { group: "g", offsets })).message).toContain("10000");
  });

  it("refuses a seek whose answer fits no message before it is done, and does others once", async () => {
    const moved = { topic: "t".repeat(249), before: undefined, after: 5, clamped: false };
    broker.groups.sought = Array.from({ length: 20_000 }, (_, partition) => ({ ...moved, partition }));
    const request = { group: "g", offset: 5 };
    const refused = { reason: "INVALID_REQUEST", details: { allowed: "seek one topic at a time (`topic`)" } };
    expect(await client.failure(group.seekGroup, request)).toMatchObject(refused);
    expect(broker.groups.seeks).toBe(0);
    broker.groups.sought = broker.groups.sought.slice(0, 100);
    expect((await client.call(group.seekGroup, request)).partitions).toHaveLength(100);
    expect(broker.groups.seeks).toBe(1);
  });

  it("explains the first refusals of a large commit and answers all of it", async () => {
    const topic = "t".repeat(249);
    const offsets = Array.from({ length: 10_000 }, () => ({ topic, partition: 1_000, offset: 2 ** 52 }));
    const details = { offset: 1, log_start_offset: 2, high_watermark: 3 };
    broker.groups.answer = (command) =>
      command.offsets.map(() => new MillraceError("OFFSET_OUT_OF_RANGE", "x".repeat(400), { details }));
    const { results } = await client.call(group.commitOffsets, { group: "g", offsets });
    expect(results).toHaveLength(10_000);
    expect(messageToError(results![0]!.error!)).toMatchObject({ details: { high_watermark: "3" } });
    expect(messageToError(results![9_999]!.error!).reason).toBe("OFFSET_OUT_OF_RANGE");
  });

  it("says how to ask for a group whose description exceeds a message", async () => {
    const committed = { offset: 1, metadata: "m".repeat(4_000), committedAtMs: 1, expired: false };
    const partitions = Array.from({ length: 1_200 }, (_, partition) => ({
      topic: partition < 600 ? "t" : "u",
      partition,
      committed,
      logStartOffset: 0,
      highWatermark: 9,
      lag: 8,
      memberId: undefined,
      progress: "no-member" as const,
    }));
    const description: GroupDescription = {
      group: "g",
      state: "empty",
      memberCount: 0,
      groupEpoch: 1,
      assignor: "uniform",
      members: [],
      partitions,
    };
    broker.groups.description = description;
    const failure = await client.failure(group.describeGroup, { group: "g" });
    expect(failure.message).toContain("describe one topic at a time");
    const one = await client.call(group.describeGroup, { group: "g", topic: "u" });
    expect(one.partitions).toHaveLength(600);
  });

  it("measures a description before it is made, and tells of subscriptions what was asked for", async () => {
    const topics = ["t", ...Array.from({ length: 255 }, (_, i) => `${i}-`.padEnd(249, "n"))];
    const members = Array.from({ length: 200 }, (_, i) => ({
      memberId: `m${i}`,
      instanceId: undefined,
      clientId: "test",
      memberEpoch: 1,
      connected: true,
      subscription: { topics, topicPattern: undefined },
      assigned: [],
      target: [],
      revoking: [],
    }));
    const summary = { group: "g", state: "stable", assignor: "uniform", groupEpoch: 1 } as const;
    broker.groups.description = { ...summary, memberCount: 200, members, partitions: [] };
    const encode = vi.spyOn(millrace.v1.DescribeGroupResponse, "encode");
    onTestFinished(() => encode.mockRestore());
    const failure = await client.failure(group.describeGroup, { group: "g" });
    expect(failure.message).toContain("describe one topic at a time");
    expect(encode).not.toHaveBeenCalled();
    const one = await client.call(group.describeGroup, { group: "g", topic: "t" });
    expect(one.members).toHaveLength(200);
    expect(one.members![7]!.subscription!.topics).toEqual(["t"]);
  });
});
