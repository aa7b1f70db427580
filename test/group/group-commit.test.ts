/** Whose commits are accepted. */
import { describe, expect, it } from "vitest";
import { GroupRig } from "./group-rig.ts";

describe("a commit", () => {
  it("is accepted from the member that has the partition, in its epoch", () => {
    const rig = new GroupRig({ orders: 2 });
    const a = rig.joined("a");
    expect(rig.refusal("a", a.epoch, "orders-0")).toBeUndefined();
  });

  it("is accepted with an epoch between that of the assignment and that of the member", () => {
    const rig = new GroupRig({ orders: 4 });
    const a = rig.joined("a");
    const b = rig.joined("b");
    const [kept] = a.partitions;
    expect(a.epoch).toBe(2);
    expect([0, 1, 2, 3].map((epoch) => rig.refusal("a", epoch, kept!))).toEqual([
      "STALE_MEMBER_EPOCH",
      undefined,
      undefined,
      "STALE_MEMBER_EPOCH",
    ]);
    const [moved] = b.partitions;
    expect(rig.refusal("b", 1, moved!)).toBe("STALE_MEMBER_EPOCH");
    expect(rig.refusal("b", 2, moved!)).toBeUndefined();
  });

  it("is accepted while the partition is to be given up, and not once it is", () => {
    const rig = new GroupRig({ orders: 2 });
    const a = rig.joined("a");
    rig.join("b");
    rig.take();
    const [moving] = [...a.owes];
    expect(rig.refusal("a", 1, moving!)).toBeUndefined();
    rig.release(a);
    expect(rig.refusal("a", 1, moving!)).toBe("STALE_MEMBER_EPOCH");
    expect(rig.refusal("b", 2, moving!)).toBe("STALE_MEMBER_EPOCH");
    rig.take();
    expect(rig.refusal("a", 1, moving!)).toBe("STALE_MEMBER_EPOCH");
    expect(rig.refusal("b", 2, moving!)).toBeUndefined();
  });

  it("is accepted while the member's stream is broken", () => {
    const rig = new GroupRig({ orders: 2 });
    const a = rig.joined("a");
    rig.disconnect(a);
    expect(rig.refusal("a", 1, "orders-1")).toBeUndefined();
  });

  it("is refused with the epochs expected and given", () => {
    const rig = new GroupRig({ orders: 2 });
    rig.joined("a");
    const refusal = rig.group.mayCommit("a", 5, { topic: "orders", partition: 0 });
    expect(refusal?.details).toMatchObject({ expected: "1", actual: "5", topic: "orders", partition: "0" });
  });

  it("is refused for partitions that the group does not know", () => {
    const rig = new GroupRig({ orders: 2, bills: 2 });
    rig.joined("a");
    expect(rig.refusal("a", 1, "bills-0")).toBe("STALE_MEMBER_EPOCH");
    expect(rig.refusal("a", 1, "orders-2")).toBe("STALE_MEMBER_EPOCH");
  });

  it("is refused from one that is no member", () => {
    const rig = new GroupRig({ orders: 2 });
    expect(rig.refusal("a", 1, "orders-0")).toBe("UNKNOWN_MEMBER");
  });
});
