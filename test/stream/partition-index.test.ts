import { describe, expect, it } from "vitest";
import { FaultPlan, FaultyFileSystem, MemoryFileSystem } from "../../src/fs/index.ts";
import { closedGate, watch } from "../support/gate.ts";
import { turn } from "../support/turns.ts";
import { batchOf } from "../log/batches.ts";
import { JournaledStore } from "./journaled-store.ts";
import { plainBatch, StreamRig, summary } from "./stream-rig.ts";

const values = async (rig: StreamRig, stream = "a") => summary((await rig.read(stream)).events);

/** A rig whose log has records from before it had streams. */
async function withRecords(count: number, options: ConstructorParameters<typeof StreamRig>[0] = {}) {
  const rig = new StreamRig(options);
  rig.log = await rig.logs.open();
  for (let i = 0; i < count; i++) await rig.produce([{ key: "a", value: `${i}` }]);
  return rig;
}

describe("the index of a partition", () => {
  it("is built for a log that has records already, whatever their headers say", async () => {
    const rig = await withRecords(2);
    const headers = [{ key: "millrace.revision", value: Buffer.from("1") }];
    await rig.produce([{ key: "a", value: "2", headers }]);
    rig.openIndex();
    expect(await values(rig)).toEqual(["0:0", "1:1", "2:2"]);
    expect(await rig.append("a", ["3"], { expected: 2 })).toMatchObject({ baseOffset: 3 });
    await rig.close();
  });

  it("refuses records of plain producers that would pass for appended ones", async () => {
    const rig = await StreamRig.open();
    for (const key of ["millrace.revision", "millrace.snapshot", "millrace.idempotency-key"]) {
      const headers = [{ key, value: Buffer.from("7") }];
      const records = [
        { key: "a", value: "x" },
        { key: "a", value: "y", headers },
      ];
      await expect(rig.produce(records)).rejects.toMatchObject({
        reason: "INVALID_BATCH",
        details: { value: key },
      });
    }
    const headers = [{ key: "millrace.type", value: Buffer.from("created") }];
    await rig.produce([{ key: "a", value: "z", headers }]);
    const { events } = await rig.read("a");
    expect(events).toMatchObject([{ revision: 0, type: "created", headers: [] }]);
    await rig.close();
  });

  it("takes a batch of many streams in, piece by piece, and goes on between two pieces after a crash", async () => {
    const store = new JournaledStore();
    const rig = await StreamRig.open({ store });
    const records = Array.from({ length: 4_000 }, (_, i) => ({ key: `${i % 1_000}`, value: `${i}` }));
    await rig.produce([...records, { key: null, value: null }]);
    for (let i = 0; i < 10; i++) await turn();
    await rig.close();
    for (const writes of [store.length, store.length - 1, store.length - 3, 2]) {
      rig.store = await store.after(writes);
      await rig.open();
      expect(await values(rig, "7")).toEqual(["0:7", "1:1007", "2:2007", "3:3007"]);
      expect((await rig.read("999")).info.lastRevision).toBe(3);
      await rig.close();
    }
  });

  it("takes a batch of more records than it may note from the log instead", async () => {
    const rig = await StreamRig.open();
    await rig.append("a", ["0"]);
    const many = Array.from({ length: 4_097 }, (_, i) => ({ key: i % 2 === 0 ? "a" : null, value: null }));
    const produced = rig.produce(many);
    const appended = rig.append("a", ["last"], { expected: 2_049 });
    await produced;
    expect(await appended).toMatchObject({ baseOffset: 4_098, firstRevision: 2_050 });
    const { events } = await rig.read("a", { direction: "backwards", maxEvents: 2 });
    expect(events.map(({ revision, offset }) => [revision, offset])).toEqual([
      [2_050, 4_098],
      [2_049, 4_097],
    ]);
    await rig.close();
  });

  it("is built again for a log that was cut and grew again", async () => {
    const rig = await StreamRig.open();
    await rig.append("a", ["0", "1"]);
    await rig.append("a", ["2"]);
    await rig.close();
    const files = await rig.logs.snapshot();
    const name = [...files.keys()].find((each) => each.endsWith(".log"))!;
    const whole = files.get(name)!;
    // Behind the first batch the log is lost, and another comes to the same place.
    files.set(name, whole.subarray(0, whole.readInt32BE(8) + 12));
    const logs = await rig.logs.copy(files);
    const log = await logs.open();
    await log.append(plainBatch([{ key: "b", value: "0" }]), undefined);
    await log.close();
    const again = new StreamRig({ store: rig.store }, logs);
    await again.open();
    expect(await values(again)).toEqual(["0:0", "1:1"]);
    expect(await values(again, "b")).toEqual(["0:0"]);
    expect(logs.line("stream index is not of this log")).toBeDefined();
    await again.close();
  });

  it("goes on counting when the oldest events are gone, and after it was lost where events tell it", async () => {
    const rig = await StreamRig.open({ config: { segmentBytes: 200 } });
    for (let i = 0; i < 10; i++) await rig.append("a", [`${i}`]);
    await rig.append("b", ["0"]);
    await rig.log.trim(7);
    expect((await rig.read("a")).info).toMatchObject({ firstRevision: 7, lastRevision: 9 });
    await rig.close();
    rig.store = new JournaledStore();
    await rig.open();
    expect((await rig.read("a")).info).toMatchObject({ firstRevision: 7, lastRevision: 9 });
    expect(rig.logs.line("records are gone that the stream index lacks")).toBeDefined();
    expect(await rig.append("a", ["10"], { expected: 9 })).toMatchObject({ firstRevision: 10 });
    await rig.log.trim(rig.log.highWatermark);
    expect((await rig.read("a")).info).toMatchObject({ exists: true, firstRevision: 11, lastRevision: 10 });
    expect((await rig.read("a")).events).toEqual([]);
    await expect(rig.read("a", { fromRevision: 3 })).rejects.toMatchObject({ reason: "OFFSET_OUT_OF_RANGE" });
    expect(await rig.append("a", ["11"], { expected: 10 })).toMatchObject({ firstRevision: 11 });
    await rig.close();
  });

  it("removes what was trimmed, and finds what is left of long streams", async () => {
    const store = new JournaledStore();
    const rig = await StreamRig.open({ store, config: { segmentBytes: 20_000 } });
    for (let i = 0; i < 300; i++) {
      await rig.append(i % 3 === 0 ? "b" : "a", ["x", "y", "z", "u", "v", "w"], { idempotencyKey: `${i}` });
      await rig.produce([{ key: "c", value: `${i}` }]);
    }
    const rows = async () =>
      (await store.range({ from: Buffer.of(0), to: Buffer.alloc(30, 255), limit: 100_000 })).length;
    const before = await rows();
    for (const share of [0.3, 0.7]) {
      await rig.log.trim(Math.floor(rig.log.highWatermark * share));
      for (const stream of ["a", "b", "c"]) {
        const { info, events } = await rig.read(stream);
        expect(events[0]!.revision).toBe(info.firstRevision);
        expect(events.at(-1)!.revision).toBe(info.lastRevision);
        expect(events.every(({ offset }) => offset >= rig.log.logStartOffset)).toBe(true);
        expect(events.map(({ revision }) => revision! - info.firstRevision)).toEqual(events.map((_, i) => i));
      }
    }
    await rig.append("a", ["more"]);
    for (let i = 0; i < 20; i++) await turn();
    expect(rig.logs.line("stream index swept")).toBeDefined();
    expect(await rows()).toBeLessThan(before * 0.5);
    expect((await rig.read("a", { maxEvents: 3 })).events.length).toBe(3);
    await rig.close();
  });
});

describe("an index that lags", () => {
  it("makes appends wait where the tail takes too much memory, and loses none", async () => {
    const store = new JournaledStore();
    const rig = await StreamRig.open({ store, tailBytesMax: 2_000 });
    await rig.append("a", ["0"]);
    const gate = closedGate();
    const write = store.write.bind(store);
    store.write = async (changes) => {
      await gate.opened;
      await write(changes);
    };
    const appends = Array.from({ length: 60 }, (_, i) => watch(rig.produce([{ key: `k${i}`, value: "x" }])));
    for (let i = 0; i < 5; i++) await turn();
    const more = Array.from({ length: 10 }, () => watch(rig.append("a", ["x"])));
    for (let i = 0; i < 5; i++) await turn();
    expect([...appends, ...more].filter(({ state }) => state === "pending").length).toBeGreaterThan(0);
    gate.open();
    for (let i = 0; i < 20; i++) await turn();
    expect([...appends, ...more].filter(({ state }) => state !== "resolved")).toEqual([]);
    expect((await rig.read("a")).events.length).toBe(11);
    await rig.close();
  });

  it("is waited for, and tells how far it is if that takes long", async () => {
    const store = new JournaledStore();
    const rig = await withRecords(50, { store });
    const gate = closedGate();
    const write = store.write.bind(store);
    store.write = async (changes) => {
      await gate.opened;
      await write(changes);
    };
    rig.openIndex();
    const reading = watch(rig.read("a"));
    const appending = watch(rig.append("a", ["x"], { expected: 49 }));
    await turn();
    expect([reading.state, appending.state]).toEqual(["pending", "pending"]);
    rig.logs.clock.advance(5_000);
    await turn();
    for (const { state, value } of [reading, appending]) {
      expect(state).toBe("rejected");
      expect(value).toMatchObject({ reason: "COORDINATOR_LOADING", details: { high_watermark: "50" } });
    }
    await expect(rig.log.trim(10)).rejects.toMatchObject({ reason: "COORDINATOR_LOADING" });
    gate.open();
    expect(await rig.append("a", ["x"], { expected: 49 })).toMatchObject({ firstRevision: 50 });
    expect(await rig.log.trim(10)).toBe(10);
    await rig.close();
  });

  it("makes writers pause for the moment in which it comes to the end of the log, and is there then", async () => {
    const rig = await withRecords(200);
    let isDone = false;
    const producer = (async () => {
      for (let i = 200; !isDone || i < 400; i++) {
        await Promise.all([0, 1, 2].map(() => rig.produce([{ key: "a", value: "x" }])));
      }
    })();
    rig.openIndex();
    const { info } = await rig.read("a");
    expect(info.lastRevision).toBeGreaterThanOrEqual(199);
    isDone = true;
    await producer;
    expect((await rig.read("a")).events.length).toBe(rig.log.logEndOffset);
    await rig.close();
  });

  it("tells the operator about a long catch-up", async () => {
    const store = new JournaledStore();
    const rig = await withRecords(30, { store });
    store.beforeWrite = () => rig.logs.clock.advance(6_000);
    rig.openIndex();
    for (let i = 0; i < 5; i++) await turn();
    expect(rig.logs.line("stream index catching up")?.fields).toMatchObject({ records: 30, percent: 100 });
    expect(rig.logs.line("stream index caught up")?.fields).toMatchObject({ records: 30 });
    await rig.close();
  });
});

describe("an index whose store fails", () => {
  it("lets plain records through, tells appenders to come again, and catches up once it can", async () => {
    const store = new JournaledStore();
    const rig = await StreamRig.open({ store });
    await rig.append("a", ["0"]);
    for (let i = 0; i < 5; i++) await turn();
    let fails = true;
    store.beforeWrite = () => {
      if (fails) throw new Error("no space");
    };
    expect(await rig.append("a", ["1"])).toMatchObject({ firstRevision: 1 });
    for (let i = 0; i < 5; i++) await turn();
    await rig.produce([{ key: "a", value: "2" }]);
    const refused = watch(rig.append("a", ["x"]));
    await turn();
    rig.logs.clock.advance(5_000);
    await turn();
    expect(refused.value).toMatchObject({ reason: "COORDINATOR_LOADING", retry: "same" });
    expect(String((refused.value as Error).message)).toContain("no space");
    // Space for new records matters more than revisions of old ones.
    expect(await rig.log.trim(1)).toBe(1);
    fails = false;
    rig.logs.clock.advance(60_000);
    expect(await rig.append("a", ["3"], { expected: 2 })).toMatchObject({ firstRevision: 3 });
    expect(await values(rig)).toEqual(["1:1", "2:2", "3:3"]);
    await rig.close();
  });

  it("that names a record which is not of the stream is told of and built again", async () => {
    const store = new JournaledStore();
    const rig = await StreamRig.open({ store });
    await rig.append("a", ["0"]);
    await rig.append("b", ["0"]);
    await rig.close();
    const rows = await store.range({ from: Buffer.of(0), to: Buffer.alloc(30, 255), limit: 100 });
    const heads = rows.filter(([key]) => key[20] === 3);
    await store.write([
      { key: heads[0]![0], value: heads[1]![1] },
      { key: heads[1]![0], value: heads[0]![1] },
    ]);
    await rig.open();
    await expect(rig.read("a")).rejects.toMatchObject({ reason: "LOG_CORRUPT" });
    expect(await values(rig)).toEqual(["0:0"]);
    expect(rig.logs.line("stream index damaged")).toBeDefined();
    expect(await rig.append("a", ["1"], { expected: 0 })).toMatchObject({ firstRevision: 1 });
    await rig.close();
  });

  it("that holds no numbers where they should be is built again", async () => {
    const store = new JournaledStore();
    const rig = await StreamRig.open({ store });
    await rig.append("a", ["0"]);
    await rig.close();
    const [row] = (await store.range({ from: Buffer.of(0), to: Buffer.alloc(30, 255), limit: 100 })).filter(
      ([key]) => key[20] === 3,
    );
    await store.write([{ key: row![0], value: Buffer.alloc(0) }]);
    await rig.open();
    await expect(rig.read("a")).rejects.toMatchObject({ reason: "LOG_CORRUPT" });
    expect(await values(rig)).toEqual(["0:0"]);
    await rig.close();
  });
});

describe("a log that fails", () => {
  it("takes back what was not written: revisions, idempotency keys and those who were refused for it", async () => {
    const faults = new FaultPlan();
    const rig = new StreamRig({ fs: new FaultyFileSystem(new MemoryFileSystem(), faults) });
    await rig.open();
    await rig.append("a", ["0"]);
    faults.writableBytes = 0;
    const ended = await Promise.allSettled([
      rig.append("a", ["1"], { expected: 0, idempotencyKey: "k" }),
      rig.append("a", ["1"], { expected: 0 }),
      rig.produce([{ key: "a", value: "1" }]),
    ]);
    expect(ended.map((each) => (each.status === "rejected" ? each.reason.reason : "done"))).toEqual([
      "STORAGE_FULL",
      "STORAGE_FULL",
      "STORAGE_FULL",
    ]);
    faults.writableBytes = 10_000;
    const again = await rig.append("a", ["1"], { expected: 0, idempotencyKey: "k" });
    expect(again).toMatchObject({ firstRevision: 1, duplicate: false });
    expect(await values(rig)).toEqual(["0:0", "1:1"]);
    await rig.close();
  });

  it("and is offline still serves the events that it acknowledged", async () => {
    const faults = new FaultPlan();
    const rig = new StreamRig({ fs: new FaultyFileSystem(new MemoryFileSystem(), faults) });
    await rig.open();
    await rig.append("a", ["0"]);
    faults.when("datasync", () => true, { action: "fail", code: "EIO" });
    await expect(rig.append("a", ["1"])).rejects.toMatchObject({ reason: "STORAGE_OFFLINE" });
    await expect(rig.append("a", ["1"])).rejects.toMatchObject({ reason: "STORAGE_OFFLINE" });
    expect(await values(rig)).toEqual(["0:0"]);
    await rig.index.close();
    await rig.log.close();
  });

  it("does not tell of events that are not durable yet", async () => {
    const faults = new FaultPlan();
    const rig = new StreamRig({ fs: new FaultyFileSystem(new MemoryFileSystem(), faults) });
    await rig.open();
    await rig.append("a", ["0"]);
    const gate = closedGate();
    faults.when("datasync", () => true, { action: "wait", until: gate.opened });
    const first = watch(rig.append("a", ["1"], { expected: 0 }));
    for (let i = 0; i < 3; i++) await turn();
    const second = watch(rig.append("a", ["x"], { expected: 0 }));
    for (let i = 0; i < 3; i++) await turn();
    expect((await rig.read("a")).info.lastRevision).toBe(0);
    expect([first.state, second.state]).toEqual(["pending", "pending"]);
    gate.open();
    for (let i = 0; i < 5; i++) await turn();
    expect(first.state).toBe("resolved");
    expect(second.value).toMatchObject({ reason: "WRONG_REVISION", details: { actual: "1" } });
    await rig.close();
  });
});

describe("a log without streams", () => {
  it("tells those who wait for its streams at once when it loses them", async () => {
    const store = new JournaledStore();
    const rig = await withRecords(5, { store });
    const gate = closedGate();
    const write = store.write.bind(store);
    store.write = async (changes) => {
      await gate.opened;
      await write(changes);
    };
    rig.openIndex();
    const waiting = [watch(rig.read("a")), watch(rig.append("a", ["x"]))];
    await turn();
    const closing = rig.index.close();
    gate.open();
    await closing;
    await turn();
    expect(waiting.map(({ value }) => value)).toMatchObject([
      { reason: "NOT_LEADER" },
      { reason: "NOT_LEADER" },
    ]);
    await rig.log.close();
  });

  it("takes no appends to them, before it has them and after", async () => {
    const rig = new StreamRig();
    await rig.open();
    await rig.append("a", ["0"]);
    rig.index.forget(rig.log, "0123456789abcdef0123456789abcdef", 0);
    await expect(rig.append("a", ["1"])).rejects.toMatchObject({ reason: "INVALID_REQUEST" });
    await turn();
    await turn();
    expect(rig.log.guard).toBeUndefined();
    await rig.log.append(batchOf(["x"]), undefined);
    const { log } = rig;
    rig.index.follow({
      topic: "orders",
      topicId: "0123456789abcdef0123456789abcdef",
      partition: 0,
      leaderEpoch: 0,
      log,
    });
    expect(await rig.append("a", ["1"], { expected: 0 })).toMatchObject({ firstRevision: 1 });
    await rig.close();
  });
});
