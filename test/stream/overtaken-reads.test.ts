import { describe, expect, it } from "vitest";
import type { ReadStreamQuery, StreamReading } from "../../src/stream/index.ts";
import { turn } from "../support/turns.ts";
import { JournaledStore } from "./journaled-store.ts";
import { StreamRig, TOPIC_ID } from "./stream-rig.ts";

async function turns(count: number): Promise<void> {
  for (let i = 0; i < count; i++) await turn();
}

/** 6,000 events of "a": the one of revision r at offset 2r, sixteen in each row of the index. */
async function longStream(): Promise<StreamRig> {
  const rig = await StreamRig.open({ store: new JournaledStore(), config: { segmentBytes: 20_000 } });
  for (let batch = 0; batch < 6; batch++) {
    await rig.produce(
      Array.from({ length: 2_000 }, (_, i) => ({ key: i % 2 === 0 ? "a" : "b", value: "x" })),
    );
  }
  await turns(10);
  return rig;
}

/** Drops what lies below a revision that begins a row, from the log and from the index. */
async function dropBelow(rig: StreamRig, revision: number): Promise<void> {
  await rig.log.trim(2 * revision);
  await rig.append("a", ["more"]);
  for (let i = 0; i < 200 && rig.logs.line("stream index swept") === undefined; i++) await turn();
  expect(rig.logs.line("stream index swept")).toBeDefined();
}

/** Revisions that a reading gives before it ends, and how it does. */
async function rest(reading: StreamReading, interfere: (page: number) => Promise<void> = async () => {}) {
  const revisions: (number | undefined)[] = [];
  try {
    for (let page = 1; ; page++) {
      const events = await reading.next();
      if (events === undefined) return { revisions, error: undefined };
      revisions.push(...events.map(({ revision }) => revision));
      await interfere(page);
    }
  } catch (error) {
    return { revisions, error };
  }
}

const upTo = (count: number) => Array.from({ length: count }, (_, revision) => revision);
const DIRECTIONS: ReadStreamQuery["direction"][] = ["forwards", "backwards"];

describe("a reading that is overtaken", () => {
  it("by retention fails where the first event is missing, and passes over none", async () => {
    const rig = await longStream();
    const fresh = await rig.reading("a");
    const begun = await rig.reading("a");
    const { revisions, error } = await rest(begun, async (page) => {
      if (page === 2) await dropBelow(rig, 4_512);
    });
    expect(error).toMatchObject({ reason: "OFFSET_OUT_OF_RANGE" });
    expect(revisions).toEqual(upTo(revisions.length));
    expect(await rest(fresh)).toMatchObject({
      revisions: [],
      error: { reason: "OFFSET_OUT_OF_RANGE", details: { revision: "0", first_revision: "4512" } },
    });
    expect((await rest(await rig.reading("a"))).revisions).toEqual(upTo(6_001).slice(4_512));
    await rig.close();
  });

  it("by retention backwards fails at the end that was promised", async () => {
    const rig = await longStream();
    const { revisions, error } = await rest(
      await rig.reading("a", { direction: "backwards" }),
      async (page) => {
        if (page === 2) await dropBelow(rig, 2_512);
      },
    );
    expect(error).toMatchObject({ reason: "OFFSET_OUT_OF_RANGE" });
    expect(revisions).toEqual(upTo(6_000).reverse().slice(0, revisions.length));
    await rig.close();
  });

  it.each(DIRECTIONS)("%s by the end of the streams is told so", async (direction) => {
    const rig = await longStream();
    const { revisions, error } = await rest(await rig.reading("a", { direction }), async (page) => {
      if (page !== 2) return;
      rig.index.forget(rig.log, TOPIC_ID, 0);
      await turns(20);
    });
    expect(error).toMatchObject({ reason: "NOT_LEADER" });
    expect(revisions.length).toBeLessThan(6_000);
    await rig.log.close();
  });

  it.each(DIRECTIONS)("%s by an index that is built again may be tried again", async (direction) => {
    const rig = await longStream();
    const { revisions, error } = await rest(await rig.reading("a", { direction }), async (page) => {
      if (page !== 2) return;
      rig.index.find(rig.log)!.damaged("as a test has it");
      await turns(5);
    });
    expect(error).toMatchObject({ reason: "COORDINATOR_LOADING", retry: "same" });
    expect(revisions.length).toBeLessThan(6_000);
    expect((await rest(await rig.reading("a"))).revisions).toEqual(upTo(6_000));
    await rig.close();
  });

  it("fails also where revisions are missing in what is kept, because the index was lost", async () => {
    const rig = await StreamRig.open({ config: { segmentBytes: 200 } });
    for (let i = 0; i < 5; i++) await rig.append("a", [`${i}`]);
    await rig.produce([{ key: "a", value: "plain" }]);
    await rig.append("a", ["6", "7"]);
    await rig.append("a", ["of 7"], { snapshotRevision: 7 });
    await rig.log.trim(5);
    await rig.close();
    rig.store = new JournaledStore();
    await rig.open();
    // Nothing tells any more that the plain event was the sixth.
    expect(await rest(await rig.reading("a"))).toMatchObject({
      revisions: [],
      error: { reason: "OFFSET_OUT_OF_RANGE", details: { revision: "1", first_revision: "6" } },
    });
    expect((await rest(await rig.reading("a", { fromRevision: 6 }))).revisions).toEqual([6, 7]);
    const back = await rest(await rig.reading("a", { direction: "backwards", maxEvents: 2 }));
    expect(back).toEqual({ revisions: [7, 6], error: undefined });
    expect((await rest(await rig.reading("a", { fromSnapshot: true }))).revisions).toEqual([7]);
    await rig.close();
  });
});
