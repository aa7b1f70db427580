/** Topics that come, grow, and go under a group. */
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { TopicPattern } from "../../src/group/machine/topic-pattern.ts";
import { GroupRig, REBALANCE_MS, UNCHANGED } from "./group-rig.ts";

describe("a group", () => {
  it("picks up partitions that come later, and nobody gives up any for them", () => {
    const rig = new GroupRig({ orders: 2 });
    const [a, b] = [rig.joined("a"), rig.joined("b")];
    const before = [a.partitions, b.partitions];
    rig.catalogue.grow("orders", 6);
    rig.group.topicsChanged();
    rig.take();
    expect([a.has.size, b.has.size]).toEqual([3, 3]);
    expect([a.partitions, b.partitions].map((all, place) => all.includes(before[place]![0]!))).toEqual([
      true,
      true,
    ]);
  });

  it("picks up a topic that was named before it was there", () => {
    const rig = new GroupRig({});
    const a = rig.joined("a");
    rig.catalogue.create("orders", 2);
    rig.group.topicsChanged();
    rig.take();
    expect(a.partitions).toEqual(["orders-0", "orders-1"]);
    expect(rig.group.subscribedTopics()).toEqual(["orders"]);
  });

  it("picks up topics that match a pattern, now and later, but never internal ones", () => {
    const rig = new GroupRig({ "orders-eu": 1, bills: 1, __groups: 1 });
    const a = rig.joined("a", { topicPattern: "orders-.*|__.*" });
    expect(a.partitions).toEqual(["orders-eu-0"]);
    rig.catalogue.create("orders-us", 1);
    rig.catalogue.create("__orders", 1);
    rig.group.topicsChanged();
    rig.take();
    expect(a.partitions).toEqual(["orders-eu-0", "orders-us-0"]);
  });

  it("does nothing when topics change that nobody subscribes to", () => {
    const rig = new GroupRig({ orders: 2 });
    rig.joined("a");
    rig.catalogue.create("bills", 2);
    rig.group.topicsChanged();
    expect(rig.take()).toEqual(UNCHANGED);
  });

  it("tries a pattern once on each name, however often topics change", () => {
    const rig = new GroupRig({ orders: 2 });
    const tried = vi.spyOn(TopicPattern.prototype, "matches");
    onTestFinished(() => tried.mockRestore());
    for (const id of ["a", "b", "c"]) rig.joined(id, { topicPattern: "orders.*" });
    rig.catalogue.create("orders-eu", 1);
    rig.group.topicsChanged();
    rig.settle();
    expect(tried.mock.calls).toEqual([["orders"], ["orders-eu"]]);
  });

  it("refuses names that are none, internal names, too many names, bad patterns and nothing", () => {
    const rig = new GroupRig({ orders: 2 });
    const a = rig.joined("a");
    const refused = { reason: "INVALID_REQUEST" };
    const many = Array.from({ length: 1_001 }, (_, number) => `t${number}`);
    for (const topics of [["a/b"], ["__groups"], many, []]) {
      expect(() => rig.join("b", { topics })).toThrow(expect.objectContaining(refused));
    }
    expect(() => rig.join("b", { topicPattern: "(" })).toThrow(expect.objectContaining(refused));
    const wanted = { topics: [], topicPattern: "[" };
    expect(() => rig.group.subscribe(a.session, wanted)).toThrow(expect.objectContaining(refused));
    expect(rig.group.memberCount).toBe(1);
    expect(rig.take().notices).toEqual([]);
  });

  it("takes equal subscriptions for no change", () => {
    const rig = new GroupRig({ orders: 2, bills: 2 });
    const a = rig.joined("a", { topics: ["orders", "bills"] });
    rig.group.subscribe(a.session, { topics: ["bills", "orders", "bills"], topicPattern: undefined });
    expect(rig.take().state).toBeUndefined();
  });

  it("forgets the partitions of a deleted topic without waiting, and tells who had them", () => {
    const rig = new GroupRig({ orders: 2, bills: 2 });
    const topics = ["orders", "bills"];
    const [a, b] = [rig.joined("a", { topics }), rig.joined("b", { topics })];
    const lost = [a, b].map(({ partitions }) => partitions.filter((name) => name.startsWith("orders")));
    rig.catalogue.delete("orders");
    rig.group.topicsChanged();
    rig.take();
    expect([a, b].map(({ owes }) => [...owes])).toEqual(lost);
    expect(a.epoch).toBe(rig.group.groupEpoch);
    expect(rig.group.state).toBe("stable");
    expect(rig.group.subscribedTopics()).toEqual(["bills"]);
    expect(rig.refusal("a", a.epoch, lost[0]![0]!)).toBe("STALE_MEMBER_EPOCH");
    rig.settle();
    rig.pass(REBALANCE_MS * 2);
    expect(rig.group.memberCount).toBe(2);
    expect(rig.group.nextDeadlineMs()).toBeUndefined();
  });

  it("takes a topic created anew for another one, which comes when the old one is released", () => {
    const rig = new GroupRig({ orders: 1 });
    const a = rig.joined("a");
    rig.catalogue.create("orders", 1);
    rig.group.topicsChanged();
    rig.take();
    expect(a.changes.at(-1)).toMatchObject({ assigned: [], revoked: [{ topic: "orders", partition: 0 }] });
    expect(rig.refusal("a", a.epoch, "orders-0")).toBe("STALE_MEMBER_EPOCH");
    rig.release(a);
    rig.take();
    expect(a.partitions).toEqual(["orders-0"]);
    expect(rig.refusal("a", 1, "orders-0")).toBe("STALE_MEMBER_EPOCH");
    expect(rig.refusal("a", a.epoch, "orders-0")).toBeUndefined();
  });

  it("puts a member out that does not release what was deleted, for what it says of the name is not clear", () => {
    const rig = new GroupRig({ orders: 1 });
    const a = rig.joined("a");
    rig.catalogue.create("orders", 1);
    rig.group.topicsChanged();
    rig.take();
    expect(rig.group.nextDeadlineMs()).toBe(rig.nowMs + REBALANCE_MS);
    rig.pass(REBALANCE_MS);
    rig.take();
    expect(a.ended?.reason).toBe("UNKNOWN_MEMBER");
  });

  it("does not take a member that missed all this for one that knows the new topic", () => {
    const rig = new GroupRig({ orders: 1 });
    const a = rig.joined("a");
    rig.disconnect(a);
    const second = rig.back(a, { owned: ["orders-0"] });
    rig.catalogue.create("orders", 1);
    rig.group.topicsChanged();
    rig.disconnect(second);
    rig.take();
    const third = rig.join("a", { memberEpoch: 1 });
    rig.take();
    expect(third.partitions).toEqual(["orders-0"]);
    const fourth = rig.join("a", { memberEpoch: 1, owned: ["orders-0"] });
    rig.take();
    expect(fourth.changes).toHaveLength(1);
    expect(fourth.changes[0]).toMatchObject({ assigned: [], revoked: [{ topic: "orders", partition: 0 }] });
    rig.settle();
    expect(fourth.partitions).toEqual(["orders-0"]);
  });

  it("asks for the partitions of a topic that a member does not want any more", () => {
    const rig = new GroupRig({ orders: 2, bills: 2 });
    const a = rig.joined("a", { topics: ["orders", "bills"] });
    rig.group.subscribe(a.session, { topics: ["bills"], topicPattern: undefined });
    rig.take();
    expect([...a.owes]).toEqual(["orders-0", "orders-1"]);
    rig.catalogue.delete("orders");
    rig.group.topicsChanged();
    rig.take();
    expect(a.changes.at(-1)!.revoked).toEqual([]);
    rig.settle();
    expect(rig.group.state).toBe("stable");
  });

  it("describes its members and who holds what", () => {
    const rig = new GroupRig({ orders: 2 });
    const a = rig.joined("a");
    rig.join("b", { instanceId: "two", topicPattern: "orders" });
    rig.take();
    const [revoking] = [...a.owes].map((name) => Number(name.slice(-1)));
    const kept = 1 - revoking!;
    rig.group.paused(a.session, [
      { topic: "orders", partition: kept },
      { topic: "other", partition: 0 },
    ]);
    const partition = (number: number) => ({ topic: "orders", partition: number });
    expect(rig.group.members()).toEqual([
      {
        memberId: "a",
        instanceId: undefined,
        clientId: "test",
        memberEpoch: 1,
        connected: true,
        subscription: { topics: ["orders"], topicPattern: undefined },
        assigned: [partition(0), partition(1)],
        target: [partition(kept)],
        revoking: [partition(revoking!)],
      },
      {
        memberId: "b",
        instanceId: "two",
        clientId: "test",
        memberEpoch: 2,
        connected: true,
        subscription: { topics: [], topicPattern: "orders" },
        assigned: [],
        target: [partition(revoking!)],
        revoking: [],
      },
    ]);
    const holder = { memberId: "a", connected: true, paused: true, revoking: false };
    expect(rig.group.holderOf(partition(kept))).toEqual(holder);
    expect(rig.group.holderOf(partition(revoking!))).toEqual({ ...holder, paused: false, revoking: true });
    expect(rig.group.holderOf(partition(7))).toBeUndefined();
    rig.release(a, [`orders-${kept}`]);
    rig.settle();
    expect(rig.group.holderOf(partition(kept))).toEqual({ ...holder, paused: false });
  });
});
