/** Who is a member, for how long, and who is fenced. */
import { describe, expect, it } from "vitest";
import type { MillraceError } from "../../src/errors/index.ts";
import { GroupRig, type JoinOptions, SESSION_MS, UNCHANGED } from "./group-rig.ts";

function refusalOf(rig: GroupRig, memberId: string, options: JoinOptions = {}): MillraceError {
  let refusal: unknown;
  try {
    rig.join(memberId, options);
  } catch (error) {
    refusal = error;
  }
  expect(refusal).toMatchObject({ name: "MillraceError" });
  return refusal as MillraceError;
}

describe("a member", () => {
  it("stays for the session timeout after its stream broke, and nothing moves", () => {
    const rig = new GroupRig({ orders: 4 });
    const a = rig.joined("a");
    const b = rig.joined("b");
    const { has } = a;
    rig.disconnect(a);
    expect(rig.group.nextDeadlineMs()).toBe(rig.nowMs + SESSION_MS);
    rig.pass(SESSION_MS - 1);
    expect(rig.take()).toEqual(UNCHANGED);
    const back = rig.back(a);
    const changes = rig.take();
    expect(back.changes).toEqual([{ memberId: "a", memberEpoch: a.epoch, assigned: [], revoked: [] }]);
    expect(changes).toMatchObject({ state: undefined, terms: [], assignments: [], removedMemberIds: [] });
    expect(back.has).toEqual(has);
    expect(b.changes).toHaveLength(1 + 1);
    rig.pass(SESSION_MS * 10);
    expect(rig.group.memberCount).toBe(2);
  });

  it("is put out after the session timeout, and its partitions go on", () => {
    const rig = new GroupRig({ orders: 4 });
    const a = rig.joined("a");
    const b = rig.joined("b");
    rig.disconnect(a);
    rig.pass(SESSION_MS);
    expect(rig.take().removedMemberIds).toEqual(["a"]);
    expect(b.partitions).toHaveLength(4);
    expect(refusalOf(rig, "a", { memberEpoch: a.epoch }).reason).toBe("UNKNOWN_MEMBER");
    expect(rig.refusal("a", a.epoch, "orders-0")).toBe("UNKNOWN_MEMBER");
  });

  it("hears nothing more on a stream that broke, and what comes late from there is ignored", () => {
    const rig = new GroupRig({ orders: 4 });
    const a = rig.joined("a");
    rig.disconnect(a);
    rig.joined("b");
    rig.group.release(a.session, [{ topic: "orders", partition: 0 }]);
    rig.group.leave(a.session);
    rig.group.disconnected(a.session, rig.nowMs + 5_000);
    rig.settle();
    expect(a.changes).toHaveLength(1);
    expect(rig.group.nextDeadlineMs()).toBe(rig.nowMs + SESSION_MS);
    expect(rig.group.members().map(({ assigned }) => assigned.length)).toEqual([4, 0]);
  });

  it("that is back gets what was granted on the broken stream once more", () => {
    const rig = new GroupRig({ orders: 2 });
    const a = rig.join("a");
    rig.disconnect(a);
    rig.take();
    expect(rig.group.members()[0]!.memberEpoch).toBe(0);
    const again = rig.join("a");
    rig.take();
    const back = rig.join("a", { memberEpoch: again.epoch, owned: ["orders-1"] });
    rig.take();
    expect(again.ended?.reason).toBe("MEMBER_FENCED");
    expect(back.changes).toEqual([
      { memberId: "a", memberEpoch: again.epoch, assigned: [{ topic: "orders", partition: 0 }], revoked: [] },
    ]);
  });

  it("that is back with an older epoch is taken, since it may have missed an answer", () => {
    const rig = new GroupRig({ orders: 4 });
    const a = rig.joined("a");
    rig.disconnect(a);
    rig.joined("b");
    const back = rig.back(a);
    rig.take();
    expect(back.owes.size).toBe(2);
    rig.settle();
    expect(back.epoch).toBe(2);
  });

  it("that is back hears again what it has to give up, and its time for that goes on", () => {
    const rig = new GroupRig({ orders: 4 });
    const a = rig.joined("a");
    const b = rig.join("b");
    rig.take();
    const deadlineMs = rig.group.nextDeadlineMs();
    const { owes } = a;
    rig.disconnect(a);
    rig.pass(5_000);
    const back = rig.back(a);
    rig.take();
    expect(back.owes).toEqual(owes);
    expect(rig.group.nextDeadlineMs()).toBe(deadlineMs);
    rig.settle();
    expect(b.partitions).toHaveLength(2);
  });

  it("that is back without naming what it was to give up has given it up", () => {
    const rig = new GroupRig({ orders: 4 });
    const a = rig.joined("a");
    const b = rig.join("b");
    rig.take();
    rig.disconnect(a);
    const back = rig.back(a, { owned: [...a.has] });
    rig.take();
    expect(back.changes).toEqual([{ memberId: "a", memberEpoch: 2, assigned: [], revoked: [] }]);
    expect(b.partitions).toHaveLength(2);
  });

  it("that is back keeps what it was to give up if that is to be its own again", () => {
    const rig = new GroupRig({ orders: 4 });
    const a = rig.joined("a");
    const b = rig.join("b");
    rig.take();
    rig.disconnect(a);
    rig.group.leave(b.session);
    rig.take();
    const back = rig.back(a);
    rig.take();
    expect(back.owes.size).toBe(0);
    expect(back.has.size).toBe(4);
    expect(rig.group.state).toBe("stable");
  });

  it("that is back is told of everything it names and has not, once", () => {
    const rig = new GroupRig({ orders: 4 });
    const a = rig.joined("a");
    const b = rig.joined("b");
    const back = rig.back(a, { owned: [...a.has, ...b.has, "nowhere-3"] });
    rig.take();
    expect([...back.owes].sort()).toEqual([...b.has, "nowhere-3"].sort());
    rig.release(back);
    rig.take();
    expect(back.changes).toHaveLength(1);
    expect(b.changes.at(-1)!.revoked).toEqual([]);
  });

  it("is refused with an epoch that it never had, higher or of an earlier member with its id", () => {
    const rig = new GroupRig({ orders: 4 });
    const a = rig.joined("a");
    rig.joined("b");
    const refusal = refusalOf(rig, "a", { memberEpoch: a.epoch + 1 });
    expect(refusal.reason).toBe("STALE_MEMBER_EPOCH");
    expect(refusal.details).toMatchObject({ expected: "2", actual: "3" });
    rig.joined("a");
    expect(refusalOf(rig, "a", { memberEpoch: 2 }).reason).toBe("STALE_MEMBER_EPOCH");
  });

  it("that nobody knows is refused with an epoch above 0", () => {
    const rig = new GroupRig({ orders: 4 });
    expect(refusalOf(rig, "a", { memberEpoch: 3 }).reason).toBe("UNKNOWN_MEMBER");
    expect(rig.group.memberCount).toBe(0);
  });

  it("with the id of a connected one takes its stream's place", () => {
    const rig = new GroupRig({ orders: 4 });
    const a = rig.joined("a");
    const back = rig.back(a);
    rig.group.leave(a.session);
    rig.take();
    expect(a.ended?.reason).toBe("MEMBER_FENCED");
    expect(back.changes).toHaveLength(1);
    expect(rig.group.memberCount).toBe(1);
  });

  it("with a known id and epoch 0 starts over: the same partitions, in a higher epoch", () => {
    const rig = new GroupRig({ orders: 4 });
    const a = rig.joined("a");
    const b = rig.joined("b");
    const before = a.partitions;
    const anew = rig.join("a");
    const changes = rig.take();
    expect(changes.removedMemberIds).toEqual([]);
    expect(changes.terms.map(({ memberId }) => memberId)).toEqual(["a"]);
    expect(changes.assignments.map(({ memberId }) => memberId).sort()).toEqual(["a", "b"]);
    expect(anew.partitions).toEqual(before);
    expect(anew.epoch).toBe(3);
    expect(b.changes.at(-1)).toEqual({ memberId: "b", memberEpoch: 3, assigned: [], revoked: [] });
    expect(rig.refusal("a", 2, before[0]!)).toBe("STALE_MEMBER_EPOCH");
    expect(rig.refusal("a", 3, before[0]!)).toBeUndefined();
  });

  it("may change its timeouts, and nothing of its instance id, when it is back", () => {
    const rig = new GroupRig({ orders: 4 });
    const a = rig.joined("a");
    expect(refusalOf(rig, "a", { memberEpoch: 1, instanceId: "one" }).reason).toBe("INVALID_REQUEST");
    const back = rig.back(a, { sessionTimeoutMs: 2_000 });
    expect(rig.take().terms.map(({ sessionTimeoutMs }) => sessionTimeoutMs)).toEqual([2_000]);
    rig.disconnect(back);
    expect(rig.group.nextDeadlineMs()).toBe(rig.nowMs + 2_000);
  });

  it("is refused by a full group, unless it takes the place of one that is there", () => {
    const rig = new GroupRig({ orders: 4 }, 2);
    const a = rig.joined("a");
    rig.joined("b", { instanceId: "two" });
    const refusal = refusalOf(rig, "c");
    expect(refusal.reason).toBe("GROUP_FULL");
    expect(refusal.details.max).toBe("2");
    rig.back(a);
    rig.joined("b2", { instanceId: "two" });
    rig.joined("a");
    expect(rig.group.memberCount).toBe(2);
  });

  it("that nobody hears of any more leaves an empty group", () => {
    const rig = new GroupRig({ orders: 4 });
    const a = rig.joined("a");
    rig.group.leave(a.session);
    const { state, removedMemberIds, notices } = rig.take();
    expect(rig.group.state).toBe("empty");
    expect(state?.groupEpoch).toBe(2);
    expect(removedMemberIds).toEqual(["a"]);
    expect(notices).toEqual([]);
  });
});

describe("a static member", () => {
  it("has its place and partitions again after a restart with a new id, and the old one is fenced", () => {
    const rig = new GroupRig({ orders: 4 });
    const a = rig.joined("a", { instanceId: "one" });
    const b = rig.joined("b");
    const before = a.partitions;
    const anew = rig.join("a2", { instanceId: "one" });
    const changes = rig.take();
    expect(changes.removedMemberIds).toEqual(["a"]);
    expect(a.ended?.reason).toBe("MEMBER_FENCED");
    expect(anew.partitions).toEqual(before);
    expect(anew.epoch).toBeGreaterThan(a.epoch);
    expect(b.changes.at(-1)).toMatchObject({ assigned: [], revoked: [] });
    expect(rig.refusal("a", a.epoch, before[0]!)).toBe("MEMBER_FENCED");
    expect(refusalOf(rig, "a", { memberEpoch: a.epoch, instanceId: "one" }).reason).toBe("MEMBER_FENCED");
  });

  it("has its own place again also if somebody else joins at the same time", () => {
    const rig = new GroupRig({ orders: 6 });
    const a = rig.joined("a", { instanceId: "one" });
    rig.joined("b");
    rig.join("0");
    const anew = rig.join("a2", { instanceId: "one" });
    rig.settle();
    expect(a.partitions).toEqual(expect.arrayContaining(anew.partitions));
    expect(anew.has.size).toBe(2);
  });

  it("takes its place over while it is gone, and also what it was to give up is settled", () => {
    const rig = new GroupRig({ orders: 4 });
    const a = rig.joined("a", { instanceId: "one" });
    const b = rig.join("b");
    rig.take();
    rig.disconnect(a);
    const anew = rig.join("a2", { instanceId: "one" });
    rig.take();
    expect(anew.has.size).toBe(2);
    expect(b.has.size).toBe(2);
    expect(rig.group.state).toBe("stable");
  });

  it("is put out after its session timeout as any other", () => {
    const rig = new GroupRig({ orders: 4 });
    const a = rig.joined("a", { instanceId: "one" });
    rig.disconnect(a);
    rig.pass(SESSION_MS);
    expect(rig.group.memberCount).toBe(0);
    const anew = rig.joined("a2", { instanceId: "one" });
    expect(rig.refusal("a", a.epoch, "orders-0")).toBe("UNKNOWN_MEMBER");
    expect(anew.has.size).toBe(4);
  });

  it("that comes back under the id of another member ends that one too", () => {
    const rig = new GroupRig({ orders: 4 });
    const a = rig.joined("a", { instanceId: "one" });
    const b = rig.joined("b");
    const anew = rig.joined("b", { instanceId: "one" });
    expect([a.ended?.reason, b.ended?.reason]).toEqual(["MEMBER_FENCED", "MEMBER_FENCED"]);
    expect(anew.has.size).toBe(4);
    expect(rig.group.memberCount).toBe(1);
  });
});
