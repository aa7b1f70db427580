import { describe, expect, it } from "vitest";
import { MillraceError } from "../../src/errors/index.ts";
import { turn } from "../support/turns.ts";
import { type CoordinatorRig, coordinatorRig } from "./coordinator-rig.ts";
import { memberOf } from "./members.ts";

const progressOf = ({ groups }: CoordinatorRig, group = "g") =>
  Object.fromEntries(
    groups.describe(group).partitions.map(({ topic, partition, progress, lag, memberId }) => {
      return [`${topic}-${partition}`, `${progress} ${lag}${memberId === undefined ? "" : ` ${memberId}`}`];
    }),
  );

describe("the description of a group", () => {
  it("names the reason for each lag", async () => {
    const rig = await coordinatorRig();
    rig.catalogue.set("t", 7);
    rig.catalogue.set("u", 2);
    rig.catalogue.ends.set("t-3", new MillraceError("STORAGE_OFFLINE", "offline"));
    rig.catalogue.ends.set("t-4", { logStartOffset: 60, highWatermark: 100 });
    rig.catalogue.ends.set("t-5", { logStartOffset: 7, highWatermark: 7 });
    await rig.commit("g", "t", { 1: 100, 2: 99, 4: 30 });
    await rig.commit("g", "u", { 1: 90 });
    // What nobody has begun to read is behind too.
    expect(progressOf(rig)).toEqual({
      "t-0": "no-member 100",
      "t-1": "at-end 0",
      "t-2": "no-member 1",
      "t-3": "offline 0",
      "t-4": "out-of-range 70",
      "t-5": "at-end 0",
      "t-6": "no-member 100",
      "u-0": "no-member 100",
      "u-1": "no-member 10",
    });
    const a = await memberOf(rig.groups, { group: "g", memberId: "a", topics: ["t"] });
    a.session.paused([{ topic: "t", partition: 0 }]);
    expect(progressOf(rig)).toEqual({
      "t-0": "paused 100 a",
      "t-1": "at-end 0 a",
      "t-2": "reading 1 a",
      "t-3": "offline 0 a",
      "t-4": "out-of-range 70 a",
      "t-5": "at-end 0 a",
      "t-6": "reading 100 a",
      "u-0": "not-subscribed 100",
      "u-1": "not-subscribed 10",
    });
    a.session.disconnected();
    expect(progressOf(rig)["t-6"]).toBe("member-gone 100 a");
  });

  it("shows who holds up whom", async () => {
    const rig = await coordinatorRig();
    rig.catalogue.set("t", 2);
    await rig.groups.join(
      {
        group: "g",
        memberId: "a",
        memberEpoch: 0,
        owned: [],
        instanceId: undefined,
        clientId: "slow",
        subscription: { topics: ["t"], topicPattern: undefined },
        assignor: undefined,
        sessionTimeoutMs: 45_000,
        rebalanceTimeoutMs: 300_000,
      },
      { changed: () => {}, ended: () => {} },
    );
    await memberOf(rig.groups, { group: "g", memberId: "b", topics: ["t"] });
    await turn();
    const { state, members } = rig.groups.describe("g");
    expect(state).toBe("reconciling");
    const [held] = members[0]!.revoking;
    expect(members[1]!.target).toEqual([held]);
    expect(progressOf(rig)[`t-${held!.partition}`]).toBe("unassigned 100 a");
  });

  it("of none names those that may be meant", async () => {
    const rig = await coordinatorRig();
    rig.catalogue.set("t", 1);
    await rig.commit("billing", "t", { 0: 1 });
    expect(() => rig.groups.describe("biling")).toThrow(
      expect.objectContaining({
        reason: "GROUP_NOT_FOUND",
        message: expect.stringContaining("did you mean billing?"),
      }),
    );
    expect(rig.groups.committed("biling", [])).toEqual([]);
  });
});

describe("committed offsets", () => {
  const dayMs = 86_400_000;

  async function rigWithRetention() {
    const rig = await coordinatorRig({ offsetsRetentionMs: dayMs });
    rig.catalogue.set("t", 2);
    return rig;
  }

  const pass = async (rig: CoordinatorRig, ms: number) => {
    rig.clock.advance(ms);
    await turn();
    rig.clock.advance(60_000);
    await turn();
  };

  const expiredOf = ({ groups }: CoordinatorRig) =>
    groups.committed("g", []).map(({ committed }) => [committed!.offset, committed!.expired]);

  it("of a group that was empty for the retention expire, and say where the gap begins", async () => {
    const rig = await rigWithRetention();
    const a = await memberOf(rig.groups, { group: "g", memberId: "a", topics: ["t"] });
    const member = { memberId: "a", memberEpoch: a.epoch };
    const offset = { topic: "t", partition: 0, offset: 7, metadata: "m", rewind: false };
    await rig.groups.commit({ group: "g", member, offsets: [offset] });
    await pass(rig, 3 * dayMs);
    expect(expiredOf(rig)).toEqual([[7, false]]);
    await a.session.leave();
    await pass(rig, dayMs - 120_000);
    expect(expiredOf(rig)).toEqual([[7, false]]);
    await pass(rig, 120_000);
    expect(expiredOf(rig)).toEqual([[7, true]]);
    const next = await rig.restart();
    expect(expiredOf(next)).toEqual([[7, true]]);
    expect(progressOf(next)).toEqual({ "t-0": "out-of-range 93", "t-1": "no-member 100" });
    const back = await memberOf(next.groups, { group: "g", memberId: "b", topics: ["t"] });
    await back.until(() => back.partitions.size === 2);
    expect(back.partitions.get("t-0")?.committed).toMatchObject({ offset: 7, metadata: "m", expired: true });
    const commit = { ...offset, offset: 3 };
    const now = { memberId: "b", memberEpoch: back.epoch };
    expect(await next.groups.commit({ group: "g", member: now, offsets: [commit] })).toEqual([3]);
    expect(expiredOf(next)).toEqual([[3, false]]);
  });

  it("hold while somebody commits by hand, and over a restart count from the last", async () => {
    const rig = await rigWithRetention();
    await rig.commit("g", "t", { 0: 1, 1: 1 });
    await pass(rig, dayMs / 2);
    await rig.commit("g", "t", { 0: 2 });
    await pass(rig, dayMs / 2);
    const next = await rig.restart();
    await pass(next, 0);
    expect(expiredOf(next)).toEqual([
      [2, false],
      [1, false],
    ]);
    await pass(next, dayMs / 2);
    expect(expiredOf(next)).toEqual([
      [2, true],
      [1, true],
    ]);
  });

  it("never expire unless somebody says when", async () => {
    const rig = await coordinatorRig();
    rig.catalogue.set("t", 1);
    await rig.commit("g", "t", { 0: 1 });
    await pass(rig, 10_000 * dayMs);
    expect(expiredOf(rig)).toEqual([[1, false]]);
  });

  it("that could not expire or go for want of space do so later", async () => {
    const rig = await rigWithRetention();
    await rig.commit("g", "t", { 0: 1 });
    rig.log.before = () => {
      throw new MillraceError("STORAGE_FULL", "full");
    };
    await pass(rig, dayMs);
    expect(expiredOf(rig)).toEqual([[1, false]]);
    rig.log.before = () => {};
    await pass(rig, 0);
    expect(expiredOf(rig)).toEqual([[1, true]]);
  });
});
