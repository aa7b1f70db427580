import { describe, expect, it } from "vitest";
import { MillraceError } from "../../src/errors/index.ts";
import { FaultPlan, FaultyFileSystem, MemoryFileSystem } from "../../src/fs/index.ts";
import type { AppendGuard, PartitionLog, Placing } from "../../src/log/index.ts";
import { closedGate, watch } from "../support/gate.ts";
import { turn } from "../support/turns.ts";
import { batchOf, valuesOf } from "./batches.ts";
import { LogRig, logsOf, openLog } from "./log-rig.ts";

/** A guard that notes what it hears. */
class NotingGuard implements AppendGuard {
  readonly heard: string[] = [];
  refuses: (placing: Placing) => boolean = () => false;
  hasRoom: () => Promise<void> | undefined = () => undefined;
  releases: (beforeOffset: number) => number = (offset) => offset;

  place(placing: Placing): void {
    const { baseOffset, header, condition } = placing;
    if (this.refuses(placing)) throw new MillraceError("WRONG_REVISION", "not as expected");
    this.heard.push(
      `place ${baseOffset}+${header.recordCount}${condition === undefined ? "" : " conditional"}`,
    );
  }

  commit(): void {
    this.heard.push("commit");
  }

  discard(): void {
    this.heard.push("discard");
  }

  room(): Promise<void> | undefined {
    return this.hasRoom();
  }

  async release(beforeOffset: number): Promise<number> {
    this.heard.push(`release ${beforeOffset}`);
    return this.releases(beforeOffset);
  }
}

async function guarded(): Promise<{ rig: LogRig; log: PartitionLog; guard: NotingGuard }> {
  const { rig, log } = await openLog({ segmentBytes: 200, retentionMs: 1_000 });
  const guard = new NotingGuard();
  log.guard = guard;
  return { rig, log, guard };
}

describe("a guard of a log", () => {
  it("hears of every batch as it gets its offset, and then that it is in the log", async () => {
    const { log } = await openLog();
    const guard = new NotingGuard();
    log.guard = guard;
    const first = log.append(batchOf(["a"]), undefined);
    const more = [log.append(batchOf(["b", "c"]), undefined, {}), log.append(batchOf(["d"]), undefined)];
    await Promise.all([first, ...more]);
    expect(guard.heard).toEqual(["place 0+1", "place 1+2 conditional", "place 3+1", "commit"]);
    await log.close();
  });

  it("refuses a batch, which leaves no trace, while those around it go on", async () => {
    const { log, guard } = await guarded();
    guard.refuses = ({ condition }) => condition !== undefined;
    const appends = [["a"], ["b"], ["c"]].map((values, index) =>
      log.append(batchOf(values), undefined, index === 1 ? {} : undefined),
    );
    const ended = await Promise.allSettled(appends);
    expect(ended.map(({ status }) => status)).toEqual(["fulfilled", "rejected", "fulfilled"]);
    expect(await valuesOf(log)).toEqual(["a", "c"]);
    await log.close();
  });

  it("does not hear of retries that the log has already", async () => {
    const { log, guard } = await guarded();
    const producer = { producerId: 1, producerEpoch: 0, baseSequence: 0 };
    await log.append(batchOf(["a"], { producer }), undefined);
    await log.append(batchOf(["a"], { producer }), undefined);
    expect(guard.heard.filter((word) => word.startsWith("place"))).toEqual(["place 0+1"]);
    await log.close();
  });

  it("hears that a write was taken back", async () => {
    const faults = new FaultPlan();
    const rig = new LogRig({ fs: new FaultyFileSystem(new MemoryFileSystem(), faults) });
    const log = await rig.open();
    const guard = new NotingGuard();
    log.guard = guard;
    await log.append(batchOf(["a"]), undefined);
    faults.writableBytes = 0;
    await expect(log.append(batchOf(["b"]), undefined)).rejects.toMatchObject({ reason: "STORAGE_FULL" });
    faults.writableBytes = 1_000;
    await log.append(batchOf(["c"]), undefined);
    expect(guard.heard).toEqual(["place 0+1", "commit", "place 1+1", "discard", "place 1+1", "commit"]);
    await log.close();
  });

  it("keeps writes waiting until there is room, but neither trims nor the end", async () => {
    const { log, guard } = await guarded();
    await log.append(batchOf(["a"]), undefined);
    const gate = closedGate();
    guard.hasRoom = () => gate.opened;
    const waiting = watch(log.append(batchOf(["b"]), undefined));
    await turn();
    expect(waiting.state).toBe("pending");
    expect(await log.trim(1)).toBe(1);
    expect(waiting.state).toBe("pending");
    guard.hasRoom = () => undefined;
    gate.open();
    await turn();
    expect(waiting.state).toBe("resolved");
    guard.hasRoom = () => new Promise(() => undefined);
    const never = log.append(batchOf(["c"]), undefined);
    never.catch(() => undefined);
    await log.close();
    await expect(never).rejects.toMatchObject({ reason: "NOT_LEADER", effect: "none" });
  });

  it("lets the log start rise no further than it releases", async () => {
    const { rig, log, guard } = await guarded();
    for (let i = 0; i < 8; i++) await log.append(batchOf([`${i}`]), undefined);
    guard.releases = () => 3;
    await expect(log.trim(5)).rejects.toMatchObject({
      reason: "COORDINATOR_LOADING",
      details: { allowed: "3" },
    });
    expect(await log.trim(2)).toBe(2);
    rig.clock.advance(1_000_000_000_000);
    const before = (await logsOf(rig)).length;
    await log.applyRetention(rig.clock.nowMs());
    expect(log.logStartOffset).toBeLessThanOrEqual(3);
    guard.releases = (offset) => offset;
    await log.applyRetention(rig.clock.nowMs());
    expect(log.logStartOffset).toBe(8);
    expect((await logsOf(rig)).length).toBeLessThan(before);
    expect(guard.heard).toContain("release 8");
    await log.close();
  });

  it("is needed for a condition", async () => {
    const { log } = await openLog();
    await expect(log.append(batchOf(["a"]), undefined, {})).rejects.toMatchObject({
      reason: "INVALID_REQUEST",
    });
    expect(log.logEndOffset).toBe(0);
    await log.close();
  });
});
