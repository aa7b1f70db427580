import { describe, expect, it } from "vitest";
import { MillraceError } from "../../src/errors/index.ts";
import { closedGate, watch } from "../support/gate.ts";
import { settled, turn } from "../support/turns.ts";
import { rigWithTopic } from "./coordinator-rig.ts";
import { join, memberOf, mute } from "./members.ts";

describe("a group that cannot be stored", () => {
  it("waits while the disk is full, and goes on by itself", async () => {
    const rig = await rigWithTopic();
    let isFull = true;
    rig.log.before = () => {
      if (isFull) throw new MillraceError("STORAGE_FULL", "full");
    };
    const joining = watch(rig.groups.join(join("a"), mute));
    await turn();
    rig.clock.advance(5_000);
    await turn();
    expect(joining.state).toBe("pending");
    isFull = false;
    rig.clock.advance(1_000);
    await turn();
    expect(joining.state).toBe("resolved");
    expect((await rig.restart()).groups.describe("g").memberCount).toBe(1);
  });

  it("ends with the failure of its log, and the others go on", async () => {
    const rig = await rigWithTopic();
    const a = await memberOf(rig.groups, { group: "g", memberId: "a", topics: ["t"] });
    rig.log.before = () => {
      throw new MillraceError("STORAGE_OFFLINE", "the disk is gone");
    };
    const offline = expect.objectContaining({ reason: "STORAGE_OFFLINE" });
    await expect(rig.groups.join(join("b"), mute)).rejects.toEqual(offline);
    expect(a.end).toEqual(offline);
    await expect(rig.groups.join(join("a"), mute)).rejects.toEqual(offline);
    expect(await rig.commit("z", "t", { 0: 1 })).toEqual([1]);
  });

  it("tells the other members although the sink of one throws", async () => {
    const rig = await rigWithTopic(2);
    const bad = {
      ...mute,
      changed: () => {
        throw new Error("broken pipe");
      },
    };
    await rig.groups.join(join("a"), bad);
    const b = await memberOf(rig.groups, { group: "g", memberId: "b", topics: ["t"] });
    expect(rig.groups.describe("g").members).toMatchObject([{ memberId: "a", connected: false }, {}]);
    rig.clock.advance(45_001);
    await b.until(() => b.partitions.size === 2);
  });
});

describe("a coordinator that closes", () => {
  it("ends all memberships and refuses what comes later", async () => {
    const rig = await rigWithTopic();
    const a = await memberOf(rig.groups, { group: "g", memberId: "a", topics: ["t"] });
    await rig.groups.close();
    expect(a.end?.reason).toBe("SHUTTING_DOWN");
    a.session.release([]);
    a.session.disconnected();
    await expect(rig.commit("g", "t", { 0: 1 })).rejects.toMatchObject({ reason: "SHUTTING_DOWN" });
    expect(rig.clock.timerCount).toBe(0);
  });

  it("waits for the appends under way, whose commits are answered", async () => {
    const rig = await rigWithTopic();
    const gate = closedGate();
    rig.log.before = () => gate.opened;
    const commit = rig.commit("g", "t", { 0: 1 });
    const joining = watch(rig.groups.join(join("a"), mute));
    await turn();
    const closing = watch(rig.groups.close());
    await turn();
    expect([closing.state, joining.state]).toEqual(["pending", "rejected"]);
    gate.open();
    expect(await commit).toEqual([1]);
    await turn();
    expect(closing.state).toBe("resolved");
  });

  it("lets no group come to be whose log is made meanwhile", async () => {
    const rig = await rigWithTopic();
    const gate = closedGate();
    const create = rig.logs.create.bind(rig.logs);
    rig.logs.create = async () => {
      await gate.opened;
      return create();
    };
    const joining = watch(rig.groups.join(join("a"), mute));
    await turn();
    await rig.groups.close();
    gate.open();
    await turn();
    expect(joining.value).toMatchObject({ reason: "SHUTTING_DOWN" });
    expect(rig.log.records).toEqual([]);
  });

  it("does not try again what fails meanwhile", async () => {
    const rig = await rigWithTopic();
    await rig.commit("g", "t", { 0: 1 });
    const gate = closedGate();
    rig.log.before = async () => {
      await gate.opened;
      throw new MillraceError("STORAGE_FULL", "full");
    };
    watch(rig.groups.join(join("a"), mute));
    await turn();
    const closing = rig.groups.close();
    gate.open();
    await settled(closing, "closing");
    expect(rig.clock.timerCount).toBe(0);
  });

  it("does not wait for a log that cannot be read, or a disk that is full", async () => {
    const rig = await rigWithTopic();
    await rig.commit("g", "t", { 0: 1 });
    rig.log.before = () => {
      throw new MillraceError("STORAGE_FULL", "full");
    };
    const joining = watch(rig.groups.join(join("a"), mute));
    await turn();
    await settled(rig.groups.close(), "closing while the disk is full");
    expect(rig.clock.timerCount).toBe(0);
    expect(joining.value).toMatchObject({ reason: "SHUTTING_DOWN" });
    rig.log.beforeReplay = () => {
      throw new MillraceError("OVERLOADED", "no descriptors");
    };
    await settled((await rig.restart()).groups.close(), "closing while loading");
  });
});
