import { expect, it } from "vitest";
import { FaultPlan, type OperationName } from "../../src/fs/index.ts";
import { objections, runWithEach } from "./crash-endings.ts";
import { liveThrough } from "./crash-scenario.ts";
import { CrashWorld } from "./crash-world.ts";

/**
 * Every operation of these kinds that a broker's life asks of the disk fails, is cut short, is torn or meets a power
 * loss in turn. After each: the power goes, or only the process; a broker starts on what is left; what was promised is
 * compared with what is there; the log goes on; the power goes once more; and it goes on to a clean stop. By default
 * every moment ends one way; MILLRACE_CRASH_SEEDS=n ends it n ways. In two files, for two cores.
 */
export function testEach(names: readonly OperationName[]): void {
  it.each(names)("keeps what it promised, whichever %s fails", async (name) => {
    const dryRun = new FaultPlan();
    const world = await CrashWorld.create(dryRun);
    await world.run(liveThrough);
    expect([...world.ledgers.values()].map(({ acknowledgedCount }) => acknowledgedCount)).toEqual([15, 13]);
    const operations = [...dryRun.operations.entries()].filter(([, operation]) => operation.name === name);
    const { count, found } = await runWithEach(operations, objections);
    expect(count).toBeGreaterThan(0);
    expect(found).toEqual([]);
  });
}
