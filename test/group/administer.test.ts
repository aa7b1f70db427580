import { describe, expect, it } from "vitest";
import { MillraceError } from "../../src/errors/index.ts";
import type { SeekTarget } from "../../src/group/index.ts";
import { closedGate, watch } from "../support/gate.ts";
import { turn } from "../support/turns.ts";
import { type CoordinatorRig, coordinatorRig, offsetsOf } from "./coordinator-rig.ts";
import { joinCommand, memberOf } from "./members.ts";

const mute = { changed: () => {}, ended: () => {} };

/** Topic t with 3 partitions, whose logs hold 20 to 100, 0 to 10 and nothing; g has read the first two to 40 and 5. */
async function rigWithOffsets(): Promise<CoordinatorRig> {
  const rig = await coordinatorRig();
  rig.catalogue.set("t", 3);
  rig.catalogue.ends.set("t-0", { logStartOffset: 20, highWatermark: 100 });
  rig.catalogue.ends.set("t-1", { logStartOffset: 0, highWatermark: 10 });
  rig.catalogue.ends.set("t-2", { logStartOffset: 0, highWatermark: 0 });
  await rig.commit("g", "t", { 0: 40, 1: 5 });
  return rig;
}

const seek = (to: SeekTarget, more = {}) => ({
  group: "g",
  topic: "t" as string | undefined,
  partitions: [] as number[],
  to,
  dryRun: false,
  ...more,
});

describe("seeking a group", () => {
  it.each<[string, SeekTarget, Record<string, number>, boolean[]]>([
    ["the start", "start", { "t-0": 20, "t-1": 0, "t-2": 0 }, [false, false, false]],
    ["the end", "end", { "t-0": 100, "t-1": 10, "t-2": 0 }, [false, false, false]],
    ["an offset", { offset: 15 }, { "t-0": 20, "t-1": 10, "t-2": 0 }, [true, true, true]],
    ["forwards", { shift: 5 }, { "t-0": 45, "t-1": 10 }, [false, false]],
    ["backwards", { shift: -30 }, { "t-0": 20, "t-1": 0 }, [true, true]],
    ["a time", { timestampMs: 900 }, { "t-0": 50, "t-1": 10, "t-2": 0 }, [false, true, true]],
    ["a later time", { timestampMs: 2_000 }, { "t-0": 100, "t-1": 10, "t-2": 0 }, [false, false, false]],
    ["another group", { otherGroup: "other" }, { "t-0": 40, "t-1": 3 }, [false]],
  ])("to %s moves its offsets, durably", async (_where, to, expected, clamped) => {
    const rig = await rigWithOffsets();
    await rig.commit("other", "t", { 1: 3 });
    const planned = await rig.groups.seek(seek(to, { dryRun: true }));
    expect(offsetsOf(rig, "g")).toEqual({ "t-0": 40, "t-1": 5 });
    const sought = await rig.groups.seek(seek(to));
    expect(sought).toEqual(planned);
    expect(sought.map((place) => place.clamped)).toEqual(clamped);
    expect(sought[0]).toMatchObject({ topic: "t", before: expect.any(Number), after: expect.any(Number) });
    expect(offsetsOf(rig, "g")).toEqual(expected);
    expect(offsetsOf(await rig.restart(), "g")).toEqual(expected);
  });

  it("moves only the partitions named, or all topics that it has read", async () => {
    const rig = await rigWithOffsets();
    await rig.groups.seek(seek("end", { partitions: [1] }));
    expect(offsetsOf(rig, "g")).toEqual({ "t-0": 40, "t-1": 10 });
    rig.catalogue.set("u", 1);
    await rig.commit("g", "u", { 0: 7 });
    await rig.groups.seek(seek("start", { topic: undefined }));
    expect(offsetsOf(rig, "g")).toEqual({ "t-0": 20, "t-1": 0, "t-2": 0, "u-0": 0 });
  });

  it("brings a group to be where nothing of it is needed", async () => {
    const rig = await rigWithOffsets();
    expect(await rig.groups.seek(seek("end", { group: "new", dryRun: true }))).toHaveLength(3);
    expect(rig.groups.list()).toHaveLength(1);
    await rig.groups.seek(seek({ otherGroup: "g" }, { group: "copy", topic: undefined }));
    expect(offsetsOf(rig, "copy")).toEqual({ "t-0": 40, "t-1": 5 });
    await rig.groups.seek(seek("end", { group: "new" }));
    expect(offsetsOf(rig, "new")).toEqual({ "t-0": 100, "t-1": 10, "t-2": 0 });
    const missing = { reason: "GROUP_NOT_FOUND", details: { group: "gg", nearest: "g" } };
    await expect(rig.groups.seek(seek({ shift: 1 }, { group: "gg" }))).rejects.toMatchObject(missing);
    await expect(rig.groups.seek(seek("end", { group: "gg", topic: undefined }))).rejects.toMatchObject(
      missing,
    );
    await expect(rig.groups.seek(seek({ otherGroup: "gg" }))).rejects.toMatchObject(missing);
  });

  it.each<[string, string, object]>([
    ["a topic that is not there", "TOPIC_NOT_FOUND", { topic: "u" }],
    ["a partition that is not there", "PARTITION_NOT_FOUND", { partitions: [0, 3] }],
    ["partitions without topic", "INVALID_REQUEST", { topic: undefined, partitions: [0] }],
    ["a group that cannot be one", "INVALID_REQUEST", { group: "" }],
    ["half an offset", "INVALID_REQUEST", { to: { offset: 0.5 } }],
    ["a time before 1970", "INVALID_REQUEST", { to: { timestampMs: -1 } }],
    ["no number", "INVALID_REQUEST", { to: { shift: Number.NaN } }],
  ])("refuses %s", async (_what, reason, change) => {
    const rig = await rigWithOffsets();
    await expect(rig.groups.seek(seek("end", change))).rejects.toMatchObject({ reason });
    expect(offsetsOf(rig, "g")).toEqual({ "t-0": 40, "t-1": 5 });
  });

  it("is refused while the group has members, connected or not", async () => {
    const rig = await rigWithOffsets();
    const { session } = await memberOf(rig.groups, { group: "g", memberId: "a", topics: ["t"] });
    session.disconnected();
    const refused = { reason: "GROUP_NOT_EMPTY", details: { group: "g", members: "1" } };
    await expect(rig.groups.seek(seek("end"))).rejects.toMatchObject(refused);
    await expect(rig.groups.seek(seek("end", { dryRun: true }))).rejects.toMatchObject(refused);
    await expect(rig.groups.delete("g")).rejects.toMatchObject(refused);
    rig.clock.advance(45_001);
    await turn();
    await rig.groups.seek(seek("end"));
  });

  it("counts from what was committed before it, and not by hand meanwhile", async () => {
    const rig = await rigWithOffsets();
    const [append, lookUp] = [closedGate(), closedGate()];
    rig.log.before = () => append.opened;
    const committed = rig.commit("g", "t", { 0: 60 });
    await turn();
    const seeking = rig.groups.seek(seek({ shift: -10 }, { partitions: [0] }));
    await turn();
    append.open();
    expect(await committed).toEqual([60]);
    expect(await seeking).toMatchObject([{ before: 60, after: 50 }]);
    rig.catalogue.beforeLookUp = () => lookUp.opened;
    const slow = rig.groups.seek(seek({ timestampMs: 1_000 }, { partitions: [0] }));
    await turn();
    const later = rig.commit("g", "t", { 0: 70 });
    await turn();
    lookUp.open();
    expect(await slow).toMatchObject([{ before: 50, after: 50 }]);
    expect(await later).toEqual([70]);
    expect(offsetsOf(rig, "g")).toMatchObject({ "t-0": 70 });
  });

  it("is looked at by its caller before anything is done, and looks times up once", async () => {
    const rig = await rigWithOffsets();
    let lookUps = 0;
    rig.catalogue.beforeLookUp = () => {
      lookUps++;
    };
    const planned: unknown[] = [];
    const refused = rig.groups.seek(seek({ timestampMs: 900 }), (plan) => {
      planned.push(...plan);
      throw new MillraceError("INVALID_REQUEST", "too much");
    });
    await expect(refused).rejects.toMatchObject({ reason: "INVALID_REQUEST" });
    expect([planned.length, lookUps]).toEqual([3, 3]);
    expect(offsetsOf(rig, "g")).toEqual({ "t-0": 40, "t-1": 5 });
    expect(await rig.groups.seek(seek({ timestampMs: 900 }))).toEqual(planned);
  });

  it("goes one after another", async () => {
    const rig = await rigWithOffsets();
    const step = () => rig.groups.seek(seek({ shift: 1 }, { partitions: [0] }));
    await Promise.all([step(), step(), step(), step()]);
    expect(offsetsOf(rig, "g")).toMatchObject({ "t-0": 44 });
  });

  it("lets nobody in between: who joins meanwhile begins where it ends", async () => {
    const rig = await rigWithOffsets();
    const gate = closedGate();
    rig.log.before = () => gate.opened;
    const seeking = rig.groups.seek(seek("end"));
    await turn();
    const joining = memberOf(rig.groups, { group: "g", memberId: "a", topics: ["t"] });
    const commit = watch(rig.commit("g", "t", { 0: 30 }));
    await turn();
    gate.open();
    await seeking;
    const a = await joining;
    await a.until(() => a.partitions.size === 3);
    expect(a.partitions.get("t-0")?.committed?.offset).toBe(100);
    expect(commit.state).not.toBe("pending");
  });
});

describe("after the last member expired while the disk was full", () => {
  /** A member that expired, which is not durable until the clock moves on by a second. */
  async function expiring() {
    const rig = await rigWithOffsets();
    const a = await memberOf(rig.groups, { group: "g", memberId: "a", topics: ["t"] });
    a.session.disconnected();
    await turn();
    let isFull = true;
    rig.log.before = () => {
      if (isFull) throw new MillraceError("STORAGE_FULL", "full");
    };
    rig.clock.advance(45_001);
    await turn();
    isFull = false;
    expect(rig.groups.describe("g").memberCount).toBe(0);
    return { rig, member: { memberId: "a", memberEpoch: a.epoch } };
  }

  it.each<[string, (rig: CoordinatorRig) => Promise<unknown>]>([
    ["a seek", (rig) => rig.groups.seek(seek("start", { partitions: [0] }))],
    ["a commit by hand", (rig) => rig.commit("g", "t", { 0: 41 })],
  ])("%s is answered when that is durable, so that no late commit changes it", async (_what, change) => {
    const { rig, member } = await expiring();
    const changing = watch(change(rig));
    await turn();
    expect(changing.state).toBe("pending");
    rig.clock.advance(1_000);
    await turn();
    expect(changing.state).toBe("resolved");
    const before = offsetsOf(rig, "g");
    const next = await rig.restart();
    const offsets = [{ topic: "t", partition: 0, offset: 60, metadata: "", rewind: false }];
    await expect(next.groups.commit({ group: "g", member, offsets })).rejects.toMatchObject({
      reason: "UNKNOWN_MEMBER",
      details: { group: "g", member_id: "a" },
    });
    expect(offsetsOf(next, "g")).toEqual(before);
  });
});

describe("deleting", () => {
  it("a group removes all of it, for good", async () => {
    const rig = await rigWithOffsets();
    const { session } = await memberOf(rig.groups, { group: "g", memberId: "a", topics: ["t"] });
    await session.leave();
    await rig.groups.delete("g");
    expect(rig.groups.list()).toEqual([]);
    expect(rig.log.newest().size).toBe(0);
    await expect(rig.groups.delete("g")).rejects.toMatchObject({ reason: "GROUP_NOT_FOUND" });
    expect((await rig.restart()).groups.list()).toEqual([]);
    await rig.commit("g", "t", { 0: 30 });
    expect(offsetsOf(await rig.restart(), "g")).toEqual({ "t-0": 30 });
  });

  it("a group that somebody joins meanwhile leaves a new one", async () => {
    const rig = await rigWithOffsets();
    const gate = closedGate();
    rig.log.before = () => gate.opened;
    const deleting = rig.groups.delete("g");
    await turn();
    const joining = rig.groups.join(joinCommand({ group: "g", memberId: "a", topics: ["t"] }), mute);
    gate.open();
    await deleting;
    await joining;
    const { groups } = await rig.restart();
    expect(groups.describe("g")).toMatchObject({ memberCount: 1 });
    expect(groups.committed("g", [])).toEqual([]);
  });

  it("offsets of a topic says how many there were", async () => {
    const rig = await rigWithOffsets();
    expect(await rig.groups.deleteOffsets("g", "t", [1, 2])).toBe(1);
    expect(offsetsOf(await rig.restart(), "g")).toEqual({ "t-0": 40 });
    const a = await memberOf(rig.groups, { group: "g", memberId: "a", topics: ["t"] });
    const refused = rig.groups.deleteOffsets("g", "t", []);
    await expect(refused).rejects.toMatchObject({ reason: "GROUP_NOT_EMPTY" });
    a.session.subscribe({ topics: ["u"], topicPattern: undefined });
    expect(await rig.groups.deleteOffsets("g", "t", [])).toBe(1);
    await expect(rig.groups.deleteOffsets("x", "t", [])).rejects.toMatchObject({ reason: "GROUP_NOT_FOUND" });
  });

  it("is refused with the failure of the log, and then nothing is gone", async () => {
    const rig = await rigWithOffsets();
    rig.log.before = () => {
      throw new MillraceError("STORAGE_FULL", "full");
    };
    await expect(rig.groups.delete("g")).rejects.toMatchObject({ reason: "STORAGE_FULL" });
    await expect(rig.groups.deleteOffsets("g", "t", [])).rejects.toMatchObject({ reason: "STORAGE_FULL" });
    await expect(rig.groups.seek(seek("end"))).rejects.toMatchObject({ reason: "STORAGE_FULL" });
    expect(offsetsOf(rig, "g")).toEqual({ "t-0": 40, "t-1": 5 });
  });
});
