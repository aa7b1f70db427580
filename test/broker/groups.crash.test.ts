/** Groups over crashes: acknowledged commits never go back, and members are back with their partitions. */
import { describe, expect, it } from "vitest";
import { seededRandom } from "../../src/base/index.ts";
import { FaultPlan, MemoryFileSystem, type OperationName } from "../../src/fs/index.ts";
import { murmur2 } from "../../src/record/index.ts";
import { type Ending, runWithEach } from "./crash-endings.ts";
import { CrashWorld } from "./crash-world.ts";
import { GroupLedger } from "./group-ledger.ts";
import { GroupLife } from "./group-life.ts";

const isOfGroups = (path: string) => path.includes("__consumer_offsets-");
/** Of the partition with group g: the others are made in the same way. */
const isOfG = (path: string) =>
  path.includes(`__consumer_offsets-${(murmur2(Buffer.from("g")) & 0x7fff_ffff) % 8}`);

/** Lives through the scenario with a fault, ends it, and goes on from what is left, often twice. Returns what went wrong. */
async function objections(
  faults: FaultPlan,
  ending: Ending,
  seed: number,
  disk?: MemoryFileSystem,
): Promise<string[]> {
  try {
    const world = await CrashWorld.create(faults, disk);
    const ledger = new GroupLedger();
    await world.run(() => new GroupLife(world, ledger).live());
    const later = await crash(world, ending, seed);
    const problems = await recover(later, ledger, 17);
    if (seed % 4 > 1) return problems;
    const last = await crash(later, "power", seed + 1);
    for (const problem of await recover(last, ledger, 19)) problems.push(`after a second crash: ${problem}`);
    return problems;
  } catch (error) {
    return [error instanceof Error ? (error.stack ?? error.message) : String(error)];
  }
}

async function crash(world: CrashWorld, ending: Ending, seed: number): Promise<CrashWorld> {
  await world.kill();
  return world.fork(ending === "power" ? world.disk.crash(seededRandom(seed)) : world.disk);
}

async function recover(world: CrashWorld, ledger: GroupLedger, offset: number): Promise<string[]> {
  const life = new GroupLife(world, ledger);
  await life.open();
  const problems = ledger.check(world.broker.groups);
  if (!world.broker.listTopics().some(({ name }) => name === "orders")) return problems;
  return [...problems, ...(await life.goOn(offset))];
}

describe("groups of a broker whose disk fails", () => {
  it.each<[OperationName, (path: string) => boolean]>([
    ["write", isOfGroups],
    ["datasync", isOfGroups],
    ["open", isOfG],
    ["syncDirectory", isOfG],
  ])("keep what they promised, whichever %s fails", async (name, isWorthIt) => {
    const dryRun = new FaultPlan();
    const world = await CrashWorld.create(dryRun);
    const ledger = new GroupLedger();
    await world.run(() => new GroupLife(world, ledger).live());
    expect(ledger.acknowledgedCount).toBe(3);
    const operations = [...dryRun.operations.entries()].filter(
      ([, operation]) => operation.name === name && isWorthIt(operation.path),
    );
    const { count, found } = await runWithEach(operations, objections);
    expect(count).toBeGreaterThan(5);
    expect(found).toEqual([]);
  });

  it("lose something when the disk acknowledges what it does not do, as this test must find", async () => {
    class LyingDisk extends MemoryFileSystem {
      override async open(...[path, mode]: Parameters<MemoryFileSystem["open"]>) {
        const handle = await super.open(path, mode);
        if (isOfGroups(path)) handle.datasync = async () => undefined;
        return handle;
      }
    }
    const found: string[] = [];
    for (let seed = 0; seed < 5; seed++) {
      found.push(...(await objections(new FaultPlan(), "power", seed, new LyingDisk({ crashModel: true }))));
    }
    expect(found).not.toEqual([]);
  });
});
