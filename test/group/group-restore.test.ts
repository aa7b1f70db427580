/** A group that comes back after its coordinator was killed. */
import { describe, expect, it } from "vitest";
import { GroupRig, nameOf, SESSION_MS, UNCHANGED } from "./group-rig.ts";

describe("a restored group", () => {
  it("goes on as it was when its members are back, and nothing moves", () => {
    const rig = new GroupRig({ orders: 4 });
    const streams = [rig.joined("a"), rig.joined("b", { instanceId: "two", assignor: "range" })];
    const before = rig.group.members();
    rig.crash();
    expect(rig.take()).toEqual(UNCHANGED);
    expect(rig.group.members()).toEqual(before.map((member) => ({ ...member, connected: false })));
    const back = [rig.back(streams[0]!), rig.back(streams[1]!, { instanceId: "two", assignor: "range" })];
    expect(rig.take()).toMatchObject({ terms: [], assignments: [] });
    expect(back.map(({ changes }) => changes)).toEqual(
      back.map(({ memberId }) => [{ memberId, memberEpoch: 2, assigned: [], revoked: [] }]),
    );
    expect([rig.group.groupEpoch, rig.group.assignor, rig.group.state]).toEqual([2, "range", "stable"]);
  });

  it("gives each member its session timeout from then on", () => {
    const rig = new GroupRig({ orders: 4 });
    rig.joined("a");
    rig.pass(SESSION_MS * 5);
    rig.crash();
    expect(rig.group.nextDeadlineMs()).toBe(rig.nowMs + SESSION_MS);
    rig.pass(SESSION_MS);
    expect(rig.take().removedMemberIds).toEqual(["a"]);
    expect(rig.group.state).toBe("empty");
  });

  it("still waits for what was to be released, and asks again", () => {
    const rig = new GroupRig({ orders: 2 });
    const a = rig.joined("a");
    rig.join("b");
    rig.take();
    const moving = [...a.owes];
    const before = rig.group.members();
    rig.crash();
    expect(rig.group.members()).toEqual(before.map((member) => ({ ...member, connected: false })));
    const b = rig.join("b", { memberEpoch: 2 });
    const back = rig.back(a);
    rig.take();
    expect([...back.owes]).toEqual(moving);
    expect(b.has.size).toBe(0);
    rig.settle();
    expect(b.partitions).toEqual(moving);
  });

  it("does not wait for a release of what went with its topic", () => {
    const rig = new GroupRig({ orders: 2, bills: 1 });
    const a = rig.joined("a", { topics: ["orders", "bills"] });
    rig.group.subscribe(a.session, { topics: ["bills"], topicPattern: undefined });
    rig.take();
    rig.catalogue.delete("orders");
    rig.crash();
    expect(rig.take().assignments.map(({ assigned }) => assigned.map(nameOf))).toEqual([["bills-0"]]);
  });

  it("fences commits as before", () => {
    const rig = new GroupRig({ orders: 4 });
    rig.joined("a", { instanceId: "one" });
    rig.joined("b");
    const anew = rig.joined("a2", { instanceId: "one" });
    const [partition] = anew.partitions;
    const refusals = () => [
      rig.refusal("a", 2, partition!),
      rig.refusal("a2", anew.epoch - 1, partition!),
      rig.refusal("a2", anew.epoch, partition!),
      rig.refusal("b", 2, partition!),
    ];
    const before = refusals();
    expect(before).toEqual(["MEMBER_FENCED", "STALE_MEMBER_EPOCH", undefined, "STALE_MEMBER_EPOCH"]);
    rig.crash();
    expect(refusals()).toEqual(before);
  });

  it("notices topics that came, grew or went meanwhile", () => {
    const rig = new GroupRig({ orders: 2, bills: 2, old: 1 });
    const a = rig.joined("a", { topicPattern: ".*" });
    rig.catalogue.grow("orders", 3);
    rig.catalogue.create("bills", 1);
    rig.catalogue.delete("old");
    rig.catalogue.create("new", 1);
    rig.crash();
    expect(rig.group.state).toBe("reconciling");
    expect(rig.take().state?.groupEpoch).toBe(2);
    const back = rig.back(a, { topicPattern: ".*" });
    rig.take();
    expect([...back.owes].sort()).toEqual(["bills-0", "bills-1", "old-0"]);
    rig.settle();
    expect(back.partitions).toEqual(["bills-0", "new-0", "orders-0", "orders-1", "orders-2"]);
  });

  it.each([
    ["a topic that came", (rig: GroupRig) => rig.catalogue.create("new", 1)],
    ["a topic that grew", (rig: GroupRig) => rig.catalogue.grow("orders", 3)],
    ["a topic that went", (rig: GroupRig) => rig.catalogue.delete("orders")],
    ["a topic created anew", (rig: GroupRig) => rig.catalogue.create("orders", 1)],
  ])("begins a new epoch for %s", (_, change) => {
    const rig = new GroupRig({ orders: 2, bills: 2 });
    const a = rig.joined("a", { topicPattern: ".*" });
    change(rig);
    rig.crash();
    expect(rig.take().state?.groupEpoch).toBe(2);
    rig.back(a, { topicPattern: ".*" });
    rig.settle();
    expect(rig.group.state).toBe("stable");
  });

  it("keeps members apart from earlier ones with their ids", () => {
    const rig = new GroupRig({ orders: 2 });
    rig.joined("a");
    rig.joined("a");
    rig.crash();
    expect(() => rig.join("a", { memberEpoch: 1 })).toThrow(
      expect.objectContaining({ reason: "STALE_MEMBER_EPOCH" }),
    );
    expect(rig.join("a", { memberEpoch: 2 }).session).toBe(1);
  });
});
