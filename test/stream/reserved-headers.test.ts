import { describe, expect, it } from "vitest";
import { closedGate, watch } from "../support/gate.ts";
import { turn } from "../support/turns.ts";
import { JournaledStore } from "./journaled-store.ts";
import { StreamRig, summary } from "./stream-rig.ts";

const FORGED = [
  { key: "millrace.revision", value: Buffer.from("9007199254740000") },
  { key: "millrace.idempotency-key", value: Buffer.from("k1") },
  { key: "millrace.snapshot", value: Buffer.from("1") },
];

describe("headers that the index stands on", () => {
  it("are refused from producers also while the index is behind, with and without keys", async () => {
    const rig = await StreamRig.open();
    await rig.append("a", ["0"]);
    const many = Array.from({ length: 4_097 }, () => ({ key: "z", value: null }));
    const behind = rig.produce(many);
    const forged = FORGED.flatMap((header) =>
      ["a", null].map((key) => rig.produce([{ key, value: "forged", headers: [header] }])),
    );
    for (const { status, ...ended } of await Promise.allSettled(forged)) {
      expect(status).toBe("rejected");
      expect(ended).toMatchObject({ reason: { reason: "INVALID_BATCH" } });
    }
    await behind;
    expect(await rig.append("b", ["real"], { idempotencyKey: "k1" })).toMatchObject({ duplicate: false });
    expect((await rig.read("a")).info).toMatchObject({ lastRevision: 0, snapshotRevision: undefined });
    await rig.close();
  });

  it("are refused while the index catches up, and after it was closed", async () => {
    const store = new JournaledStore();
    const rig = new StreamRig({ store });
    rig.log = await rig.logs.open();
    await rig.produce([{ key: "a", value: "0" }]);
    const gate = closedGate();
    const write = store.write.bind(store);
    store.write = async (changes) => {
      await gate.opened;
      await write(changes);
    };
    rig.openIndex();
    const forge = () => rig.produce([{ key: "a", value: "x", headers: [FORGED[0]!] }]);
    await expect(forge()).rejects.toMatchObject({ reason: "INVALID_BATCH" });
    gate.open();
    const read = watch(rig.read("a"));
    for (let i = 0; i < 5; i++) await turn();
    expect(read.state).toBe("resolved");
    await rig.index.close();
    await expect(forge()).rejects.toMatchObject({ reason: "INVALID_BATCH" });
    await rig.log.close();
  });

  it("of records from before count only where they can be true, and do not make an append of a record", async () => {
    const rig = new StreamRig();
    rig.log = await rig.logs.open();
    const header = (key: string, value: string) => [{ key, value: Buffer.from(value) }];
    for (const value of ["9007199254740991", "9007199254740990", "3"])
      await rig.produce([{ key: "a", value, headers: header("millrace.revision", value) }]);
    await rig.produce([{ key: "b", value: "0", headers: header("millrace.snapshot", "3") }]);
    await rig.produce([{ key: "b", value: "1", headers: header("millrace.idempotency-key", "k1") }]);
    rig.openIndex();
    const { events } = await rig.read("a");
    expect(summary(events)).toEqual(["0:9007199254740991", "1:9007199254740990", "2:3"]);
    expect(await rig.append("a", ["next"], { expected: 2 })).toMatchObject({ firstRevision: 3 });
    expect(summary((await rig.read("b")).events)).toEqual(["0:0", "1:1"]);
    const appended = await rig.append("b", ["real"], { idempotencyKey: "k1" });
    expect(appended).toMatchObject({ firstRevision: 2, duplicate: false });
    const { chunks: batches } = await rig.log.read(0, 1_000_000);
    const all = { topic: "orders", partition: 0, batches, fromOffset: 0, bytesMax: 1_000_000 };
    const described = await rig.streams.describeRecords(all).events;
    expect(described.map(({ revision, isSnapshot }) => `${isSnapshot ? "s" : ""}${revision}`)).toEqual([
      "0",
      "1",
      "2",
      "0",
      "1",
      "3",
      "2",
    ]);
    await rig.close();
  });
});

describe("a record whose key no stream can have", () => {
  it("belongs to none and takes no place in the index", async () => {
    const rig = await StreamRig.open();
    const longest = "k".repeat(1_024);
    await rig.produce([
      { key: longest, value: "0" },
      { key: `${longest}k`, value: "0" },
      { key: "", value: "0" },
    ]);
    expect((await rig.read(longest)).info.lastRevision).toBe(0);
    const { chunks: batches } = await rig.log.read(0, 1_000_000);
    const all = { topic: "orders", partition: 0, batches, fromOffset: 0, bytesMax: 1_000_000 };
    const described = await rig.streams.describeRecords(all).events;
    expect(described.map(({ revision }) => revision)).toEqual([0, undefined, undefined]);
    await rig.close();
  });
});
