import { describe, expect, it } from "vitest";
import { turn } from "../support/turns.ts";
import { batchOf, valuesOf } from "./batches.ts";
import { openLog, logsOf, logName } from "./log-rig.ts";

describe("a trim", () => {
  it("raises the log start at once and for good, and takes whole segments below it", async () => {
    const { rig, log } = await openLog({ segmentBytes: 150 });
    for (let i = 0; i < 5; i++) await log.append(batchOf([`a${i}`, `b${i}`]), undefined);
    const bases = (await logsOf(rig)).map((name) => Number(name.slice(0, 20)));
    expect(bases).toEqual([0, 2, 4, 6, 8]);
    expect(await log.trim(5)).toBe(5);
    expect(await log.trim(3)).toBe(5);
    expect(await logsOf(rig)).toEqual([4, 6, 8].map(logName));
    expect(await valuesOf(log)).toEqual(["b2", "a3", "b3", "a4", "b4"]);
    const again = await rig.open({ isClean: true, recoveryPoint: 10 });
    expect(again.logStartOffset).toBe(5);
    expect(await again.trim(10)).toBe(10);
    expect(await valuesOf(again)).toEqual([]);
    expect(await again.append(batchOf(["next"]), undefined)).toMatchObject({ baseOffset: 10 });
  });

  it("leaves to retention what is only too old or too much", async () => {
    const { log } = await openLog({ segmentBytes: 100, retentionMs: 1, retentionBytes: 0 });
    for (let i = 0; i < 4; i++) await log.append(batchOf([`v${i}`]), undefined);
    expect(await log.trim(1)).toBe(1);
    expect(await valuesOf(log)).toEqual(["v1", "v2", "v3"]);
  });

  it.each([-1, 11, 1.5, Number.NaN])("to %d is refused with the bounds", async (offset) => {
    const { log } = await openLog();
    for (let i = 0; i < 5; i++) await log.append(batchOf(["a", "b"]), undefined);
    await expect(log.trim(offset)).rejects.toMatchObject({
      reason: "OFFSET_OUT_OF_RANGE",
      details: { log_start_offset: "0", high_watermark: "10" },
    });
    expect(log.logStartOffset).toBe(0);
  });

  it("of what is not flushed yet flushes it first: the log never ends below its start", async () => {
    const { log } = await openLog({ flushMode: "written" });
    await log.append(batchOf(["a", "b"]), undefined);
    await log.trim(1);
    expect(log.recoveryPoint).toBe(2);
  });
});

describe("retention", () => {
  it("renames expired segments, and removes the files after file.delete.delay.ms", async () => {
    const { rig, log } = await openLog({
      segmentBytes: 100,
      retentionMs: 5_000,
      fileDeleteDelayMs: 300,
      indexIntervalBytes: 0,
    });
    const startMs = rig.clock.nowMs();
    for (let i = 0; i < 3; i++)
      await log.append(batchOf([`v${i}`], { timestampsMs: startMs + i * 1_000 }), undefined);
    expect(await log.applyRetention(startMs + 5_000)).toBe(0);
    expect(await log.applyRetention(startMs + 6_500)).toBe(2);
    expect(log.logStartOffset).toBe(2);
    expect(rig.checkpointedStart).toBe(2);
    const deleted = (await rig.names()).filter((name) => name.endsWith(".deleted"));
    expect(deleted).toEqual(
      [0, 1].flatMap((base) =>
        [".index", ".log", ".timeindex"].map((suffix) => `${logName(base).slice(0, 20)}${suffix}.deleted`),
      ),
    );
    rig.clock.advance(300);
    await turn();
    expect((await rig.names()).filter((name) => name.endsWith(".deleted"))).toEqual([]);
  });

  it("takes the active segment too when it is old, and the offsets go on behind it", async () => {
    const { rig, log } = await openLog({ retentionMs: 5_000 });
    await log.append(batchOf(["a", "b"], { timestampsMs: rig.clock.nowMs() }), undefined);
    rig.clock.advance(6_000);
    expect(await log.applyRetention(rig.clock.nowMs())).toBe(1);
    expect(log).toMatchObject({ logStartOffset: 2, logEndOffset: 2, sizeBytes: 0 });
    await log.close();
    const again = await rig.open({ recoveryPoint: 2 });
    expect(await again.append(batchOf(["c"]), undefined)).toMatchObject({ baseOffset: 2 });
    expect(await valuesOf(again)).toEqual(["c"]);
  });

  it("leaves files that are due to be removed to the next start if the log closes before", async () => {
    const { rig, log } = await openLog({ segmentBytes: 100, fileDeleteDelayMs: 300 });
    for (const value of ["a", "b"]) await log.append(batchOf([value]), undefined);
    await log.trim(1);
    await log.close();
    rig.clock.advance(300);
    await turn();
    expect(await rig.names()).toContain(`${logName(0)}.deleted`);
    await rig.open({ isClean: true, recoveryPoint: 2 });
    expect(await rig.names()).not.toContain(`${logName(0)}.deleted`);
  });
});
