import { describe, expect, it } from "vitest";
import { FaultPlan, FaultyFileSystem, MemoryFileSystem } from "../../src/fs/index.ts";
import { closedGate, watch } from "../support/gate.ts";
import { settled, turn } from "../support/turns.ts";
import { batchOf, readAll, valuesOf } from "./batches.ts";
import { LogRig, openLog, logsOf, logName } from "./log-rig.ts";

describe("an append", () => {
  it("is not forgotten in whichever microtask after the one before it comes", async () => {
    for (const durability of ["written", "durable"] as const) {
      const { log } = await openLog({ flushMode: durability });
      for (let microtasks = 0; microtasks < 25; microtasks++) {
        await settled(log.append(batchOf(["a"]), durability), `append after ${microtasks} microtasks`);
        const next = log.append(batchOf(["b"]), durability).then(async () => {
          for (let i = 0; i < microtasks; i++) await Promise.resolve();
          return log.append(batchOf(["c"]), durability);
        });
        await settled(next, `append ${microtasks} microtasks after an answer`);
      }
    }
  });

  it("gets the offset after the one before, in order of the calls, also with several batches in one write", async () => {
    const { log } = await openLog();
    const appends = Array.from({ length: 700 }, (_, i) => log.append(batchOf([`v${i}`, `w${i}`]), undefined));
    const offsets = (await Promise.all(appends)).map(({ baseOffset }) => baseOffset);
    expect(offsets).toEqual(Array.from({ length: 700 }, (_, i) => 2 * i));
  });

  it("is refused with the reason before a byte of it is written", async () => {
    const { rig, log } = await openLog({ batchBytesMax: 200 });
    const damaged = batchOf(["a"]);
    damaged[damaged.length - 1]! ^= 1;
    await expect(log.append(damaged, undefined)).rejects.toMatchObject({ reason: "CHECKSUM_MISMATCH" });
    await expect(log.append(batchOf(["x".repeat(200)]), undefined)).rejects.toMatchObject({
      reason: "BATCH_TOO_LARGE",
    });
    await expect(log.append(batchOf(["a"]).subarray(0, 60), undefined)).rejects.toMatchObject({
      reason: "INVALID_BATCH",
    });
    expect(await rig.names()).toEqual([]);
    expect(log.logEndOffset).toBe(0);
  });

  it("is refused when 32 MiB wait to be written already, and those that wait are served", async () => {
    const faults = new FaultPlan();
    const gate = closedGate();
    faults.when("write", (path) => path.endsWith(".log"), { action: "wait", until: gate.opened }, 1);
    const rig = new LogRig({
      fs: new FaultyFileSystem(new MemoryFileSystem(), faults),
      config: { segmentBytes: 2 ** 30 },
    });
    const log = await rig.open();
    const value = "x".repeat(2_900_000);
    const appends = Array.from({ length: 14 }, () => watch(log.append(batchOf([value]), undefined)));
    await turn();
    const refused = appends.filter(({ state }) => state === "rejected");
    expect(refused.length).toBeGreaterThan(0);
    for (const { value } of refused) expect(value).toMatchObject({ reason: "OVERLOADED", effect: "none" });
    gate.open();
    while (appends.some(({ state }) => state === "pending")) await turn();
    expect(appends.filter(({ state }) => state === "resolved").length).toBe(14 - refused.length);
    await log.append(batchOf(["again"]), undefined);
  });

  it("with the broker's timestamps is stamped with the clock, and keeps its producer's otherwise", async () => {
    const { rig, log } = await openLog({ timestampType: "append" });
    expect(await log.append(batchOf(["a"], { timestampsMs: 5 }), undefined)).toMatchObject({
      timestampMs: rig.clock.nowMs(),
    });
    expect((await readAll(log))[0]).toMatchObject({ timestampMs: rig.clock.nowMs() });
    log.reconfigure({ ...rig.config, timestampType: "create" });
    expect(await log.append(batchOf(["b"], { timestampsMs: 5 }), undefined)).toMatchObject({
      timestampMs: 5,
    });
  });

  it("with a timestamp too far from the clock is refused", async () => {
    const { rig, log } = await openLog({ timestampAfterMaxMs: 10, timestampBeforeMaxMs: 100 });
    const at = (...ms: number[]) =>
      log.append(
        batchOf(
          ms.map(() => "a"),
          { timestampsMs: ms.map((delta) => rig.clock.nowMs() + delta) },
        ),
        undefined,
      );
    for (const ms of [[-100], [0], [10], [10, -100]]) await at(...ms);
    for (const ms of [[-101], [11], [0, 11], [0, -101, 5]]) {
      await expect(at(...ms)).rejects.toMatchObject({ reason: "INVALID_BATCH" });
    }
    await expect(at(0, -101, 5)).rejects.toThrow(/record 1 .*message\.timestamp\.before\.max\.ms/);
    await expect(at(11)).rejects.toThrow("message.timestamp.after.max.ms");
  });
});

describe("a new segment begins", () => {
  it("when the next batch would exceed segment.bytes, and not before the first batch", async () => {
    const size = batchOf(["a"]).length;
    const { rig, log } = await openLog({ segmentBytes: 3 * size });
    for (let i = 0; i < 7; i++) await log.append(batchOf(["a"]), undefined);
    expect(await logsOf(rig)).toEqual([0, 3, 6].map(logName));
    await log.append(batchOf(["larger than a segment".repeat(20)]), undefined);
    expect(await logsOf(rig)).toEqual([0, 3, 6, 7].map(logName));
    expect((await rig.bytes(logName(0))).length).toBe(3 * size);
  });

  it("also within a group of batches that wait together", async () => {
    const size = batchOf(["a"]).length;
    const { rig, log } = await openLog({ segmentBytes: 3 * size });
    await Promise.all(Array.from({ length: 7 }, () => log.append(batchOf(["a"]), undefined)));
    expect(await logsOf(rig)).toEqual([0, 3, 6].map(logName));
    expect((await readAll(log)).length).toBe(7);
  });

  it("when segment.bytes was lowered between the look at it and the write", async () => {
    const { rig, log } = await openLog();
    await log.append(batchOf(["a"]), undefined);
    const appends = ["b", "c"].map((value) => log.append(batchOf([value]), undefined));
    log.reconfigure({ ...rig.config, segmentBytes: 10 });
    await settled(Promise.all(appends), "appends");
    expect(await logsOf(rig)).toEqual([0, 1, 2].map(logName));
    expect(await valuesOf(log)).toEqual(["a", "b", "c"]);
  });

  it("segment.ms after the first batch of the old one", async () => {
    const { rig, log } = await openLog({ segmentMs: 1_000 });
    await log.append(batchOf(["a"]), undefined);
    rig.clock.advance(999);
    await log.append(batchOf(["b"]), undefined);
    rig.clock.advance(1);
    await log.append(batchOf(["c"]), undefined);
    rig.clock.jump(-5_000);
    await log.append(batchOf(["d"]), undefined);
    expect(await logsOf(rig)).toEqual([0, 2].map(logName));
  });

  it("when the offset index is full", async () => {
    const { rig, log } = await openLog({ segmentIndexBytes: 24, indexIntervalBytes: 0 });
    for (let i = 0; i < 10; i++) await log.append(batchOf(["a"]), undefined);
    expect(await logsOf(rig)).toEqual([0, 4, 8].map(logName));
    expect((await rig.bytes(logName(0).replace(".log", ".index"))).length).toBe(24);
  });

  it("only once everything before is durable", async () => {
    const { rig, log } = await openLog({ segmentBytes: 150, flushMode: "written" });
    await log.append(batchOf(["a"]), undefined);
    expect(log.recoveryPoint).toBe(0);
    await log.append(batchOf(["b"]), undefined);
    await log.append(batchOf(["c"]), undefined);
    expect(await logsOf(rig)).toEqual([0, 2].map(logName));
    expect(log).toMatchObject({ recoveryPoint: 2, logEndOffset: 3 });
  });
});

describe("listeners", () => {
  it("hear of more to read, less to read, a failure and the end", async () => {
    const faults = new FaultPlan();
    const rig = new LogRig({ fs: new FaultyFileSystem(new MemoryFileSystem(), faults) });
    const log = await rig.open();
    let calls = 0;
    const heard = async (what: () => Promise<unknown>) => {
      const before = calls;
      await what().catch(() => undefined);
      await turn();
      return calls - before;
    };
    const listener = () => {
      calls++;
    };
    log.listen(listener);
    expect(await heard(() => log.append(batchOf(["a", "b"]), undefined))).toBe(1);
    expect(await heard(() => log.trim(1))).toBe(1);
    expect(await heard(() => log.trim(1))).toBe(0);
    faults.when("datasync", () => true, { action: "fail", code: "EIO" }, 1);
    expect(await heard(() => log.append(batchOf(["c"]), undefined))).toBe(1);
    expect(await heard(() => log.close())).toBe(1);
    log.unlisten(listener);
    const again = await rig.open();
    again.listen(listener);
    again.unlisten(listener);
    expect(await heard(() => again.append(batchOf(["d"]), undefined))).toBe(0);
  });
});

describe("a leader epoch", () => {
  it("begins with the first append under it, and every batch bears its own", async () => {
    const { rig, log } = await openLog();
    await log.append(batchOf(["a"]), undefined);
    await log.close();
    const idle = await rig.open({ isClean: true, recoveryPoint: 1 });
    await idle.close();
    const second = await rig.open({ isClean: true, recoveryPoint: 1 });
    await second.append(batchOf(["b"]), undefined);
    expect(String(await rig.bytes("leader-epoch-checkpoint"))).toBe("0\n2\n0 0\n2 1\n");
    const epochAt = async (offset: number) => (await second.read(offset, 1)).chunks[0]!.readInt32BE(12);
    expect([await epochAt(0), await epochAt(1)]).toEqual([0, 2]);
  });
});

describe("closing", () => {
  it("flushes what was written, refuses what comes after, and may be repeated", async () => {
    const { rig, log } = await openLog({ flushMode: "written", indexIntervalBytes: 0 });
    await log.append(batchOf(["a"]), undefined);
    await log.append(batchOf(["b"]), undefined);
    expect(await settled(log.close(), "close")).toBe(true);
    expect(log.recoveryPoint).toBe(2);
    expect(await settled(log.close(), "close")).toBe(true);
    for (const call of [
      () => log.append(batchOf(["c"]), undefined),
      () => log.read(0, 1),
      () => log.trim(0),
      () => log.findByTimestamp(0),
    ]) {
      await expect(call()).rejects.toMatchObject({ reason: "NOT_LEADER" });
    }
    expect(await log.applyRetention(0)).toBe(0);
    expect((await rig.bytes(logName(0).replace(".log", ".index"))).length).toBe(8);
  });

  it("answers everything that was under way", async () => {
    const faults = new FaultPlan();
    const gate = closedGate();
    const rig = new LogRig({ fs: new FaultyFileSystem(new MemoryFileSystem(), faults) });
    const log = await rig.open();
    faults.when("write", (path) => path.endsWith(".log"), { action: "wait", until: gate.opened }, 1);
    const first = watch(log.append(batchOf(["a"]), undefined));
    await turn();
    const waiting = watch(log.append(batchOf(["b"]), undefined));
    const closing = log.close();
    gate.open();
    expect(await settled(closing, "close")).toBe(true);
    expect(first.state).toBe("resolved");
    expect(waiting).toMatchObject({ state: "rejected", value: { reason: "NOT_LEADER" } });
  });
});
