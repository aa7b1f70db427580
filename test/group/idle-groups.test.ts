/** Groups in which there is nothing, and their epochs. */
import { describe, expect, it } from "vitest";
import { turn } from "../support/turns.ts";
import { type CoordinatorRig, coordinatorRig } from "./coordinator-rig.ts";
import { joinCommand, memberOf } from "./members.ts";

const MINUTE_MS = 60_000;
const mute = { changed: () => {}, ended: () => {} };

/** Lets the upkeep have its turns. */
async function minutes({ clock }: Pick<CoordinatorRig, "clock">, count: number): Promise<void> {
  for (let minute = 0; minute < count; minute++) {
    clock.advance(MINUTE_MS);
    for (let turns = 0; turns < 20; turns++) await turn();
  }
}

async function comeAndGo({ groups }: Pick<CoordinatorRig, "groups">, group: string): Promise<void> {
  const member = await memberOf(groups, { group, memberId: "a", topics: ["t"] });
  await member.session.leave();
}

const namesOf = ({ groups }: Pick<CoordinatorRig, "groups">) => groups.list().map(({ group }) => group);

describe("a group that nobody is in any more", () => {
  it("goes after ten minutes if it has no committed offsets, and makes room for others", async () => {
    const rig = await coordinatorRig({ groupsMax: 3 });
    rig.catalogue.set("t", 1);
    for (const group of ["a", "b", "z"]) await comeAndGo(rig, group);
    await minutes(rig, 9);
    expect(namesOf(rig)).toEqual(["a", "b", "z"]);
    await minutes(rig, 3);
    expect(namesOf(rig)).toEqual([]);
    expect(rig.logs.logs.map((log) => log.newest().size)).toEqual([0, 0]);
    await comeAndGo(rig, "new");
    expect(namesOf(rig)).toEqual(["new"]);
  });

  it("stays if it has committed offsets, or somebody is back", async () => {
    const rig = await coordinatorRig();
    rig.catalogue.set("t", 1);
    for (const group of ["a", "b", "c"]) await comeAndGo(rig, group);
    await rig.commit("a", "t", { 0: 5 });
    await minutes(rig, 5);
    await rig.groups.join(joinCommand({ group: "b", memberId: "b", topics: ["t"] }), mute);
    await minutes(rig, 10);
    expect(namesOf(rig)).toEqual(["a", "b"]);
  });

  it("goes after a restart too, and after its last member was put out", async () => {
    const rig = await coordinatorRig();
    rig.catalogue.set("t", 1);
    await comeAndGo(rig, "a");
    await rig.groups.join(joinCommand({ group: "b", memberId: "b", topics: ["t"] }), mute);
    const next = await rig.restart();
    await minutes(next, 5);
    expect(namesOf(next)).toEqual(["a", "b"]);
    await minutes(next, 15);
    expect(namesOf(next)).toEqual([]);
  });

  it("is not deleted under somebody who joins in the same moment", async () => {
    const rig = await coordinatorRig();
    rig.catalogue.set("t", 1);
    await comeAndGo(rig, "a");
    await minutes(rig, 9);
    rig.clock.advance(2 * MINUTE_MS);
    const member = await memberOf(rig.groups, { group: "a", memberId: "b", topics: ["t"] });
    await member.until(() => member.partitions.size === 1);
    await minutes(rig, 2);
    expect(namesOf(rig)).toEqual(["a"]);
    expect(rig.log.newest().has('{"type":"group","group":"a"}')).toBe(true);
  });
});

describe("a group that is created anew", () => {
  it("goes on above the epochs of the one that was deleted, so that late commits stay refused", async () => {
    const rig = await coordinatorRig();
    rig.catalogue.set("t", 1);
    const before = await memberOf(rig.groups, { group: "g", memberId: "a", topics: ["t"] });
    await before.until(() => before.partitions.size === 1);
    await before.session.leave();
    await rig.groups.delete("g");
    expect(namesOf(rig)).toEqual([]);
    const after = await memberOf(rig.groups, { group: "g", memberId: "a", topics: ["t"] });
    await after.until(() => after.partitions.size === 1);
    expect(after.epoch).toBeGreaterThan(before.epoch);
    const late = { topic: "t", partition: 0, offset: 9, metadata: "", rewind: false };
    const member = { memberId: "a", memberEpoch: before.epoch };
    const [result] = await rig.groups.commit({ group: "g", member, offsets: [late] });
    expect(result).toMatchObject({ reason: "STALE_MEMBER_EPOCH" });
  });
});
