import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type Client, connect, type GroupAdmin } from "../../src/client/index.ts";
import { MillraceError } from "../../src/errors/index.ts";
import { messageToError, errorToStatus } from "../../src/wire/index.ts";
import { google, millrace } from "../../src/gen/millrace.js";
import { StandInCoordinator } from "./stand-in-coordinator.ts";

const { GroupState, OffsetPosition, PartitionProgress } = millrace.v1;

/** The broker that clients ask first, and the one that coordinates. */
let first: StandInCoordinator;
let coordinator: StandInCoordinator;
let client: Client;
let admin: GroupAdmin;

beforeAll(async () => {
  first = await StandInCoordinator.start();
  coordinator = await StandInCoordinator.start();
  client = await connect({ brokers: first.endpoint });
  admin = client.admin();
});

afterAll(async () => {
  await client.close();
  first.close();
  coordinator.close();
});

beforeEach(() => {
  first.answers = { findCoordinator: { brokerId: 1, endpoint: coordinator.endpoint } };
  coordinator.answers = {};
  first.asked.length = 0;
  coordinator.asked.length = 0;
});

/** The one request that the coordinator got, after the first broker was asked who that is. */
function sent(method: string): Record<string, unknown> {
  expect(first.asked.map((call) => call.method)).toEqual(["findCoordinator"]);
  expect(coordinator.asked.map((call) => call.method)).toEqual([method]);
  return coordinator.asked[0]!.request;
}

describe("the administration of a group", () => {
  it("asks the broker that coordinates it, anew each time", async () => {
    await admin.deleteGroup("g");
    expect(sent("deleteGroup")).toEqual({ group: "g" });
    first.answers = { findCoordinator: { brokerId: 0, endpoint: first.endpoint } };
    await admin.deleteGroup("g");
    expect(first.asked.map((call) => call.method)).toEqual([
      "findCoordinator",
      "findCoordinator",
      "deleteGroup",
    ]);
  });

  it("says where to seek to in the words of the protocol", async () => {
    const places = [
      ["start", { position: OffsetPosition.OFFSET_POSITION_EARLIEST }],
      ["end", { position: OffsetPosition.OFFSET_POSITION_LATEST }],
      [0, { offset: 0 }],
      [17, { offset: 17 }],
      [{ shift: -5 }, { shift: -5 }],
      [{ timestampMs: 99 }, { timestampMs: 99 }],
      [{ otherGroup: "h" }, { otherGroup: "h" }],
    ] as const;
    for (const [to, place] of places) {
      await admin.seekGroup({ group: "g", topic: "t", partitions: [1, 2], to, dryRun: true });
      const { request } = coordinator.asked.pop()!;
      expect(request).toEqual({ group: "g", topic: "t", partitions: [1, 2], dryRun: true, ...place });
    }
    coordinator.answers = {
      seekGroup: {
        partitions: [
          { topic: "t", partition: 1, after: 4, clamped: true },
          { topic: "t", partition: 2, before: 0 },
        ],
      },
    };
    expect(await admin.seekGroup({ group: "g", to: "start" })).toEqual([
      { topic: "t", partition: 1, before: undefined, after: 4, isClamped: true },
      { topic: "t", partition: 2, before: 0, after: 0, isClamped: false },
    ]);
  });

  it("describes members, partitions and why they wait, and knows that it does not know all states", async () => {
    const committed = { offset: 3, metadata: "m", committedAtMs: 5, expired: true };
    coordinator.answers = {
      describeGroup: {
        summary: {
          group: "g",
          state: GroupState.GROUP_STATE_STABLE,
          memberCount: 1,
          groupEpoch: 2,
          assignor: "range",
        },
        members: [
          {
            memberId: "m1",
            clientId: "c",
            memberEpoch: 2,
            connected: true,
            subscription: { topics: ["t"] },
            assigned: [{ topic: "t", partition: 0 }],
            revoking: [{ topic: "t" }],
          },
        ],
        partitions: [
          {
            topic: "t",
            committed,
            logStartOffset: 1,
            highWatermark: 9,
            lag: 6,
            memberId: "m1",
            progress: PartitionProgress.PARTITION_PROGRESS_PAUSED,
          },
          { topic: "t", partition: 1, progress: 99 },
        ],
      },
    };
    const described = await admin.describeGroup("g", { topic: "t" });
    expect(sent("describeGroup")).toEqual({ group: "g", topic: "t" });
    expect(described).toEqual({
      group: "g",
      state: "stable",
      memberCount: 1,
      groupEpoch: 2,
      assignor: "range",
      members: [
        {
          memberId: "m1",
          instanceId: undefined,
          clientId: "c",
          memberEpoch: 2,
          isConnected: true,
          subscription: { topics: ["t"], topicPattern: undefined },
          assigned: [{ topic: "t", partition: 0 }],
          target: [],
          revoking: [{ topic: "t", partition: 0 }],
        },
      ],
      partitions: [
        {
          topic: "t",
          partition: 0,
          committed: { offset: 3, metadata: "m", committedAtMs: 5, isExpired: true },
          logStartOffset: 1,
          highWatermark: 9,
          lag: 6,
          memberId: "m1",
          progress: "paused",
        },
        {
          topic: "t",
          partition: 1,
          committed: undefined,
          logStartOffset: 0,
          highWatermark: 0,
          lag: 0,
          memberId: undefined,
          progress: "unknown",
        },
      ],
    });
  });

  it("lists groups page by page", async () => {
    const pages = [
      { groups: [{ group: "a", state: GroupState.GROUP_STATE_EMPTY }], nextPageToken: "more" },
      { groups: [{ group: "b", state: 77, memberCount: 1 }], nextPageToken: "" },
    ];
    first.answers = { listGroups: () => pages.shift()! };
    const listed = await admin.listGroups();
    expect(listed.map(({ group, state }) => [group, state])).toEqual([
      ["a", "empty"],
      ["b", "unknown"],
    ]);
    expect(first.asked.map(({ request }) => request)).toEqual([{}, { pageToken: "more" }]);
  });

  it("commits by hand, and tells what became of each offset", async () => {
    const refusal = new MillraceError("OFFSET_OUT_OF_RANGE", "too high", { details: { high_watermark: 4 } });
    const trailer = errorToStatus(refusal).metadata.get("grpc-status-details-bin")[0] as Buffer;
    const error = google.rpc.Status.decode(trailer);
    expect(messageToError(error).reason).toBe("OFFSET_OUT_OF_RANGE");
    coordinator.answers = {
      commitOffsets: {
        results: [
          { topic: "t", partition: 0, offset: 8 },
          { topic: "t", partition: 1, error },
        ],
      },
    };
    const outcomes = await admin.commitOffsets("g", [
      { topic: "t", partition: 0, offset: 7, metadata: "x" },
      { topic: "t", partition: 1, offset: 5, rewind: true },
    ]);
    expect(sent("commitOffsets")).toEqual({
      group: "g",
      offsets: [
        { topic: "t", offset: 7, metadata: "x" },
        { topic: "t", partition: 1, offset: 5, rewind: true },
      ],
    });
    expect(outcomes).toEqual([
      { topic: "t", partition: 0, offset: 8, error: undefined },
      {
        topic: "t",
        partition: 1,
        offset: undefined,
        error: expect.objectContaining({ reason: "OFFSET_OUT_OF_RANGE" }),
      },
    ]);
  });

  it("commits and fetches more than one request holds", async () => {
    const partitions = Array.from({ length: 10_001 }, (_, partition) => ({ topic: "t", partition }));
    await admin.committedOffsets("g", partitions);
    await admin.commitOffsets(
      "g",
      partitions.map((each) => ({ ...each, offset: 1 })),
    );
    const counts = coordinator.asked.map(({ method, request }) => [
      method,
      (Object.values(request).find(Array.isArray) as unknown[]).length,
    ]);
    expect(counts).toEqual([
      ["fetchOffsets", 10_000],
      ["fetchOffsets", 1],
      ["commitOffsets", 10_000],
      ["commitOffsets", 1],
    ]);
  });

  it("takes an empty list for none of the partitions, though the protocol takes it for all", async () => {
    expect(await admin.committedOffsets("g", [])).toEqual([]);
    expect(await admin.commitOffsets("g", [])).toEqual([]);
    expect(await admin.seekGroup({ group: "g", topic: "t", partitions: [], to: "end" })).toEqual([]);
    expect(await admin.deleteOffsets({ group: "g", topic: "t", partitions: [] })).toBe(0);
    expect(coordinator.asked).toEqual([]);
    coordinator.answers = {
      deleteOffsets: { deleted: 3 },
      fetchOffsets: { offsets: [{ topic: "t", partition: 4 }] },
    };
    expect(await admin.deleteOffsets({ group: "g", topic: "t" })).toBe(3);
    expect(await admin.committedOffsets("g")).toEqual([{ topic: "t", partition: 4, committed: undefined }]);
    expect(coordinator.asked.map(({ request }) => request)).toEqual([
      { group: "g", topic: "t", partitions: [] },
      { group: "g", partitions: [] },
    ]);
  });

  it("refuses what is a mistake of the program before it asks anybody", async () => {
    const place = { offset: 3 } as unknown as "start";
    await expect(admin.seekGroup({ group: "g", to: place })).rejects.toThrow(
      /"offset":3.*no place to seek to/,
    );
    await expect(admin.seekGroup({ group: "g", to: "end", partitions: [1] })).rejects.toThrow(
      /name the topic too/,
    );
    await expect(admin.seekGroup({ group: "g", to: "end", ...{ dryrun: true } })).rejects.toThrow(
      /dryrun is no option/,
    );
    await expect(admin.deleteOffsets({ group: "g", topic: "t", ...{ all: true } })).rejects.toThrow(
      TypeError,
    );
    await expect(admin.describeGroup("g", { topic: "t", ...{ topics: "t" } })).rejects.toThrow(TypeError);
    const offset = { topic: "t", partition: 0, offset: 1, ...{ committed: 1 } };
    await expect(admin.commitOffsets("g", [offset])).rejects.toThrow(/no option of an offset to commit/);
    expect(first.asked).toEqual([]);
  });

  it("fails with the reasons of the coordinator", async () => {
    coordinator.answers = {
      describeGroup: () => {
        throw new MillraceError("GROUP_NOT_FOUND", 'there is no group "g"', { details: { nearest: "h" } });
      },
    };
    await expect(admin.describeGroup("g")).rejects.toMatchObject({
      reason: "GROUP_NOT_FOUND",
      details: { nearest: "h" },
    });
  });
});
