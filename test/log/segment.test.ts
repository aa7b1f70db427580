import { describe, expect, it } from "vitest";
import { FaultPlan, FaultyFileSystem, MemoryFileSystem } from "../../src/fs/index.ts";
import { Segment } from "../../src/log/segment.ts";
import { SegmentIndexes } from "../../src/log/segment-indexes.ts";
import { closedGate } from "../support/gate.ts";
import { settled, turn } from "../support/turns.ts";
import { batchOf } from "./batches.ts";
import { LogRig, logName } from "./log-rig.ts";

const isTimeIndex = (path: string): boolean => path.endsWith(".timeindex");

describe("a segment that is sealed while its indexes are rebuilt", () => {
  it("writes its index files once at a time, and right in the end", async () => {
    const faults = new FaultPlan();
    const rig = new LogRig({
      fs: new FaultyFileSystem(new MemoryFileSystem(), faults),
      config: { indexIntervalBytes: 0 },
    });
    const log = await rig.open();
    for (const value of ["a", "b", "c"]) await log.append(batchOf([value]), "durable");
    await log.close();
    const index = await rig.bytes(logName(0).replace(".log", ".index"));
    const segment = new Segment(rig.env, rig.folder, 0, () => 0);
    segment.sizeBytes = (await rig.bytes(logName(0))).length;
    const lying = SegmentIndexes.empty(0);
    lying.offsets.append(0, 1);
    segment.activate(lying);
    const before = faults.operations.filter(({ path }) => isTimeIndex(path)).length;
    const gate = closedGate();
    faults.when("open", isTimeIndex, { action: "wait", until: gate.opened }, 1);
    const sealing = segment.seal();
    await turn();
    const mending = segment.mendIndexes();
    await turn();
    expect(faults.operations.filter(({ path }) => isTimeIndex(path)).length - before).toBe(1);
    gate.open();
    await settled(Promise.all([sealing, mending]), "sealing and mending");
    expect(await rig.bytes(logName(0).replace(".log", ".index"))).toEqual(index);
    await segment.close();
  });
});
