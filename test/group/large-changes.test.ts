/** Changes of a group that no single append can hold. */
import { describe, expect, it } from "vitest";
import { assignmentRecord, memberRecord } from "../../src/group/storage/group-record.ts";
import { closedGate } from "../support/gate.ts";
import { turn } from "../support/turns.ts";
import { coordinatorRig, type FakeGroupLog } from "./coordinator-rig.ts";
import { joinCommand } from "./members.ts";

const mute = { changed: () => {}, ended: () => {} };
const topics = Array.from({ length: 998 }, (_, i) => `${i}-${"n".repeat(60)}`);
const bytesOf = (log: FakeGroupLog) =>
  log.records.reduce((sum, { key, value }) => sum + key.length + (value?.length ?? 0), 0);
/** Not one subscription for all: then the members would be small. */
const joinOf = (i: number) =>
  joinCommand({ group: "g", memberId: `m${i}`, topics: ["t", `own${i}`, ...topics] });

describe("a change of a group that is larger than an append", () => {
  it("is stored in pieces, the group before its members, and found whole", async () => {
    const rig = await coordinatorRig();
    rig.catalogue.set("t", 120);
    const gate = closedGate();
    rig.log.before = () => gate.opened;
    const joining = [rig.groups.join(joinOf(0), mute)];
    await turn();
    for (let i = 1; i < 120; i++) joining.push(rig.groups.join(joinOf(i), mute));
    await turn();
    gate.open();
    await Promise.all(joining);
    expect(bytesOf(rig.log)).toBeGreaterThan(2 * 3_145_728);
    expect(rig.log.appends.length).toBeGreaterThan(3);
    // After the group and both records of the first member.
    expect(String(rig.log.records[3]!.key)).toBe('{"type":"group","group":"g"}');
    expect(String(rig.log.records[3]!.value)).toContain('"unfinished":true');
    expect(rig.log.newest().get('{"type":"group","group":"g"}')).not.toContain("unfinished");
    const { groups } = await rig.restart();
    expect(groups.describe("g").members.map(({ memberEpoch }) => memberEpoch)).toEqual(
      rig.groups.describe("g").members.map(({ memberEpoch }) => memberEpoch),
    );
  });

  it("of which only a beginning was stored begins another epoch, in which all is even", async () => {
    const rig = await coordinatorRig();
    rig.catalogue.set("t", 120);
    for (let i = 0; i < 60; i++) await rig.groups.join(joinOf(i), mute);
    const gate = closedGate();
    rig.log.before = () => gate.opened;
    const joining = Array.from({ length: 61 }, (_, i) => rig.groups.join(joinOf(59 + i), mute));
    await turn();
    gate.open();
    await Promise.all(joining);
    const { records, appends } = rig.log;
    const begun = records.findIndex(({ value }) => String(value).includes("unfinished"));
    let end = 0;
    for (let index = 0; end <= begun; index++) end += appends[index]!;
    records.length = end;
    expect(rig.log.newest().get('{"type":"group","group":"g"}')).toContain("unfinished");
    const { groups } = await rig.restart();
    await turn();
    expect(rig.log.newest().get('{"type":"group","group":"g"}')).not.toContain("unfinished");
    const { members } = groups.describe("g");
    const shares = members.map(({ target }) => target.length);
    expect(Math.max(...shares) - Math.min(...shares)).toBeLessThanOrEqual(1);
  });

  it("of which only a beginning was stored leaves a partition to its younger owner", async () => {
    const rig = await coordinatorRig();
    rig.catalogue.set("t", 1);
    rig.logs.exist = true;
    rig.log.records.push({
      key: Buffer.from('{"type":"group","group":"g"}'),
      value: Buffer.from('{"v":1,"groupEpoch":3,"assignor":"uniform"}'),
    });
    const { topicId } = rig.catalogue.topic("t")!;
    for (const [memberId, epoch] of [
      ["a", 1],
      ["b", 3],
      ["c", 2],
    ] as const) {
      const assigned = [{ topic: "t", topicId, partition: 0, epoch, revoking: false }];
      rig.log.records.push(
        memberRecord("g", { ...STORED, memberId }),
        assignmentRecord("g", { memberId, joinEpoch: epoch, memberEpoch: epoch, assigned, target: [] }),
      );
    }
    const next = await rig.restart();
    const { members } = next.groups.describe("g");
    expect(members.map(({ memberId, assigned }) => [memberId, assigned.length])).toEqual([
      ["a", 0],
      ["b", 1],
      ["c", 0],
    ]);
  });
});

const STORED = {
  instanceId: undefined,
  replacedMemberId: undefined,
  clientId: "test",
  subscription: { topics: ["t"], topicPattern: undefined },
  assignor: undefined,
  sessionTimeoutMs: 45_000,
  rebalanceTimeoutMs: 300_000,
} as const;
