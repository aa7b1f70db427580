import { describe, expect, it } from "vitest";
import { FaultPlan, FaultyFileSystem, MemoryFileSystem } from "../../src/fs/index.ts";
import type { LogConfig, PartitionLog } from "../../src/log/index.ts";
import { closedGate, watch } from "../support/gate.ts";
import { settled, turn } from "../support/turns.ts";
import { batchOf, readAll } from "./batches.ts";
import { LogRig } from "./log-rig.ts";

const isLog = (path: string): boolean => path.endsWith(".log");

/** A log with one record, on a disk whose next operations a test can hold up. */
async function openLog(config: Partial<LogConfig> = {}) {
  const faults = new FaultPlan();
  const disk = new MemoryFileSystem();
  const rig = new LogRig({ fs: new FaultyFileSystem(disk, faults), config });
  const log = await rig.open();
  await log.append(batchOf(["first"]), "durable");
  const flushes = () =>
    faults.operations.filter(({ name, path }) => name === "datasync" && isLog(path)).length;
  const before = flushes();
  return { faults, disk, rig, log, flushCount: () => flushes() - before };
}

/** Makes the next operation of this name on the .log wait for a gate. */
function holdNext(faults: FaultPlan, name: "datasync" | "write", code?: string) {
  const gate = closedGate();
  const next = code === undefined ? {} : { next: { action: "fail" as const, code } };
  faults.when(name, isLog, { action: "wait", until: gate.opened, ...next }, 1);
  return gate;
}

const append = (log: PartitionLog, value: string, durability?: "written" | "durable") =>
  watch(log.append(batchOf([value]), durability));

describe("group commit", () => {
  it("has one flush under way, and acknowledges together all that was written before it began", async () => {
    const { faults, log, flushCount } = await openLog();
    const first = holdNext(faults, "datasync");
    const second = holdNext(faults, "datasync");
    const a = append(log, "a");
    await turn();
    const others = ["b", "c", "d"].map((value) => append(log, value));
    await turn();
    expect([a, ...others].map(({ state }) => state)).toEqual(Array(4).fill("pending"));
    expect(log).toMatchObject({ logEndOffset: 5, recoveryPoint: 1, highWatermark: 1 });
    expect(flushCount()).toBe(1);
    first.open();
    await turn();
    expect(a.state).toBe("resolved");
    expect(others.map(({ state }) => state)).toEqual(["pending", "pending", "pending"]);
    expect(log).toMatchObject({ recoveryPoint: 2, highWatermark: 2 });
    expect(flushCount()).toBe(2);
    second.open();
    await turn();
    expect(others.map(({ state }) => state)).toEqual(["resolved", "resolved", "resolved"]);
    expect(flushCount()).toBe(2);
    expect((await readAll(log)).map(({ value }) => value)).toEqual(["first", "a", "b", "c", "d"]);
  });

  it("has the disk busy with the next write and flush before it answers those before", async () => {
    const { faults, log } = await openLog();
    const first = holdNext(faults, "write");
    const names = () => faults.operations.filter(({ path }) => isLog(path)).map(({ name }) => name);
    const seen: Record<string, string[]> = {};
    const appendNoting = (value: string, durability: "written" | "durable") =>
      log.append(batchOf([value]), durability).then(() => (seen[value] = names()));
    const a = appendNoting("a", "written");
    await turn();
    const b = appendNoting("b", "written");
    const before = names().length;
    first.open();
    await Promise.all([a, b]);
    expect(seen.a!.slice(before)).toContain("write");

    const flush = holdNext(faults, "datasync");
    const c = appendNoting("c", "durable");
    await turn();
    const d = appendNoting("d", "durable");
    await turn();
    const held = names().length;
    const heard: string[][] = [];
    log.listen(() => heard.push(names().slice(held)));
    flush.open();
    await Promise.all([c, d]);
    expect(heard[0]).toContain("datasync");
  });

  it("acknowledges nothing from a failed flush on, and does not try again", async () => {
    const { faults, log, flushCount } = await openLog();
    const gate = holdNext(faults, "datasync", "EIO");
    const a = append(log, "a");
    await turn();
    const b = append(log, "b");
    await turn();
    gate.open();
    await turn();
    const late = append(log, "late", "written");
    await turn();
    for (const [refused, effect] of [
      [a, "unknown"],
      [b, "unknown"],
      [late, "none"],
    ] as const) {
      expect(refused).toMatchObject({ state: "rejected", value: { reason: "STORAGE_OFFLINE", effect } });
    }
    expect(flushCount()).toBe(1);
    expect(log.failure?.reason).toBe("STORAGE_OFFLINE");
    expect(log).toMatchObject({ recoveryPoint: 1, highWatermark: 1 });
    expect((await readAll(log)).map(({ value }) => value)).toEqual(["first"]);
    await expect(settled(log.flush(), "flush")).rejects.toMatchObject({ reason: "STORAGE_OFFLINE" });
    await expect(settled(log.trim(1), "trim")).rejects.toMatchObject({ reason: "STORAGE_OFFLINE" });
    expect(await settled(log.applyRetention(0), "retention")).toBe(0);
    expect(await settled(log.close(), "close")).toBe(false);
    expect(flushCount()).toBe(1);
  });

  it.each(["written", "durable"] as const)(
    "refuses a write that was under way when a flush failed (ack when %s)",
    async (durability) => {
      const { faults, log } = await openLog();
      const flush = holdNext(faults, "datasync", "EIO");
      append(log, "a");
      await turn();
      const write = holdNext(faults, "write");
      const b = append(log, "b", durability);
      await turn();
      flush.open();
      await turn();
      write.open();
      await turn();
      expect(b).toMatchObject({ state: "rejected", value: { reason: "STORAGE_OFFLINE" } });
      expect(await settled(log.close(), "close")).toBe(false);
    },
  );

  it("knows that nothing happened to what waited for its write when the log went offline", async () => {
    const { faults, log } = await openLog();
    const gate = holdNext(faults, "write", "EIO");
    const a = append(log, "a");
    await turn();
    const waiting = append(log, "waiting");
    await turn();
    gate.open();
    await turn();
    expect(a).toMatchObject({ state: "rejected", value: { reason: "STORAGE_OFFLINE", effect: "unknown" } });
    expect(waiting).toMatchObject({
      state: "rejected",
      value: { reason: "STORAGE_OFFLINE", effect: "none" },
    });
    await expect(settled(log.trim(1), "trim")).rejects.toMatchObject({ effect: "none" });
  });

  it("acknowledges no flush that ends well after a write failed", async () => {
    const { faults, log } = await openLog();
    const flush = holdNext(faults, "datasync");
    const a = append(log, "a");
    await turn();
    faults.when("write", isLog, { action: "fail", code: "EIO" }, 1);
    const b = append(log, "b");
    await turn();
    flush.open();
    await turn();
    for (const refused of [a, b])
      expect(refused).toMatchObject({ state: "rejected", value: { reason: "STORAGE_OFFLINE" } });
    expect(log.highWatermark).toBe(1);
  });
});

describe("an append that asks for less than the topic", () => {
  it("is answered when written, and readable when durable", async () => {
    const { faults, log } = await openLog();
    const gate = holdNext(faults, "datasync");
    const a = append(log, "a", "written");
    await turn();
    expect(a).toMatchObject({ state: "resolved", value: { durability: "written" } });
    expect(log).toMatchObject({ logEndOffset: 2, highWatermark: 1 });
    gate.open();
    await turn();
    expect(log.highWatermark).toBe(2);
  });

  it("is flushed also if it came while another flush was under way", async () => {
    const { faults, log, flushCount } = await openLog();
    const gate = holdNext(faults, "datasync");
    append(log, "a", "written");
    await turn();
    append(log, "b", "written");
    await turn();
    expect(flushCount()).toBe(1);
    gate.open();
    await turn();
    expect(flushCount()).toBe(2);
    expect(log.highWatermark).toBe(3);
  });
});

describe("a topic that does not wait for the disk", () => {
  it("answers and serves what is written, and flushes nothing by itself", async () => {
    const { log, flushCount } = await openLog({ flushMode: "written" });
    expect(await log.append(batchOf(["a"]), undefined)).toMatchObject({ durability: "written" });
    await turn();
    expect(flushCount()).toBe(0);
    expect(log).toMatchObject({ highWatermark: 2, recoveryPoint: 1 });
    await log.flush();
    expect(log.recoveryPoint).toBe(2);
  });

  it("waits for the disk where an append asks for it, and then for all before", async () => {
    const { faults, log } = await openLog({ flushMode: "written" });
    const gate = holdNext(faults, "datasync");
    append(log, "a");
    const b = append(log, "b", "durable");
    await turn();
    expect(b.state).toBe("pending");
    gate.open();
    await turn();
    expect(b).toMatchObject({ state: "resolved", value: { durability: "durable", baseOffset: 2 } });
    expect(log.recoveryPoint).toBe(3);
  });

  it("flushes after flush.messages records", async () => {
    const { log, flushCount } = await openLog({ flushMode: "written", flushMessages: 4 });
    await log.append(batchOf(["a", "b", "c"]), undefined);
    await turn();
    expect(flushCount()).toBe(0);
    await log.append(batchOf(["d"]), undefined);
    await turn();
    expect(flushCount()).toBe(1);
    expect(log.recoveryPoint).toBe(5);
    await log.append(batchOf(["e"]), undefined);
    await turn();
    expect(flushCount()).toBe(1);
  });

  it("flushes flush.ms after a write, once for all that came until then", async () => {
    const { rig, log, flushCount } = await openLog({ flushMode: "written", flushMs: 100 });
    await log.append(batchOf(["a"]), undefined);
    rig.clock.advance(60);
    await log.append(batchOf(["b"]), undefined);
    rig.clock.advance(39);
    await turn();
    expect(flushCount()).toBe(0);
    rig.clock.advance(1);
    await turn();
    expect(flushCount()).toBe(1);
    expect(log.recoveryPoint).toBe(3);
    rig.clock.advance(1_000);
    await turn();
    expect(flushCount()).toBe(1);
    await log.append(batchOf(["c"]), undefined);
    rig.clock.advance(100);
    await turn();
    expect(log.recoveryPoint).toBe(4);
  });

  it("takes no timer longer than there are", async () => {
    const { rig, log, flushCount } = await openLog({
      flushMode: "written",
      flushMs: Number.MAX_SAFE_INTEGER,
    });
    await log.append(batchOf(["a"]), undefined);
    rig.clock.advance(2 ** 31 - 2);
    await turn();
    expect(flushCount()).toBe(0);
    expect(rig.clock.timerCount).toBe(1);
  });

  it("serves at once what was written when it is told not to wait any more, and flushes when told to again", async () => {
    const { faults, rig, log } = await openLog();
    const gate = holdNext(faults, "datasync");
    append(log, "a", "written");
    await turn();
    expect(log.highWatermark).toBe(1);
    log.reconfigure({ ...rig.config, flushMode: "written" });
    expect(log.highWatermark).toBe(2);
    gate.open();
    await turn();
    await log.append(batchOf(["b"]), undefined);
    expect(log.recoveryPoint).toBe(2);
    log.reconfigure({ ...rig.config, flushMode: "durable" });
    await turn();
    expect(log).toMatchObject({ recoveryPoint: 3, highWatermark: 3 });
  });
});
