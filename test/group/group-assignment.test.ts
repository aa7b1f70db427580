/** How partitions go to the members and from one to another. */
import { describe, expect, it } from "vitest";
import { GroupRig, nameOf, REBALANCE_MS } from "./group-rig.ts";

describe("the assignment of a group", () => {
  it("is told to the first member with the first epoch", () => {
    const rig = new GroupRig({ orders: 2 });
    const a = rig.join("a");
    const { state, assignments, notices } = rig.take();
    expect(state).toEqual({ groupEpoch: 1, assignor: "uniform" });
    expect(notices).toHaveLength(1);
    expect(a.changes).toEqual([
      {
        memberId: "a",
        memberEpoch: 1,
        assigned: [
          { topic: "orders", partition: 0 },
          { topic: "orders", partition: 1 },
        ],
        revoked: [],
      },
    ]);
    expect(assignments.map(({ memberId, memberEpoch }) => [memberId, memberEpoch])).toEqual([["a", 1]]);
    expect(rig.group.state).toBe("stable");
  });

  it("is told to a member that gets nothing", () => {
    const rig = new GroupRig({});
    const a = rig.joined("a", { topics: ["not-there"] });
    expect(a.changes).toEqual([{ memberId: "a", memberEpoch: 1, assigned: [], revoked: [] }]);
  });

  it("gives a partition to the next member only when the one before has released it", () => {
    const rig = new GroupRig({ orders: 4 });
    const a = rig.joined("a");
    const b = rig.join("b");
    rig.take();
    expect(a.changes.at(-1)!.revoked).toHaveLength(2);
    expect(a.changes.at(-1)!.memberEpoch).toBe(1);
    expect(b.changes).toEqual([{ memberId: "b", memberEpoch: 2, assigned: [], revoked: [] }]);
    expect(rig.group.state).toBe("reconciling");

    const [first, second] = [...a.owes];
    rig.release(a, [first!]);
    rig.take();
    expect(b.partitions).toEqual([first]);
    expect(a.changes).toHaveLength(2);

    rig.release(a, [second!]);
    rig.take();
    expect(b.partitions).toEqual([first, second].sort());
    expect(a.changes.at(-1)).toEqual({ memberId: "a", memberEpoch: 2, assigned: [], revoked: [] });
    expect(rig.group.state).toBe("stable");
  });

  it("takes from nobody more than has to move, and everybody reads on", () => {
    const rig = new GroupRig({ orders: 12 });
    const members = ["a", "b", "c"].map((id) => rig.joined(id));
    const before = members.map(({ partitions }) => partitions);
    const d = rig.joined("d");
    expect(d.partitions).toHaveLength(3);
    for (const [place, { partitions }] of members.entries()) {
      expect(partitions).toHaveLength(3);
      expect(before[place]).toEqual(expect.arrayContaining(partitions));
    }
  });

  it("goes to the others when a member leaves, and they keep what they have", () => {
    const rig = new GroupRig({ orders: 6 });
    const [a, b, c] = ["a", "b", "c"].map((id) => rig.joined(id));
    const before = [a!.partitions, b!.partitions];
    rig.group.leave(c!.session);
    const { removedMemberIds } = rig.take();
    expect(removedMemberIds).toEqual(["c"]);
    expect(a!.partitions).toEqual(expect.arrayContaining(before[0]!));
    expect(b!.partitions).toEqual(expect.arrayContaining(before[1]!));
    expect([...a!.partitions, ...b!.partitions].sort()).toHaveLength(6);
    expect(a!.changes.at(-1)!.revoked).toEqual([]);
  });

  it("is computed once for many events, in one epoch", () => {
    const rig = new GroupRig({ orders: 100 });
    const members = Array.from({ length: 100 }, (_, number) => rig.join(`m${number}`));
    rig.take();
    expect(rig.group.groupEpoch).toBe(1);
    expect(members.every(({ has }) => has.size === 1)).toBe(true);
  });

  it("does not hand a member new partitions while it has something to give up", () => {
    const rig = new GroupRig({ orders: 2, bills: 1 });
    const a = rig.joined("a");
    rig.group.subscribe(a.session, { topics: ["bills"], topicPattern: undefined });
    rig.take();
    expect(a.changes.at(-1)).toMatchObject({ memberEpoch: 1, assigned: [] });
    expect([...a.owes]).toEqual(["orders-0", "orders-1"]);
    rig.release(a, ["orders-0"]);
    expect(rig.take().notices).toEqual([]);
    rig.release(a, ["orders-1"]);
    rig.take();
    expect(a.changes.at(-1)).toMatchObject({ memberEpoch: 2, assigned: [{ topic: "bills", partition: 0 }] });
  });

  it("gives a partition that comes back to the member it was taken from only after its release", () => {
    const rig = new GroupRig({ orders: 2 });
    const a = rig.joined("a");
    const b = rig.join("b");
    rig.take();
    rig.group.leave(b.session);
    rig.take();
    expect(a.owes.size).toBe(1);
    expect(a.changes.at(-1)!.assigned).toEqual([]);
    rig.settle();
    expect(a.partitions).toEqual(["orders-0", "orders-1"]);
    const [returned] = a.changes.at(-1)!.assigned;
    expect(rig.refusal("a", 1, nameOf(returned!))).toBe("STALE_MEMBER_EPOCH");
    expect(rig.refusal("a", 3, nameOf(returned!))).toBeUndefined();
  });

  it("gives back what a member released without being asked", () => {
    const rig = new GroupRig({ orders: 2 });
    const a = rig.joined("a");
    rig.release(a, ["orders-0"]);
    rig.take();
    expect(a.changes.at(-1)!.assigned).toEqual([{ topic: "orders", partition: 0 }]);
    expect(rig.group.state).toBe("stable");
  });

  it("is not disturbed by a release of what belongs to another or to nobody", () => {
    const rig = new GroupRig({ orders: 2 });
    const a = rig.joined("a");
    const b = rig.joined("b");
    rig.group.release(a.session, [
      ...b.partitions.map((name) => ({ topic: "orders", partition: Number(name.slice(-1)) })),
      { topic: "nowhere", partition: 7 },
      { topic: "orders", partition: 99 },
    ]);
    expect(rig.take().notices).toEqual([]);
    expect(rig.group.state).toBe("stable");
  });

  it("puts a member out that does not release in its rebalance timeout, and its partitions go on", () => {
    const rig = new GroupRig({ orders: 2 });
    const a = rig.joined("a");
    const b = rig.join("b");
    rig.take();
    expect(rig.group.nextDeadlineMs()).toBe(rig.nowMs + REBALANCE_MS);
    rig.pass(REBALANCE_MS - 1);
    expect(rig.take().notices).toEqual([]);
    rig.pass(1);
    rig.take();
    expect(a.ended?.reason).toBe("UNKNOWN_MEMBER");
    expect(a.ended?.message).toContain("has not released orders-");
    expect(b.partitions).toEqual(["orders-0", "orders-1"]);
    expect(rig.refusal("a", 1, "orders-0")).toBe("UNKNOWN_MEMBER");
    expect(rig.group.nextDeadlineMs()).toBeUndefined();
  });

  it("gives each revocation its own time, which a later one does not cut short", () => {
    const rig = new GroupRig({ orders: 6 });
    const a = rig.joined("a");
    rig.join("b");
    rig.take();
    const early = [...a.owes];
    rig.pass(REBALANCE_MS / 2);
    rig.join("c");
    rig.take();
    rig.release(a, early);
    rig.take();
    expect(rig.group.nextDeadlineMs()).toBe(rig.nowMs + REBALANCE_MS);
  });

  it("is ranges if a member asks for that, and back to even shares with the last who does", () => {
    const rig = new GroupRig({ orders: 4, bills: 4 });
    const topics = ["orders", "bills"];
    const a = rig.joined("a", { topics });
    const b = rig.joined("b", { topics, assignor: "range" });
    expect(rig.group.assignor).toBe("range");
    expect(rig.storedState?.assignor).toBe("range");
    expect(a.partitions).toEqual(["bills-0", "bills-1", "orders-0", "orders-1"]);
    expect(b.partitions).toEqual(["bills-2", "bills-3", "orders-2", "orders-3"]);
    rig.joined("c", { topics, assignor: "uniform" });
    expect(rig.group.assignor).toBe("uniform");
    rig.joined("d", { topics });
    expect(rig.group.assignor).toBe("uniform");
  });

  it("goes by the assignor that is still asked for when the last who joined leaves", () => {
    const rig = new GroupRig({ orders: 4 });
    rig.joined("a", { assignor: "uniform" });
    const b = rig.joined("b", { assignor: "range" });
    rig.group.leave(b.session);
    rig.take();
    expect(rig.group.assignor).toBe("uniform");
  });

  it("orders ranges by instance ids, so that a restart moves nothing", () => {
    const rig = new GroupRig({ orders: 4 });
    rig.joined("x", { instanceId: "one", assignor: "range" });
    const second = rig.joined("y", { instanceId: "two", assignor: "range" });
    const a = rig.joined("a", { assignor: "range" });
    const before = [second.partitions, a.partitions];
    const restarted = rig.joined("0", { instanceId: "two", assignor: "range" });
    expect([restarted.partitions, a.partitions]).toEqual(before);
  });
});
