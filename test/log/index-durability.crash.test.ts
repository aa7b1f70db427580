/** Index files after a power loss: either may have survived without the other, and records are found all the same. */
import { describe, expect, it } from "vitest";
import { seededRandom } from "../../src/base/index.ts";
import { FaultPlan, FaultyFileSystem, MemoryFileSystem } from "../../src/fs/index.ts";
import { batchOf } from "./batches.ts";
import { LogRig } from "./log-rig.ts";

/** The largest comes early: a time index that lost it would hide a segment from a search. */
const TIMESTAMPS_MS = [100, 50, 290, 90, 10, 200, 30, 120, 20, 280, 60, 70];

async function logWithIndexes(segmentBytes: number) {
  const faults = new FaultPlan();
  const disk = new MemoryFileSystem({ crashModel: true });
  const rig = new LogRig({
    fs: new FaultyFileSystem(disk, faults),
    config: { segmentBytes, indexIntervalBytes: 0 },
  });
  const log = await rig.open();
  await disk.syncDirectory("/");
  for (const timestampMs of TIMESTAMPS_MS) {
    await log.append(batchOf(["value"], { timestampsMs: timestampMs }), undefined);
    await log.persistDerived();
  }
  return { faults, disk, rig, log };
}

describe("persisting indexes", () => {
  it("makes the time index durable before the offset index grows", async () => {
    const { faults } = await logWithIndexes(1_000_000);
    const steps = faults.operations.filter(({ name, path }) => path.endsWith("index") && name !== "remove");
    const isWrite = (suffix: string, name: string) => (step: (typeof steps)[number]) =>
      step.path.endsWith(suffix) && step.name === name;
    const growths = steps.flatMap((step, number) => (isWrite(".index", "write")(step) ? [number] : []));
    expect(growths.length).toBe(TIMESTAMPS_MS.length - 1);
    for (const number of growths) {
      const before = steps
        .slice(0, number)
        .findLast(
          (step) => ["write", "datasync", "truncate"].includes(step.name) && step.path.endsWith(".timeindex"),
        );
      // With nothing new for the time index there is nothing to flush.
      if (before !== undefined) expect(before.name).toBe("datasync");
    }
  });

  it.each([1_000_000, 300])(
    "loses no record to a search by time when the power goes (segments of %i bytes)",
    async (bytes) => {
      const { disk, rig, log } = await logWithIndexes(bytes);
      for (let seed = 0; seed < 150; seed++) {
        const unsynced = (["any", "lost", "kept"] as const)[seed % 3]!;
        const crashed = rig.movedTo(disk.crash(seededRandom(seed), { unsynced }));
        const again = await crashed.open({ recoveryPoint: log.recoveryPoint });
        for (let timestampMs = 0; timestampMs <= 300; timestampMs += 10) {
          const offset = TIMESTAMPS_MS.findIndex((candidate) => candidate >= timestampMs);
          const found = await again.findByTimestamp(timestampMs);
          expect(found?.offset, `seed ${seed}, ${timestampMs} ms`).toBe(offset < 0 ? undefined : offset);
        }
      }
    },
  );

  it("is noticed to have lost entries by the batch where recovery begins", async () => {
    const rig = new LogRig({ config: { indexIntervalBytes: 0 } });
    const log = await rig.open();
    for (const timestampMs of [50, 100, 290, 280]) {
      await log.append(batchOf(["value"], { timestampsMs: timestampMs }), undefined);
    }
    await log.close();
    const name = "00000000000000000000.timeindex";
    await rig.replace(name, (await rig.bytes(name)).subarray(0, 12));
    const again = await rig.open({ isClean: true, recoveryPoint: 4 });
    expect(await again.findByTimestamp(285)).toEqual({ offset: 2, timestampMs: 290 });
  });
});
