import { describe, expect, it } from "vitest";
import { event, StreamRig, summary } from "./stream-rig.ts";

describe("a stream", () => {
  it("takes events with the revision expected and refuses others with the actual one", async () => {
    const rig = await StreamRig.open();
    expect(await rig.append("a", ["0", "1"], { expected: "none" })).toMatchObject({
      outcome: "appended",
      baseOffset: 0,
      firstRevision: 0,
      lastRevision: 1,
      durability: "durable",
      duplicate: false,
    });
    expect(await rig.append("a", ["2"], { expected: 1 })).toMatchObject({ firstRevision: 2 });
    expect(await rig.append("a", ["3"], { expected: "exists" })).toMatchObject({ firstRevision: 3 });
    expect(await rig.append("a", ["4"])).toMatchObject({ firstRevision: 4, baseOffset: 4 });
    const refusals = [0, 3, 5, "none"] as const;
    for (const expected of refusals) {
      await expect(rig.append("a", ["x"], { expected })).rejects.toMatchObject({
        reason: "WRONG_REVISION",
        details: { expected: String(expected), actual: "4" },
      });
    }
    await expect(rig.append("b", ["x"], { expected: "exists" })).rejects.toMatchObject({
      reason: "WRONG_REVISION",
      details: { actual: "none" },
    });
    expect(rig.log.logEndOffset).toBe(5);
    const { info, events } = await rig.read("a");
    expect(info).toEqual({ exists: true, firstRevision: 0, lastRevision: 4, snapshotRevision: undefined });
    expect(summary(events)).toEqual(["0:0", "1:1", "2:2", "3:3", "4:4"]);
    await rig.close();
  });

  it("counts the records of plain producers and is told apart from others", async () => {
    const rig = await StreamRig.open();
    await rig.append("a", ["0"]);
    await rig.produce([
      { key: "a", value: "1" },
      { key: "b", value: "0" },
      { key: null, value: "none" },
      { key: "a", value: null },
    ]);
    await rig.append("a", ["3"], { expected: 2 });
    expect(summary((await rig.read("a")).events)).toEqual(["0:0", "1:1", "2:null", "3:3"]);
    expect(summary((await rig.read("b")).events)).toEqual(["0:0"]);
    expect((await rig.read("c")).info).toMatchObject({ exists: false, lastRevision: undefined });
    await rig.close();
  });

  it("is read backwards, from a revision, and up to a limit", async () => {
    const rig = await StreamRig.open();
    for (let i = 0; i < 30; i++) {
      await rig.append("a", [`${2 * i}`, `${2 * i + 1}`]);
      if (i % 3 === 0) await rig.append("b", ["x"]);
    }
    const revisions = async (options: object) =>
      (await rig.read("a", options)).events.map(({ revision, value }) => {
        expect(String(value)).toBe(String(revision));
        return revision;
      });
    const all = Array.from({ length: 60 }, (_, i) => i);
    expect(await revisions({})).toEqual(all);
    expect(await revisions({ direction: "backwards" })).toEqual([...all].reverse());
    expect(await revisions({ fromRevision: 7, maxEvents: 5 })).toEqual([7, 8, 9, 10, 11]);
    expect(await revisions({ fromRevision: 7, maxEvents: 3, direction: "backwards" })).toEqual([7, 6, 5]);
    expect(await revisions({ fromRevision: 60 })).toEqual([]);
    expect(await revisions({ fromRevision: 99, maxEvents: 1, direction: "backwards" })).toEqual([59]);
    await rig.close();
  });

  it("begins with the latest snapshot where that is asked for", async () => {
    const rig = await StreamRig.open();
    await rig.append("a", ["0", "1", "2"]);
    await expect(rig.append("a", ["s"], { snapshotRevision: 3 })).rejects.toMatchObject({
      reason: "INVALID_REQUEST",
      details: { field: "snapshot_revision", allowed: "0 to 2" },
    });
    expect(await rig.append("a", ["s"], { snapshotRevision: 1, expected: 2 })).toMatchObject({
      firstRevision: 1,
      lastRevision: 1,
    });
    await rig.append("a", ["3"], { expected: 2 });
    const { info, events } = await rig.read("a", { fromSnapshot: true });
    expect(info).toMatchObject({ snapshotRevision: 1, lastRevision: 3 });
    expect(summary(events)).toEqual(["s1:s", "2:2", "3:3"]);
    expect(summary((await rig.read("a")).events)).toEqual(["0:0", "1:1", "2:2", "3:3"]);
    expect(summary((await rig.read("a", { fromSnapshot: true, maxEvents: 2 })).events)).toEqual([
      "s1:s",
      "2:2",
    ]);
    await rig.close();
  });

  it("returns the events missed with a conflict", async () => {
    const rig = await StreamRig.open();
    await rig.append("a", ["0", "1", "2", "3"]);
    const conflict = await rig.append("a", ["x"], { expected: 1, missedMax: 10 });
    expect(conflict).toMatchObject({ outcome: "conflict", actualRevision: 3 });
    if (conflict.outcome === "conflict") expect(summary(conflict.missed)).toEqual(["2:2", "3:3"]);
    const one = await rig.append("a", ["x"], { expected: "none", missedMax: 1 });
    if (one.outcome === "conflict") expect(summary(one.missed)).toEqual(["0:0"]);
    const none = await rig.append("b", ["x"], { expected: 4, missedMax: 1 });
    expect(none).toEqual({ outcome: "conflict", actualRevision: undefined, missed: [] });
    await rig.close();
  });

  it("stores events with type, headers and time, and leaves its own headers out", async () => {
    const rig = await StreamRig.open();
    const headers = [{ key: "h", value: Buffer.from("v") }];
    const events = [{ ...event("0", "created"), headers, timestampMs: 77 }, event("1")];
    await rig.append("a", [], { events, idempotencyKey: "k" });
    const [first, second] = (await rig.read("a")).events;
    expect(first).toMatchObject({ type: "created", headers, timestampMs: 77, offset: 0, partition: 0 });
    expect(first!.stream).toEqual(Buffer.from("a"));
    expect(second).toMatchObject({ type: "", headers: [], timestampMs: rig.logs.clock.nowMs() });
    await rig.close();
  });
});

describe("an idempotency key", () => {
  it("lets one append of several write, whatever they expect, also after restarts and lost indexes", async () => {
    const rig = await StreamRig.open();
    await rig.append("a", ["0"]);
    const first = { outcome: "appended", baseOffset: 1, firstRevision: 1, lastRevision: 2 };
    const together = await Promise.all(
      [0, 1, 2].map(() => rig.append("a", ["1", "2"], { idempotencyKey: "k", expected: 0 })),
    );
    expect(together).toMatchObject([
      { ...first, duplicate: false },
      { ...first, duplicate: true },
      { ...first, duplicate: true },
    ]);
    await rig.append("a", ["3"]);
    const retry = () => rig.append("a", ["z"], { idempotencyKey: "k", expected: "none" });
    expect(await retry()).toMatchObject({ ...first, duplicate: true });
    await rig.close();
    await rig.open();
    expect(await retry()).toMatchObject({ ...first, duplicate: true });
    await rig.close();
    rig.store = new (rig.store.constructor as new () => typeof rig.store)();
    await rig.open();
    expect(await retry()).toMatchObject({ ...first, duplicate: true });
    expect(await rig.append("b", ["0"], { idempotencyKey: "k" })).toMatchObject({ duplicate: false });
    expect(rig.log.logEndOffset).toBe(5);
    await rig.close();
  });
});

describe("many appenders", () => {
  it("with exact revisions: one wins each, and the others leave nothing", async () => {
    const rig = await StreamRig.open();
    const wins: number[] = [];
    const appender = async (name: number) => {
      for (let at = -1; at < 49; ) {
        try {
          const expected = at < 0 ? "none" : at;
          const done = await rig.append("a", [`${name}`], { expected });
          if (done.outcome === "appended") wins.push(done.firstRevision);
          at++;
        } catch (error) {
          at = Number((error as { details: { actual: string } }).details.actual);
        }
      }
    };
    await Promise.all(Array.from({ length: 8 }, (_, name) => appender(name)));
    expect([...wins].sort((a, b) => a - b)).toEqual(Array.from({ length: wins.length }, (_, i) => i));
    expect(rig.log.logEndOffset).toBe(wins.length);
    const { events } = await rig.read("a");
    expect(events.map(({ revision }) => revision)).toEqual(events.map((_, i) => i));
    await rig.close();
  });

  it("without expectation: each gets revisions of its own, in the order of offsets", async () => {
    const rig = await StreamRig.open();
    const appended = await Promise.all(Array.from({ length: 500 }, () => rig.append("a", ["x", "y"])));
    for (const done of appended) {
      expect(done).toMatchObject({ outcome: "appended" });
      if (done.outcome === "appended") expect(done.firstRevision).toBe(done.baseOffset);
    }
    expect(rig.log.logEndOffset).toBe(1_000);
    await rig.close();
  });

  it("may follow their own appends without waiting for the answers", async () => {
    const rig = await StreamRig.open();
    const appended = await Promise.all(
      Array.from({ length: 20 }, (_, i) => rig.append("a", ["x"], { expected: i === 0 ? "none" : i - 1 })),
    );
    expect(appended.map((done) => (done.outcome === "appended" ? done.firstRevision : -1))).toEqual(
      Array.from({ length: 20 }, (_, i) => i),
    );
    await rig.close();
  });
});
