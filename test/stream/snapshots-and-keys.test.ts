import { describe, expect, it } from "vitest";
import { turn } from "../support/turns.ts";
import { StreamRig, summary } from "./stream-rig.ts";

async function turns(count: number): Promise<void> {
  for (let i = 0; i < count; i++) await turn();
}

describe("the latest snapshot", () => {
  it("is the one of the highest revision, whichever was written last", async () => {
    const rig = await StreamRig.open();
    await rig.append("a", ["0", "1", "2", "3", "4", "5"]);
    await rig.append("a", ["at 5"], { snapshotRevision: 5 });
    await rig.append("a", ["at 1"], { snapshotRevision: 1 });
    const latest = async () => summary((await rig.read("a", { fromSnapshot: true })).events);
    expect(await latest()).toEqual(["s5:at 5"]);
    await turns(5);
    await rig.append("a", ["at 2"], { snapshotRevision: 2 });
    await rig.log.trim(4);
    expect(await latest()).toEqual(["s5:at 5"]);
    await rig.append("a", ["at 5 again"], { snapshotRevision: 5 });
    expect(await latest()).toEqual(["s5:at 5 again"]);
    await rig.close();
  });

  it("is another once it is gone", async () => {
    const rig = await StreamRig.open();
    await rig.append("a", ["0", "1", "2", "3", "4", "5"]);
    await rig.append("a", ["at 5"], { snapshotRevision: 5 });
    await rig.append("a", ["6"]);
    await rig.log.trim(7);
    expect((await rig.read("a")).info).toMatchObject({ firstRevision: 6, snapshotRevision: undefined });
    await rig.append("a", ["at 3"], { snapshotRevision: 3 });
    await turns(5);
    expect((await rig.read("a")).info.snapshotRevision).toBe(3);
    await rig.close();
  });
});

describe("an idempotency key", () => {
  it("is known as long as any event of its append is kept, and forgotten then", async () => {
    const rig = await StreamRig.open();
    const append = () => rig.append("a", ["0", "1", "2"], { idempotencyKey: "k" });
    const first = await append();
    await turns(5);
    await rig.log.trim(1);
    expect(await append()).toEqual({ ...first, duplicate: true });
    await rig.log.trim(2);
    expect(await append()).toEqual({ ...first, duplicate: true });
    await rig.produce(Array.from({ length: 2_000 }, () => ({ key: null, value: "x" })));
    await rig.log.trim(1_500);
    expect(await append()).toMatchObject({ firstRevision: 3, duplicate: false });
    await rig.close();
  });
});
