/** What an append, a roll, a trim and a read are told when the disk refuses, and what the log does afterwards. */
import { describe, expect, it } from "vitest";
import { seededRandom } from "../../src/base/index.ts";
import { type Fault, FaultPlan, FaultyFileSystem, MemoryFileSystem } from "../../src/fs/index.ts";
import type { LogConfig, PartitionLog } from "../../src/log/index.ts";
import { settled, turn } from "../support/turns.ts";
import { batchOf, readAll } from "./batches.ts";
import { LogRig, logName } from "./log-rig.ts";

const isLog = (path: string): boolean => path.endsWith(".log");
const valuesOf = async (log: PartitionLog) => (await readAll(log)).map(({ value }) => value);

async function openLog(config: Partial<LogConfig> = {}) {
  const faults = new FaultPlan();
  const disk = new MemoryFileSystem({ crashModel: true });
  const rig = new LogRig({ fs: new FaultyFileSystem(disk, faults), config });
  const log = await rig.open();
  await disk.syncDirectory("/");
  await log.append(batchOf(["first"]), "durable");
  return { faults, disk, rig, log };
}

describe("a full disk", () => {
  it("refuses the append, takes back what came through, and is forgotten when there is space", async () => {
    const { faults, disk, rig, log } = await openLog();
    const { sizeBytes } = log;
    for (const bytes of [0, 1, 50, 100]) {
      faults.writableBytes = bytes;
      const appends = ["a", "b"].map((value) =>
        settled(log.append(batchOf([value.repeat(40)]), undefined), "append"),
      );
      for (const outcome of await Promise.allSettled(appends)) {
        expect(outcome).toMatchObject({
          status: "rejected",
          reason: { reason: "STORAGE_FULL", effect: "none", retry: "same" },
        });
      }
      expect((await rig.bytes(logName(0))).length).toBe(sizeBytes);
      expect(await valuesOf(log)).toEqual(["first"]);
    }
    const told = () => rig.lines.filter(({ text }) => text === "writes are refused").length;
    expect(told()).toBe(1);
    rig.clock.advance(10_000);
    await expect(log.append(batchOf(["more"]), undefined)).rejects.toMatchObject({ reason: "STORAGE_FULL" });
    expect(told()).toBe(2);
    faults.writableBytes = Number.POSITIVE_INFINITY;
    expect(await log.append(batchOf(["after"]), undefined)).toMatchObject({ baseOffset: 1 });
    expect(await valuesOf(log)).toEqual(["first", "after"]);
    for (let seed = 0; seed < 20; seed++) {
      const crashed = await rig.movedTo(disk.crash(seededRandom(seed))).open();
      expect(await valuesOf(crashed)).toEqual(["first", "after"]);
    }
  });

  it("acknowledges a batch that the log has already, whatever becomes of its neighbours", async () => {
    const { faults, log } = await openLog({ segmentBytes: 300 });
    const producer = { producerId: 7, producerEpoch: 0, baseSequence: 0 };
    const sent = () => batchOf(["sent"], { producer });
    const follower = () => batchOf(["x"], { producer: { ...producer, baseSequence: 1 } });
    await log.append(sent(), undefined);
    faults.writableBytes = 0;
    // The first goes alone into its write; the others share the next one.
    const batches = [batchOf(["lost"]), follower(), follower(), sent()];
    const outcomes = await Promise.allSettled(batches.map((batch) => log.append(batch, undefined)));
    const refused = { status: "rejected", reason: { reason: "STORAGE_FULL", effect: "none" } };
    const known = { baseOffset: 1, duplicate: true, durability: "durable" };
    expect(outcomes).toMatchObject([refused, refused, refused, { status: "fulfilled", value: known }]);
    // Nor does it need the segment that is due for the batches around it.
    faults.when("open", isLog, { action: "fail", code: "ENOSPC" });
    const isTooLarge = batchOf(["y".repeat(200)]);
    await expect(log.append(isTooLarge, undefined)).rejects.toMatchObject({ reason: "STORAGE_FULL" });
    expect(await settled(log.append(sent(), undefined), "append")).toMatchObject(known);
  });

  it("does not bring back after a power loss what it refused", async () => {
    const { faults, disk, rig, log } = await openLog();
    const batches = ["refused", "as well"].map((value) => batchOf([value]));
    faults.writableBytes = batches[0]!.length + 10;
    const appends = batches.map((batch) => log.append(batch, undefined));
    for (const { status } of await Promise.allSettled(appends)) expect(status).toBe("rejected");
    for (let seed = 0; seed < 50; seed++) {
      const crashed = await rig.movedTo(disk.crash(seededRandom(seed))).open();
      expect(await valuesOf(crashed)).toEqual(["first"]);
    }
  });

  it("takes the log offline if what came through cannot be taken back", async () => {
    const { faults, log } = await openLog();
    faults.writableBytes = 20;
    faults.when("truncate", isLog, { action: "fail", code: "EIO" }, 1);
    await expect(log.append(batchOf(["a"]), undefined)).rejects.toMatchObject({ reason: "STORAGE_OFFLINE" });
    faults.writableBytes = Number.POSITIVE_INFINITY;
    await expect(log.append(batchOf(["b"]), undefined)).rejects.toMatchObject({ reason: "STORAGE_OFFLINE" });
    expect(await valuesOf(log)).toEqual(["first"]);
  });

  it("that is full only when flushed takes the log offline: nobody knows what was kept", async () => {
    const { faults, log } = await openLog();
    faults.when("datasync", isLog, { action: "fail", code: "ENOSPC" }, 1);
    await expect(log.append(batchOf(["a"]), undefined)).rejects.toMatchObject({ reason: "STORAGE_OFFLINE" });
    expect(log.failure?.reason).toBe("STORAGE_OFFLINE");
  });

  it("writes on after a short write", async () => {
    const { faults, log } = await openLog();
    faults.when("write", isLog, { action: "short", bytes: 7 }, 3);
    const appends = ["a", "b", "c"].map((value) => log.append(batchOf([value]), undefined));
    expect((await Promise.all(appends)).map(({ baseOffset }) => baseOffset)).toEqual([1, 2, 3]);
    expect(await valuesOf(log)).toEqual(["first", "a", "b", "c"]);
  });
});

describe("a roll", () => {
  const roll: Partial<LogConfig> = { segmentBytes: 200 };
  /** Fills the first segment, so that the next append of this size begins another. */
  const big = () => batchOf(["x".repeat(100)]);

  it.each([
    ["open", "EMFILE", "OVERLOADED"],
    ["open", "ENOSPC", "STORAGE_FULL"],
    ["truncate", "ENOSPC", "STORAGE_FULL"],
  ] as const)("refused at %s with %s answers %s, and the next append rolls", async (name, code, reason) => {
    const { faults, rig, log } = await openLog(roll);
    faults.when(name, (path) => path.endsWith(logName(1)), { action: "fail", code }, 1);
    await expect(log.append(big(), undefined)).rejects.toMatchObject({ reason, effect: "none" });
    // It would fit the old segment, behind whose end the file of a new one may stand by now.
    expect(await log.append(batchOf(["small"]), undefined)).toMatchObject({ baseOffset: 1 });
    expect(await rig.names()).toContain(logName(1));
    expect(await valuesOf(log)).toEqual(["first", "small"]);
    const again = await rig.movedTo(rig.fs).open({ recoveryPoint: 2 });
    expect(await valuesOf(again)).toEqual(["first", "small"]);
  });

  it.each<[string, Fault]>([
    ["open", { action: "fail", code: "EIO" }],
    ["syncDirectory", { action: "fail", code: "ENOSPC" }],
    ["syncDirectory", { action: "fail", code: "EIO", effect: "after" }],
  ])("that fails at %s takes the log offline", async (name, fault) => {
    const { faults, log } = await openLog(roll);
    const onFolderOrFile = (path: string) => path === "/log" || path.endsWith(logName(1));
    faults.when(name as "open" | "syncDirectory", onFolderOrFile, fault, 1);
    await expect(log.append(big(), undefined)).rejects.toMatchObject({ reason: "STORAGE_OFFLINE" });
    await expect(log.append(batchOf(["small"]), undefined)).rejects.toMatchObject({
      reason: "STORAGE_OFFLINE",
    });
    expect(await valuesOf(log)).toEqual(["first"]);
    expect(await settled(log.close(), "close")).toBe(false);
  });

  it("goes on without its index if that cannot be written", async () => {
    const { faults, rig, log } = await openLog({ ...roll, indexIntervalBytes: 0 });
    const isIndex = (path: string): boolean => path.endsWith("index");
    faults.when(["open", "write", "datasync"], isIndex, { action: "fail", code: "EIO" });
    for (const value of ["a", "b", "c"]) await log.append(batchOf([value.repeat(50)]), undefined);
    expect(rig.line("index not persisted")).toBeDefined();
    await log.close();
    faults.heal();
    const again = await rig.open({ isClean: true, recoveryPoint: 4 });
    expect((await readAll(again)).length).toBe(4);
  });
});

describe("a trim", () => {
  it("is refused while the log start cannot be made durable, takes nothing away, and can be tried again", async () => {
    const { rig, log } = await openLog({ segmentBytes: 100 });
    for (const value of ["a", "b", "c"]) await log.append(batchOf([value]), undefined);
    const files = await rig.names();
    rig.onPersistLogStart = () => rig.fs.readFile("/missing", 1).then(() => undefined);
    await expect(log.trim(2)).rejects.toMatchObject({ reason: "STORAGE_OFFLINE" });
    await expect(log.trim(2)).rejects.toMatchObject({ reason: "STORAGE_OFFLINE" });
    await expect(log.applyRetention(0)).rejects.toMatchObject({ reason: "STORAGE_OFFLINE" });
    expect(await rig.names()).toEqual(files);
    expect(rig.checkpointedStart).toBe(0);
    await log.append(batchOf(["d"]), undefined);
    rig.onPersistLogStart = async () => undefined;
    expect(await log.trim(2)).toBe(2);
    expect(rig.checkpointedStart).toBe(2);
    expect(await rig.names()).toContain(`${logName(1)}.deleted`);
    expect(await valuesOf(log)).toEqual(["b", "c", "d"]);
  });

  it("goes on with a deletion that failed halfway", async () => {
    const { faults, rig, log } = await openLog({ segmentBytes: 100, indexIntervalBytes: 0 });
    for (const value of ["a", "b", "c"]) await log.append(batchOf([value]), undefined);
    faults.when("rename", (path) => path.endsWith(".index"), { action: "fail", code: "EMFILE" }, 1);
    await expect(log.trim(3)).rejects.toMatchObject({ reason: "OVERLOADED" });
    expect(log.logStartOffset).toBe(3);
    expect(await log.applyRetention(rig.clock.nowMs())).toBe(3);
    expect(await valuesOf(log)).toEqual(["c"]);
    expect((await rig.names()).filter(isLog)).toEqual([logName(3)]);
  });
});

describe("a read that the disk refuses", () => {
  it.each([
    ["EIO", "STORAGE_OFFLINE"],
    ["EMFILE", "OVERLOADED"],
  ])("with %s is told %s, and the log goes on", async (code, reason) => {
    const { faults, log } = await openLog();
    faults.when("read", isLog, { action: "fail", code }, 2);
    await expect(log.read(0, 100)).rejects.toMatchObject({ reason, effect: "none" });
    await expect(log.findByTimestamp(0)).rejects.toMatchObject({ reason, effect: "none" });
    expect(await valuesOf(log)).toEqual(["first"]);
    await log.append(batchOf(["more"]), undefined);
  });

  it("is told the log start if the segment was deleted meanwhile", async () => {
    const { rig, log } = await openLog({ segmentBytes: 100 });
    for (const value of ["a", "b", "c"]) await log.append(batchOf([value]), undefined);
    const reading = log.read(0, 1_000);
    const finding = log.findByTimestamp(0);
    const trimming = log.trim(3);
    await turn();
    await trimming;
    rig.clock.advance(10_000);
    await turn();
    // Either it was in time, or it says where the log starts now; never anything else.
    await reading.catch((error: unknown) => expect(error).toMatchObject({ reason: "OFFSET_OUT_OF_RANGE" }));
    expect([0, 1, 2, 3]).toContain((await finding)?.offset);
    await expect(log.read(0, 1_000)).rejects.toMatchObject({
      reason: "OFFSET_OUT_OF_RANGE",
      details: { offset: "0", log_start_offset: "3", high_watermark: "4" },
    });
  });
});
