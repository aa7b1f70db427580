/** What becomes of answers that are due when the log fails: between a write or a flush and its answers lie turns. */
import { describe, expect, it } from "vitest";
import { FaultPlan, FaultyFileSystem, MemoryFileSystem } from "../../src/fs/index.ts";
import type { DurabilityPort, LogConfig, PartitionLog } from "../../src/log/index.ts";
import { closedGate, watch } from "../support/gate.ts";
import { turn } from "../support/turns.ts";
import { batchOf } from "./batches.ts";
import { LogRig } from "./log-rig.ts";

const isLog = (path: string): boolean => path.endsWith(".log");

/** A flush under way, which ends as the test says. */
interface HeldFlush {
  readonly succeed: () => void;
  readonly fail: () => void;
}

/** A log with one record, whose flushes wait for the test from then on. */
async function openLog(config: Partial<LogConfig> = {}) {
  const faults = new FaultPlan();
  const rig = new LogRig({ fs: new FaultyFileSystem(new MemoryFileSystem(), faults), config });
  const flushes: HeldFlush[] = [];
  let isHeld = false;
  const durability: DurabilityPort = {
    makeDurable: (file) => {
      if (!isHeld) return file.use((handle) => handle.datasync());
      return new Promise((resolve, reject) => {
        flushes.push({ succeed: resolve, fail: () => reject(new Error("the disk went away")) });
      });
    },
  };
  const log = await rig.open({ durability });
  await log.append(batchOf(["first"]), "durable");
  isHeld = true;
  return { faults, log, flushes };
}

const append = (log: PartitionLog, value: string, durability: "written" | "durable") =>
  watch(log.append(batchOf([value]), durability));

describe("a log that fails between a write and its answers", () => {
  it("answers with the failure, also who asked for no more than the write", async () => {
    const { log, flushes } = await openLog({ flushMode: "written" });
    append(log, "a", "durable");
    await turn();
    // Said in the turn in which the write is accounted for, before it is answered.
    log.listen(() => flushes[0]!.fail());
    const b = append(log, "b", "written");
    await turn();
    expect(log).toMatchObject({ logEndOffset: 3, failure: { reason: "STORAGE_OFFLINE" } });
    expect(b).toMatchObject({ state: "rejected", value: { reason: "STORAGE_OFFLINE", effect: "unknown" } });
  });
});

describe("a log that fails during a write", () => {
  it.each(["written", "durable"] as const)("does not grow by it (ack when %s)", async (durability) => {
    const { faults, log, flushes } = await openLog({ flushMode: "written" });
    append(log, "a", "durable");
    await turn();
    const write = closedGate();
    faults.when("write", isLog, { action: "wait", until: write.opened }, 1);
    const b = append(log, "b", durability);
    await turn();
    flushes[0]!.fail();
    await turn();
    const { sizeBytes } = log;
    write.open();
    await turn();
    expect(b).toMatchObject({ state: "rejected", value: { reason: "STORAGE_OFFLINE" } });
    expect(log).toMatchObject({ logEndOffset: 2, highWatermark: 2, recoveryPoint: 1, sizeBytes });
  });
});

describe("a log that fails by a write around the end of a flush", () => {
  /** The write ends, and so many microtasks later the flush. */
  async function failAround(microtasks: number) {
    const { faults, log, flushes } = await openLog();
    const a = append(log, "a", "durable");
    await turn();
    const write = closedGate();
    const next = { action: "fail" as const, code: "EIO" };
    faults.when("write", isLog, { action: "wait", until: write.opened, next }, 1);
    append(log, "b", "durable");
    await turn();
    const atFailure: object[] = [];
    const offsets = () => ({ highWatermark: log.highWatermark, recoveryPoint: log.recoveryPoint });
    log.listen(() => {
      if (log.failure !== undefined) atFailure.push(offsets());
    });
    write.open();
    for (let i = 0; i < microtasks; i++) await undefined;
    flushes[0]!.succeed();
    await turn();
    return { a, atFailure: atFailure[0], after: offsets() };
  }

  it("acknowledges nothing from then on, and neither offset moves, whatever comes first", async () => {
    const seen = new Set<string>();
    for (let microtasks = 0; microtasks < 40; microtasks++) {
      const { a, atFailure, after } = await failAround(microtasks);
      expect(after).toEqual(atFailure);
      expect(a.state).toBe(after.highWatermark === 2 ? "resolved" : "rejected");
      seen.add(JSON.stringify(after));
    }
    // Flushed and told, flushed and not told, neither.
    expect([...seen].sort()).toEqual([
      '{"highWatermark":1,"recoveryPoint":1}',
      '{"highWatermark":1,"recoveryPoint":2}',
      '{"highWatermark":2,"recoveryPoint":2}',
    ]);
  });
});
