/** Cleaning that meets full disks, failures, damage, closing and producers. */
import { describe, expect, it } from "vitest";
import { MillraceError } from "../../src/errors/index.ts";
import { FaultPlan, FaultyFileSystem, MemoryFileSystem } from "../../src/fs/index.ts";
import { closedGate } from "../support/gate.ts";
import { settled, turn } from "../support/turns.ts";
import { append, clean, COMPACTED, offsetMap, seal, textsOf } from "./compaction-rig.ts";
import { LogRig, logsOf } from "./log-rig.ts";

describe("a cleaning that is disturbed", () => {
  async function dirtyLog(faults: FaultPlan, disk = new MemoryFileSystem()) {
    const rig = new LogRig({ fs: new FaultyFileSystem(disk, faults), config: COMPACTED });
    const log = await rig.open();
    for (let i = 0; i < 20; i++) await append(log, "a=1", `b${i % 3}=${i}`);
    await seal(rig, log);
    return { rig, log };
  }
  const isCleaned = (path: string) => path.endsWith(".cleaned");

  it("by a full disk leaves the log as it was, and goes well later", async () => {
    const faults = new FaultPlan();
    const { rig, log } = await dirtyLog(faults);
    const before = await textsOf(log);
    faults.writableBytes = 200;
    await expect(clean(log)).rejects.toMatchObject({ reason: "STORAGE_FULL" });
    expect([await textsOf(log), log.failure]).toEqual([before, undefined]);
    expect((await rig.names()).filter((name) => /cleaned|swap/.test(name))).toEqual([]);
    faults.writableBytes = Number.POSITIVE_INFINITY;
    expect(await clean(log)).toMatchObject({ firstDirtyOffset: 40 });
  });

  it.each(["write", "datasync", "open", "truncate"] as const)(
    "by a failed %s of the new file discards it",
    async (name) => {
      const faults = new FaultPlan();
      const { rig, log } = await dirtyLog(faults);
      faults.when(name, isCleaned, { action: "fail", code: "EIO" }, 1);
      await expect(clean(log)).rejects.toMatchObject({ reason: "STORAGE_OFFLINE", effect: "none" });
      expect(log.failure).toBeUndefined();
      await append(log, "a=more");
      expect((await rig.names()).filter((found) => /cleaned|swap/.test(found))).toEqual([]);
      expect(await clean(log)).toMatchObject({ firstDirtyOffset: 40 });
    },
  );

  it.each([
    ["ENOSPC", "STORAGE_FULL"],
    ["EDQUOT", "STORAGE_FULL"],
    ["EMFILE", "OVERLOADED"],
  ])("by %s for the name of the swap leaves the log as it was, and goes well later", async (code, reason) => {
    const faults = new FaultPlan();
    const { rig, log } = await dirtyLog(faults);
    const before = await textsOf(log);
    faults.when("rename", isCleaned, { action: "fail", code }, 1);
    await expect(clean(log)).rejects.toMatchObject({ reason });
    expect([await textsOf(log), log.failure]).toEqual([before, undefined]);
    expect((await rig.names()).filter((name) => /cleaned|swap/.test(name))).toEqual([]);
    expect(await clean(log)).toMatchObject({ firstDirtyOffset: 40 });
  });

  it("by ENOSPC for the name of the swap takes the log offline if the name is there, or nobody can tell", async () => {
    for (const effect of ["after", "before"] as const) {
      const faults = new FaultPlan();
      const { rig, log } = await dirtyLog(faults);
      faults.when("rename", isCleaned, { action: "fail", code: "ENOSPC", effect }, 1);
      if (effect === "before")
        faults.when("stat", (path) => path.endsWith(".swap"), { action: "fail", code: "EIO" });
      await expect(clean(log)).rejects.toMatchObject({ reason: "STORAGE_OFFLINE" });
      expect(log.failure).toBeInstanceOf(MillraceError);
      faults.heal();
      await log.close();
      expect((await textsOf(await rig.open())).slice(-1)).toEqual(["40:seal=x"]);
    }
  });

  it("by a failure in the middle of the swap takes the log offline, and a restart finishes it", async () => {
    const faults = new FaultPlan();
    const { rig, log } = await dirtyLog(faults);
    faults.when("rename", (path) => path.endsWith(".swap"), { action: "fail", code: "EIO" }, 1);
    await expect(clean(log)).rejects.toMatchObject({ reason: "STORAGE_OFFLINE" });
    expect(log.failure).toBeInstanceOf(MillraceError);
    expect((await textsOf(log)).slice(-1)).toEqual(["40:seal=x"]);
    await log.close();
    const again = await rig.open();
    expect((await textsOf(again)).slice(-1)).toEqual(["40:seal=x"]);
    expect((await rig.names()).filter((found) => /cleaned|swap/.test(found))).toEqual([]);
  });

  it("by damage says where, and takes nothing offline", async () => {
    const { rig, log } = await dirtyLog(new FaultPlan());
    const [first] = await logsOf(rig);
    const bytes = await rig.bytes(first!);
    bytes[100]! ^= 1;
    await rig.replace(first!, bytes);
    await expect(clean(log)).rejects.toMatchObject({ reason: "LOG_CORRUPT", details: { segment: first } });
    expect(log.failure).toBeUndefined();
    await append(log, "a=more");
  });

  it("by the end of the log stops at once, and leaves nothing behind", async () => {
    const faults = new FaultPlan();
    const { rig, log } = await dirtyLog(faults);
    let pauses = 0;
    const forever = closedGate();
    const cleaning = log.cleaner.clean({
      offsets: offsetMap(),
      pause: async () => {
        pauses++;
        if (pauses === 5) await forever.opened;
      },
    });
    await turn();
    expect(pauses).toBe(5);
    await settled(log.close(), "closing");
    expect(await cleaning).toBeUndefined();
    expect((await rig.names()).filter((name) => /cleaned|swap/.test(name))).toEqual([]);
  });

  it.each([1, 2, 3, 4, 5, 6])("by a trim at pause %i goes on with what is left", async (when) => {
    const { rig, log } = await dirtyLog(new FaultPlan());
    let pauses = 0;
    const cleaning = log.cleaner.clean({
      offsets: offsetMap(),
      pause: async () => {
        pauses++;
        if (pauses === when) await log.trim(25);
      },
    });
    expect(await cleaning).toMatchObject({ firstDirtyOffset: 40 });
    expect(log.logStartOffset).toBe(25);
    expect(await textsOf(log)).toEqual(["35:b2=17", "37:b0=18", "38:a=1", "39:b1=19", "40:seal=x"]);
    expect(await clean(log)).toBeUndefined();
    expect((await rig.names()).filter((name) => /cleaned|swap/.test(name))).toEqual([]);
  });

  it("by producers goes on, and they by it", async () => {
    const { log } = await dirtyLog(new FaultPlan());
    const cleaning = log.cleaner.clean({
      offsets: offsetMap(),
      pause: async () => void (await append(log, "new=1")),
    });
    expect(await settled(cleaning, "cleaning")).toMatchObject({ firstDirtyOffset: 40 });
    expect((await textsOf(log)).at(-1)).toMatch(/new=1$/);
  });
});
