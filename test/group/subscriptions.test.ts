/** What members may subscribe to, and what that may cost the broker. */
import { describe, expect, it } from "vitest";
import { MillraceError } from "../../src/errors/index.ts";
import { memberRecord } from "../../src/group/storage/group-record.ts";
import { turn } from "../support/turns.ts";
import { coordinatorRig, type FakeGroupLog } from "./coordinator-rig.ts";
import { GroupRig } from "./group-rig.ts";
import { joinCommand, memberOf } from "./members.ts";

const mute = { changed: () => {}, ended: () => {} };
const bytesOf = (log: FakeGroupLog) =>
  log.records.reduce((sum, { key, value }) => sum + key.length + (value?.length ?? 0), 0);

/** As many names as may be, all of one owner. */
function longNames(owner: string): string[] {
  return Array.from({ length: 256 }, (_, i) => `${owner}-${i}-`.padEnd(249, "n"));
}

describe("a subscription", () => {
  it("is refused with names of more than 65,536 characters in all", () => {
    const rig = new GroupRig();
    const topics = [...longNames("a"), ...longNames("b")];
    expect(() => rig.join("a", { topics })).toThrow(
      expect.objectContaining({ reason: "INVALID_REQUEST", message: expect.stringContaining("65536") }),
    );
    rig.joined("a", { topics: topics.slice(0, 256) });
  });

  it("is refused with a pattern that takes too many steps for the topics there are", () => {
    const rig = new GroupRig();
    for (let i = 0; i < 400; i++) rig.catalogue.create(`${i}`.padEnd(249, "n"), 1);
    const topicPattern = `${"(.?)".repeat(60)}z`;
    expect(() => rig.join("a", { topicPattern })).toThrow(
      expect.objectContaining({
        reason: "INVALID_REQUEST",
        message: expect.stringContaining("at most 20000000"),
      }),
    );
    rig.joined("b", { topicPattern: "[0-9]+n*" });
    expect(rig.group.subscribedTopics()).toHaveLength(400);
  });

  it("is counted once for all that want the same, and no longer than somebody has it", () => {
    const meter = { bytes: 0, bytesMax: 1_000_000 };
    const rig = new GroupRig({ orders: 2 }, 1_000, meter);
    const [a, b] = [rig.joined("a"), rig.joined("b")];
    const one = meter.bytes;
    expect(one).toBeGreaterThan(0);
    rig.group.subscribe(a.session, { topics: longNames("a"), topicPattern: undefined });
    expect(meter.bytes).toBeGreaterThan(one + 2 * 256 * 249);
    rig.group.subscribe(a.session, { topics: [], topicPattern: "orders" });
    expect(meter.bytes).toBeLessThan(8_192);
    rig.group.subscribe(a.session, { topics: ["orders"], topicPattern: undefined });
    expect(meter.bytes).toBe(one);
    rig.joined("a");
    expect(meter.bytes).toBe(one);
    rig.group.leave(b.session);
    expect(meter.bytes).toBe(one);
    rig.pass(1);
    rig.join("c", { memberEpoch: 0 });
    expect(meter.bytes).toBe(one);
  });

  it("is refused when those of the broker take all the memory they may, and taken again when there is room", () => {
    const meter = { bytes: 0, bytesMax: 250_000 };
    const rig = new GroupRig({ orders: 1 }, 1_000, meter);
    const stream = rig.joined("a", { topics: longNames("a") });
    const [full, small] = [meter.bytes, () => rig.join("b", { topics: longNames("b") })];
    expect(small).toThrow(expect.objectContaining({ reason: "OVERLOADED" }));
    expect([meter.bytes, rig.group.memberCount]).toEqual([full, 1]);
    rig.back(stream, { topics: longNames("a") });
    rig.group.leave(rig.join("a", { topics: longNames("a") }).session);
    expect(meter.bytes).toBe(0);
    small();
  });

  it("takes no memory of those before it, however often it changes while nothing can be stored", async () => {
    const rig = await coordinatorRig();
    const a = await memberOf(rig.groups, { group: "g", memberId: "a", topics: ["t"] });
    rig.log.before = () => {
      throw new MillraceError("STORAGE_FULL", "full");
    };
    // All of them together are more than there may be.
    for (let i = 0; i < 300; i++)
      a.session.subscribe({ topics: longNames(`s${i}`), topicPattern: undefined });
    await turn();
    expect(a.end).toBeUndefined();
  });
});

describe("the subscriptions of a broker", () => {
  it("are bounded over all groups, and those of groups read at a start count", async () => {
    const rig = await coordinatorRig();
    const join = (groups: typeof rig.groups, i: number) =>
      groups.join(joinCommand({ group: `g${i % 7}`, memberId: `m${i}`, topics: longNames(`m${i}`) }), mute);
    let count = 0;
    const refusal = async (groups: typeof rig.groups) => {
      for (; count < 1_000; count++) {
        const refused = await join(groups, count).then(
          () => undefined,
          (error) => error.reason,
        );
        if (refused !== undefined) return refused;
      }
    };
    expect(await refusal(rig.groups)).toBe("OVERLOADED");
    expect(count * 256 * 249).toBeLessThan(32 * 1_048_576);
    const again = await rig.restart();
    const before = count;
    expect(await refusal(again.groups)).toBe("OVERLOADED");
    expect(count).toBe(before);
  });

  it("are not stored again when partitions move", async () => {
    const rig = await coordinatorRig();
    rig.catalogue.set("t", 60);
    const members = [];
    for (let i = 0; i < 30; i++) {
      const topics = ["t", ...longNames(`m${i}`).slice(1)];
      members.push(await memberOf(rig.groups, { group: "g", memberId: `m${i}`, topics }));
    }
    const before = bytesOf(rig.log);
    const last = await memberOf(rig.groups, { group: "g", memberId: "last", topics: ["t"] });
    await last.until(() => last.partitions.size === 1);
    expect(bytesOf(rig.log) - before).toBeLessThan(40_000);
    expect(before).toBeLessThan(31 * 70_000 + 30 * 40_000);
  });

  it("that are refused now put their member out and leave the other groups in service", async () => {
    const rig = await coordinatorRig();
    rig.catalogue.set("t", 2);
    await memberOf(rig.groups, { group: "g", memberId: "good", topics: ["t"] });
    await memberOf(rig.groups, { group: "h", memberId: "other", topics: ["t"] });
    const subscription = { topics: [], topicPattern: "(.{1,1000})".repeat(20) };
    const { subscription: _, ...terms } = joinCommand({ group: "g", memberId: "bad" });
    rig.log.records.push(memberRecord("g", { ...terms, subscription, replacedMemberId: undefined }));
    const { groups } = await rig.restart();
    await turn();
    expect(groups.describe("g").members.map(({ memberId, target }) => [memberId, target.length])).toEqual([
      ["good", 2],
    ]);
    expect(groups.describe("h").memberCount).toBe(1);
    expect([...rig.log.newest().keys()].filter((key) => key.includes("bad"))).toEqual([]);
  });
});
