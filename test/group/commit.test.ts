import { describe, expect, it } from "vitest";
import { MillraceError } from "../../src/errors/index.ts";
import type { CommitResult, OffsetCommit } from "../../src/group/index.ts";
import { closedGate, watch } from "../support/gate.ts";
import { turn } from "../support/turns.ts";
import { type CoordinatorRig, coordinatorRig, offsetsOf } from "./coordinator-rig.ts";
import { memberOf } from "./members.ts";

const at = (partition: number, offset: number, more: Partial<OffsetCommit> = {}): OffsetCommit => ({
  topic: "t",
  partition,
  offset,
  metadata: "",
  rewind: false,
  ...more,
});

async function rigWithTopic(partitionCount = 4): Promise<CoordinatorRig> {
  const rig = await coordinatorRig();
  rig.catalogue.set("t", partitionCount);
  return rig;
}

const byHand = ({ groups }: CoordinatorRig, ...offsets: OffsetCommit[]) =>
  groups.commit({ group: "g", member: undefined, offsets });

const reasons = (results: readonly CommitResult[]) =>
  results.map((result) => (result instanceof MillraceError ? result.reason : result));

describe("a commit", () => {
  it("is durable when it is answered, and there after a restart", async () => {
    const rig = await rigWithTopic();
    expect(await byHand(rig, at(0, 7, { metadata: "né\u0000" }), at(3, 100))).toEqual([7, 100]);
    expect(rig.groups.committed("g", [])).toEqual((await rig.restart()).groups.committed("g", []));
    expect(rig.groups.committed("g", [{ topic: "t", partition: 0 }])).toEqual([
      {
        topic: "t",
        partition: 0,
        committed: { offset: 7, metadata: "né\u0000", committedAtMs: rig.clock.nowMs(), expired: false },
      },
    ]);
  });

  it("below the committed offset leaves that, unless it rewinds", async () => {
    const rig = await rigWithTopic();
    await byHand(rig, at(0, 7));
    expect(await byHand(rig, at(0, 5), at(1, 1))).toEqual([7, 1]);
    expect(await byHand(rig, at(0, 5, { rewind: true }))).toEqual([5]);
    expect(offsetsOf(await rig.restart(), "g")).toEqual({ "t-0": 5, "t-1": 1 });
  });

  it("is held against the ones before it that wait for the same append", async () => {
    const rig = await rigWithTopic();
    const answers = await Promise.all([
      byHand(rig, at(0, 7)),
      byHand(rig, at(0, 5)),
      byHand(rig, at(0, 6, { rewind: true })),
      byHand(rig, at(0, 3)),
    ]);
    expect(answers).toEqual([[7], [7], [6], [6]]);
    expect(offsetsOf(rig, "g")).toEqual({ "t-0": 6 });
    expect(rig.log.appends.length).toBe(1);
  });

  it("is refused for each partition on its own", async () => {
    const rig = await rigWithTopic();
    rig.catalogue.ends.set("t-1", new MillraceError("STORAGE_OFFLINE", "offline"));
    const results = await byHand(rig, at(0, 101), at(1, 1), at(4, 1), at(0, 1, { topic: "u" }), at(2, 100));
    expect(reasons(results)).toEqual([
      "OFFSET_OUT_OF_RANGE",
      "STORAGE_OFFLINE",
      "PARTITION_NOT_FOUND",
      "TOPIC_NOT_FOUND",
      100,
    ]);
    expect(offsetsOf(rig, "g")).toEqual({ "t-2": 100 });
  });

  it.each([
    ["no offsets", []],
    ["too many", Array.from({ length: 10_001 }, () => at(0, 1))],
    ["a negative offset", [at(0, -1)]],
    ["half an offset", [at(0, 0.5)]],
    ["long metadata", [at(0, 1, { metadata: "é".repeat(2_049) })]],
  ])("with %s is refused whole", async (_what, offsets) => {
    const rig = await rigWithTopic();
    await expect(byHand(rig, ...offsets)).rejects.toMatchObject({ reason: "INVALID_REQUEST" });
    expect(rig.log.records).toEqual([]);
  });

  it("of many long ones goes in pieces, and lets others in between", async () => {
    const rig = await rigWithTopic(2_000);
    const offsets = Array.from({ length: 2_000 }, (_, i) => at(i, i % 100, { metadata: "m".repeat(4_096) }));
    const [many] = await Promise.all([byHand(rig, ...offsets), rig.commit("h", "t", { 0: 1 })]);
    expect(many).toEqual(offsets.map(({ offset }) => offset));
    expect(rig.log.appends.length).toBeGreaterThan(5);
    expect(Math.max(...rig.log.appends)).toBeLessThan(500);
  });

  it("without a member is refused while the group has some", async () => {
    const rig = await rigWithTopic();
    const { session } = await memberOf(rig.groups, { group: "g", memberId: "a", topics: ["t"] });
    await expect(byHand(rig, at(0, 1))).rejects.toMatchObject({ reason: "GROUP_NOT_EMPTY" });
    await session.leave();
    expect(await byHand(rig, at(0, 1))).toEqual([1]);
  });

  it("of a member counts for what is its own in this epoch", async () => {
    const rig = await rigWithTopic(2);
    const a = await memberOf(rig.groups, { group: "g", memberId: "a", topics: ["t"] });
    const b = await memberOf(rig.groups, { group: "g", memberId: "b", topics: ["t"] });
    await b.until(() => b.partitions.size === 1 && a.partitions.size === 1);
    const [own] = [...a.partitions.values()];
    const offsets = [at(0, 1), at(1, 1)];
    const commit = (memberId: string, memberEpoch: number) =>
      rig.groups.commit({ group: "g", member: { memberId, memberEpoch }, offsets });
    const expected = [0, 1].map((partition) => (partition === own!.partition ? 1 : "STALE_MEMBER_EPOCH"));
    expect(reasons(await commit("a", a.epoch))).toEqual(expected);
    expect(reasons(await commit("b", b.epoch))).toEqual(
      expected.map((result) => (result === 1 ? "STALE_MEMBER_EPOCH" : 1)),
    );
    const unknown = (details: object) => ({ reason: "UNKNOWN_MEMBER", details });
    await expect(commit("c", 1)).rejects.toMatchObject(unknown({ group: "g", member_id: "c" }));
    const group = rig.groups.commit({ group: "other", member: { memberId: "a", memberEpoch: 1 }, offsets });
    await expect(group).rejects.toMatchObject(unknown({ group: "other", member_id: "a" }));
  });
});

describe("commits of a log", () => {
  it("that come while an append is in flight go together into the next", async () => {
    const rig = await rigWithTopic();
    const gate = closedGate();
    rig.log.before = () => gate.opened;
    const first = watch(rig.commit("a", "t", { 0: 1 }));
    await turn();
    const rest = Array.from({ length: 50 }, (_, i) => rig.commit(`g${i}`, "t", { 0: i }));
    await turn();
    expect(first.state).toBe("pending");
    expect(rig.groups.committed("a", [])).toEqual([]);
    gate.open();
    await Promise.all(rest);
    expect(rig.log.appends).toEqual([1, 50]);
  });

  it("change nothing when their append fails, and neither do those held against them", async () => {
    const rig = await rigWithTopic();
    await byHand(rig, at(0, 3));
    rig.log.before = () => {
      rig.log.before = () => {};
      throw new MillraceError("STORAGE_FULL", "full");
    };
    const answers = await Promise.all([byHand(rig, at(0, 9)), byHand(rig, at(0, 5))]);
    expect(answers.map(reasons)).toEqual([["STORAGE_FULL"], ["STORAGE_FULL"]]);
    expect(offsetsOf(rig, "g")).toEqual({ "t-0": 3 });
    expect(await byHand(rig, at(0, 5))).toEqual([5]);
  });

  it("are refused with OVERLOADED when too much waits, and taken again later", async () => {
    const rig = await rigWithTopic(10_000);
    const gate = closedGate();
    rig.log.before = () => gate.opened;
    const offsets = Array.from({ length: 10_000 }, (_, i) => at(i, 1));
    const outcomes = Array.from({ length: 10 }, () => watch(byHand(rig, ...offsets)));
    await turn();
    const refused = outcomes.filter(({ state }) => state === "rejected");
    expect(refused.length).toBeGreaterThan(0);
    expect(refused[0]!.value).toMatchObject({ reason: "OVERLOADED", effect: "none" });
    gate.open();
    expect(await byHand(rig, at(0, 2))).toEqual([2]);
  });

  it("are refused when they would take more memory than there is, but for what is there already", async () => {
    const rig = await coordinatorRig({ offsetBytesMax: 300 });
    rig.catalogue.set("t", 4);
    await byHand(rig, at(0, 1), at(1, 1));
    expect(reasons(await byHand(rig, at(0, 2), at(2, 1), at(1, 2, { metadata: "m" })))).toEqual([
      2,
      "OVERLOADED",
      "OVERLOADED",
    ]);
  });
});

describe("a committed offset above the end of a log that lost its tail", () => {
  const ends = (rig: CoordinatorRig, highWatermark: number) =>
    rig.catalogue.ends.set("t-0", { logStartOffset: 0, highWatermark });

  async function rigWithLostTail() {
    const rig = await rigWithTopic();
    await rig.commit("g", "t", { 0: 100, 1: 100 });
    ends(rig, 90);
    return rig;
  }

  it("is a gap from the next start on, also when the log has grown again", async () => {
    const next = await (await rigWithLostTail()).restart();
    await turn();
    ends(next, 110);
    const expected = [
      { partition: 0, committed: { offset: 100, expired: true } },
      { partition: 1, committed: { offset: 100, expired: false } },
    ];
    expect(next.groups.committed("g", [])).toMatchObject(expected);
    expect(next.groups.describe("g").partitions[0]).toMatchObject({ progress: "out-of-range" });
    const later = await next.restart();
    await turn();
    expect(later.groups.committed("g", [])).toMatchObject(expected);
    expect(await byHand(later, at(0, 95))).toEqual([95]);
  });

  it("is one before the group is served, and as the log ended at the start", async () => {
    const rig = await rigWithLostTail();
    const gate = closedGate();
    rig.log.beforeReplay = () => gate.opened;
    const next = await rig.restart();
    ends(next, 110);
    gate.open();
    let isFull = true;
    rig.log.before = () => {
      if (isFull) throw new MillraceError("STORAGE_FULL", "full");
    };
    await turn();
    expect(() => next.groups.list()).toThrow(expect.objectContaining({ reason: "COORDINATOR_LOADING" }));
    isFull = false;
    next.clock.advance(1_000);
    await turn();
    expect(next.groups.committed("g", [])).toMatchObject([{ committed: { expired: true } }, {}]);
  });
});

describe("the committed offsets of a topic", () => {
  it("are not inherited by a new one of its name, and go from the log", async () => {
    const rig = await rigWithTopic();
    await rig.commit("g", "t", { 0: 7, 1: 8 });
    rig.catalogue.delete("t");
    rig.catalogue.set("t", 2);
    expect(rig.groups.committed("g", [])).toEqual([]);
    expect(await byHand(rig, at(1, 2))).toEqual([2]);
    rig.clock.advance(1_000);
    await turn();
    expect([...rig.log.newest().keys()]).toEqual(['{"type":"offset","group":"g","topic":"t","partition":1}']);
    expect(offsetsOf(await rig.restart(), "g")).toEqual({ "t-1": 2 });
  });
});
