import { describe, expect, it } from "vitest";
import { MillraceError } from "../../src/errors/index.ts";
import { closedGate, watch } from "../support/gate.ts";
import { turn } from "../support/turns.ts";
import { coordinatorRig, rigWithTopic, offsetsOf } from "./coordinator-rig.ts";
import { join, joinCommand, memberOf, mute } from "./members.ts";

describe("a coordinator of groups", () => {
  it("tells a member nothing that is not durable", async () => {
    const rig = await rigWithTopic();
    const gate = closedGate();
    rig.log.before = () => gate.opened;
    let heard = 0;
    const joining = watch(rig.groups.join(join("a"), { ...mute, changed: () => heard++ }));
    await turn();
    expect([joining.state, heard]).toEqual(["pending", 0]);
    gate.open();
    await turn();
    expect([joining.state, heard]).toEqual(["resolved", 1]);
    expect((await rig.restart()).groups.describe("g").members).toMatchObject([{ memberId: "a" }]);
  });

  it("stores what comes while it stores in one go afterwards", async () => {
    const rig = await rigWithTopic(100);
    const gate = closedGate();
    rig.log.before = () => gate.opened;
    const first = rig.groups.join(join("m"), mute);
    await turn();
    const rest = Array.from({ length: 50 }, (_, i) => rig.groups.join(join(`m${i}`), mute));
    await turn();
    gate.open();
    await Promise.all([first, ...rest]);
    await turn();
    expect(rig.log.appends.length).toBe(2);
    expect(rig.groups.describe("g").memberCount).toBe(51);
  });

  it("gives a partition to the next member with what the last one committed before it let go", async () => {
    const rig = await rigWithTopic(2);
    const a = await memberOf(rig.groups, { group: "g", memberId: "a", topics: ["t"] });
    const offsets = [0, 1].map((partition) => {
      return { topic: "t", partition, offset: 9, metadata: "", rewind: false };
    });
    const gate = closedGate();
    rig.log.before = () => gate.opened;
    const committed = rig.groups.commit({
      group: "g",
      member: { memberId: "a", memberEpoch: a.epoch },
      offsets,
    });
    const leaving = a.session.leave();
    const joining = memberOf(rig.groups, { group: "g", memberId: "b", topics: ["t"] });
    gate.open();
    expect(await committed).toEqual([9, 9]);
    await leaving;
    const b = await joining;
    await b.until(() => b.partitions.size === 2);
    expect([...b.partitions.values()].map((place) => place.committed?.offset)).toEqual([9, 9]);
  });

  it("goes on with the members it had, who come back by their session timeout or lose their places", async () => {
    const rig = await rigWithTopic(2);
    const a = await memberOf(rig.groups, { group: "g", memberId: "a", topics: ["t"] });
    const b = await memberOf(rig.groups, { group: "g", memberId: "b", topics: ["t"] });
    await b.until(() => b.partitions.size === 1 && a.partitions.size === 1);
    const next = await rig.restart();
    expect(next.groups.describe("g").members.map(({ connected }) => connected)).toEqual([false, false]);
    const owned = [...a.partitions.values()].map(({ topic, partition }) => ({ topic, partition }));
    const back = await memberOf(next.groups, {
      group: "g",
      memberId: "a",
      memberEpoch: a.epoch,
      owned,
      topics: ["t"],
    });
    await back.until(() => back.changes.length === 1);
    expect(back.changes[0]).toMatchObject({ assigned: [], revoked: [], memberEpoch: a.epoch });
    next.clock.advance(45_001);
    await back.until(() => back.partitions.size === 2);
    expect(next.groups.describe("g").members.map(({ memberId }) => memberId)).toEqual(["a"]);
  });

  it("has one timer for a group, however many members are gone", async () => {
    const rig = await rigWithTopic(20);
    const before = rig.clock.timerCount;
    const sessions = await Promise.all(
      Array.from({ length: 10 }, (_, i) => rig.groups.join(join(`m${i}`), mute)),
    );
    for (const session of sessions) session.disconnected();
    await turn();
    expect(rig.clock.timerCount).toBe(before + 1);
    rig.clock.advance(45_001);
    await turn();
    expect(rig.groups.describe("g")).toMatchObject({ state: "empty", memberCount: 0 });
    expect(rig.clock.timerCount).toBe(before);
  });

  it("picks up topics and partitions that come later", async () => {
    const rig = await coordinatorRig();
    const a = await memberOf(rig.groups, { group: "g", memberId: "a", topicPattern: "t.*" });
    expect(a.partitions.size).toBe(0);
    rig.catalogue.set("t1", 1);
    await a.until(() => a.partitions.size === 1);
    rig.catalogue.set("t1", 3);
    await a.until(() => a.partitions.size === 3);
  });

  it("refuses everything with COORDINATOR_LOADING until it has read its logs", async () => {
    const rig = await rigWithTopic();
    await rig.commit("g", "t", { 0: 1 });
    const gate = closedGate();
    rig.log.beforeReplay = () => gate.opened;
    const next = await rig.restart();
    const loading = expect.objectContaining({ reason: "COORDINATOR_LOADING" });
    await expect(next.groups.join(join("a"), mute)).rejects.toEqual(loading);
    await expect(next.commit("g", "t", { 0: 1 })).rejects.toEqual(loading);
    expect(() => next.groups.committed("g", [])).toThrow(loading);
    expect(() => next.groups.list()).toThrow(loading);
    gate.open();
    await turn();
    expect(offsetsOf(next, "g")).toEqual({ "t-0": 1 });
  });

  it("goes on with the other groups when a log cannot be read", async () => {
    const rig = await rigWithTopic();
    await rig.commit("g", "t", { 0: 1 });
    await rig.commit("z", "t", { 0: 2 });
    rig.log.beforeReplay = () => {
      throw new MillraceError("STORAGE_OFFLINE", "the disk is gone");
    };
    const next = await rig.restart();
    expect(next.groups.list()).toMatchObject([{ group: "z" }]);
    const offline = expect.objectContaining({ reason: "STORAGE_OFFLINE" });
    expect(() => next.groups.describe("g")).toThrow(offline);
    expect(() => next.groups.committed("g", [])).toThrow(offline);
    await expect(next.groups.join(join("a"), mute)).rejects.toEqual(offline);
    await expect(next.commit("g", "t", { 0: 1 })).rejects.toEqual(offline);
    expect(offsetsOf(next, "z")).toEqual({ "t-0": 2 });
  });

  it("reads again a log that could not be read for want of descriptors", async () => {
    const rig = await rigWithTopic();
    await rig.commit("g", "t", { 0: 1 });
    rig.log.beforeReplay = () => {
      rig.log.beforeReplay = () => {};
      throw new MillraceError("OVERLOADED", "no descriptors");
    };
    const next = await rig.restart();
    next.clock.advance(1_000);
    await turn();
    expect(offsetsOf(next, "g")).toEqual({ "t-0": 1 });
  });

  it("refuses a version of its log that it does not know", async () => {
    const rig = await rigWithTopic();
    const key = Buffer.from('{"type":"group","group":"g"}');
    rig.logs.exist = true;
    rig.log.records.push({ key, value: Buffer.from('{"v":2}') });
    const next = await rig.restart();
    expect(() => next.groups.describe("g")).toThrow(expect.objectContaining({ reason: "LOG_CORRUPT" }));
  });

  it("leaves records of a kind that it does not know alone", async () => {
    const rig = await rigWithTopic();
    await rig.commit("g", "t", { 0: 1 });
    rig.log.records.push({ key: Buffer.from('{"type":"share","group":"g"}'), value: Buffer.from("?") });
    expect(offsetsOf(await rig.restart(), "g")).toEqual({ "t-0": 1 });
  });

  it("bounds groups and members", async () => {
    const rig = await coordinatorRig({ groupsMax: 2, membersMax: 3 });
    rig.catalogue.set("t", 1);
    await rig.commit("g1", "t", { 0: 1 });
    await rig.commit("g2", "t", { 0: 1 });
    await expect(rig.commit("g3", "t", { 0: 1 })).rejects.toMatchObject({ reason: "OVERLOADED" });
    await rig.groups.delete("g2");
    for (const memberId of ["a", "b", "c"]) await rig.groups.join(join(memberId), mute);
    await expect(rig.groups.join(join("d"), mute)).rejects.toMatchObject({ reason: "GROUP_FULL" });
  });

  it("bounds members also when many join at once, and counts who went and who was there before", async () => {
    const rig = await coordinatorRig({ membersMax: 3 });
    rig.catalogue.set("t", 1);
    const joining = (group: string, memberId: string) =>
      rig.groups.join(joinCommand({ group, memberId, topics: ["t"] }), mute);
    const burst = ["a", "b", "c", "d", "e"].map((id, index) => joining(index % 2 === 0 ? "g" : "z", id));
    const joined = (await Promise.allSettled(burst)).filter(({ status }) => status === "fulfilled");
    expect(joined).toHaveLength(3);
    const session = await burst[0]!;
    await session.leave();
    const back = await joining("z", "f");
    await expect(joining("g", "h")).rejects.toMatchObject({ reason: "GROUP_FULL", details: { max: "3" } });
    back.disconnected();
    await turn();
    rig.clock.advance(45_001);
    await turn();
    await joining("g", "h");
    const next = await rig.restart();
    await expect(next.groups.join(join("i"), mute)).rejects.toMatchObject({ reason: "GROUP_FULL" });
  });

  it("does not keep a group of which nothing came to be", async () => {
    const rig = await coordinatorRig({ groupsMax: 1 });
    rig.catalogue.set("t", 1);
    for (const group of ["a", "b", "c"]) await rig.commit(group, "t", { 0: 101 });
    expect(rig.groups.list()).toEqual([]);
  });

  it.each([
    ["group", { group: ".." }],
    ["group", { group: "a/b" }],
    ["member_id", { memberId: "" }],
    ["member_id", { memberId: "m".repeat(65) }],
    ["member_epoch", { memberEpoch: -1 }],
    ["instance_id", { instanceId: "a b" }],
    ["client_id", { clientId: "c".repeat(250) }],
    ["session_timeout_ms", { sessionTimeoutMs: 999 }],
    ["rebalance_timeout_ms", { rebalanceTimeoutMs: 3_600_001 }],
  ])("refuses a join with such a %s", async (field, change) => {
    const rig = await rigWithTopic();
    const joining = rig.groups.join({ ...join("a"), ...change }, mute);
    await expect(joining).rejects.toMatchObject({ reason: "INVALID_REQUEST", details: { field } });
  });
});

describe("topics that change", () => {
  /** A group whose only member has left, which is not stored yet. */
  async function emptying() {
    const rig = await rigWithTopic(1);
    const a = await memberOf(rig.groups, { group: "g", memberId: "a", topics: ["t"] });
    await a.until(() => a.partitions.size === 1);
    const gate = closedGate();
    rig.log.before = () => gate.opened;
    a.session.subscribe({ topics: ["t", "u"], topicPattern: undefined });
    await turn();
    const leaving = a.session.leave();
    await turn();
    return { rig, open: () => gate.open(), leaving };
  }

  it("while a group has no members are known to the next one", async () => {
    const { rig, open, leaving } = await emptying();
    rig.catalogue.set("t", 3);
    const joining = memberOf(rig.groups, { group: "g", memberId: "b", topics: ["t"] });
    open();
    await leaving;
    const b = await joining;
    await b.until(() => b.partitions.size === 3);
  });

  it("into others of their names while a group has no members are the new ones for the next", async () => {
    const { rig, open, leaving } = await emptying();
    rig.catalogue.delete("t");
    rig.catalogue.set("t", 2);
    const joining = memberOf(rig.groups, { group: "g", memberId: "b", topics: ["t"] });
    open();
    await leaving;
    const b = await joining;
    await b.until(() => b.partitions.size === 2);
  });

  it("while another log is still read are not missed by the groups that are there", async () => {
    const rig = await rigWithTopic(1);
    const a = await memberOf(rig.groups, { group: "g", memberId: "a", topics: ["t"] });
    await memberOf(rig.groups, { group: "z", memberId: "a", topics: ["t"] });
    await a.until(() => a.partitions.size === 1);
    const memberEpoch = a.epoch;
    const gate = closedGate();
    rig.logs.logs[1]!.beforeReplay = () => gate.opened;
    const next = await rig.restart();
    next.catalogue.set("t", 3);
    gate.open();
    await turn();
    const owned = [{ topic: "t", partition: 0 }];
    const back = { group: "g", memberId: "a", topics: ["t"], memberEpoch, owned };
    const b = await memberOf(next.groups, back);
    await b.until(() => b.partitions.size === 3);
  });
});
