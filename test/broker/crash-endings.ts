import { seededRandom } from "../../src/base/index.ts";
import { type Fault, FaultPlan, type MemoryFileSystem, type Operation } from "../../src/fs/index.ts";
import { liveThrough } from "./crash-scenario.ts";
import { CHECKPOINT_MS, CrashWorld } from "./crash-world.ts";

/** How many ways each moment is crashed. */
export const SEEDS = Number(process.env.MILLRACE_CRASH_SEEDS ?? 1);

const fails = (code: string): Fault => ({ action: "fail", code });
const failsAfterwards: Fault = { action: "fail", code: "EIO", effect: "after" };
/** After an operation is before the next one, so that each moment is met once. */
const powerGoes: Fault = { action: "lose-power" };

/** What may befall an operation. */
function faultsOf({ name, bytes = 0 }: Operation): Fault[] {
  const half = bytes >> 1;
  switch (name) {
    case "write":
      return [
        powerGoes,
        { action: "lose-power", bytes: half },
        fails("EIO"),
        fails("ENOSPC"),
        { action: "short", bytes: half },
        { action: "tear", bytes: half, code: "ENOSPC" },
        { action: "tear", bytes: bytes - 1, code: "EIO" },
      ];
    case "datasync":
    case "syncDirectory":
    case "rename":
    case "truncate":
      return [powerGoes, fails("EIO"), fails("ENOSPC"), failsAfterwards];
    case "open":
      return [powerGoes, fails("EIO"), fails("EMFILE")];
    case "makeDirectory":
    case "remove":
      return [powerGoes, fails("EIO")];
    case "read":
    case "list":
    case "stat":
      return [fails("EIO")];
  }
}

/** How the run of a broker ends: the power goes, or only the process. */
export type Ending = "power" | "process";

/** One run with faults that ends one way; returns what went wrong. */
export type Run = (faults: FaultPlan, ending: Ending, seed: number) => Promise<string[]>;

/** Runs once for each operation, fault and seed, and returns how often, and what was wrong. */
export async function runWithEach(
  operations: readonly (readonly [number, Operation])[],
  run: Run,
): Promise<{ readonly count: number; readonly found: readonly string[] }> {
  const found: string[] = [];
  let count = 0;
  for (const [number, operation] of operations) {
    for (const fault of faultsOf(operation)) {
      for (let round = 0; round < SEEDS; round++) {
        const seed = SEEDS * number + round + count;
        const ending = seed % 2 === 0 ? "power" : "process";
        count++;
        for (const problem of await run(new FaultPlan().at(number, fault), ending, seed)) {
          const what = `${number}: ${operation.name} ${operation.path} ${JSON.stringify(fault)}`;
          found.push(`${what}, then ${ending}, seed ${seed}: ${problem}`);
        }
      }
    }
  }
  return { count, found };
}

/** Lives through the scenario with a fault, ends it, goes on from what is left, and returns what went wrong. */
export async function objections(faults: FaultPlan, ending: Ending, seed: number): Promise<string[]> {
  return caught(async () => {
    const world = await CrashWorld.create(faults);
    await world.run(liveThrough);
    return goOn(await endIt(world, ending, seed), ending, seed);
  });
}

/** As `objections`, on a disk of the test's own and without faults. */
export async function objectionsOn(disk: MemoryFileSystem, seed: number): Promise<string[]> {
  return caught(async () => {
    const world = await CrashWorld.create(new FaultPlan(), disk);
    await world.run(liveThrough);
    return goOn(await endIt(world, "power", seed), "power", seed);
  });
}

/** A world whose power went after the scenario, and which can be taken into service again and again. */
export class CrashedWorld {
  readonly #world: CrashWorld;

  private constructor(world: CrashWorld) {
    this.#world = world;
  }

  static async create(seed: number): Promise<CrashedWorld> {
    const world = await CrashWorld.create(new FaultPlan());
    await world.run(liveThrough);
    return new CrashedWorld(await endIt(world, "power", seed));
  }

  /** What a start asks of the disk. */
  async operations(): Promise<readonly Operation[]> {
    const dryRun = new FaultPlan();
    await (await this.#copy(dryRun)).recover("power");
    return dryRun.operations;
  }

  /** Meets faults while it starts, ends that, and starts once more. */
  async objections(faults: FaultPlan, ending: Ending, seed: number): Promise<string[]> {
    return caught(async () => {
      const world = await this.#copy(faults);
      await world.run(() => world.open());
      return goOn(await endIt(world, ending, seed), "power", seed);
    });
  }

  #copy(faults: FaultPlan): Promise<CrashWorld> {
    return this.#world.fork(this.#world.disk.crash(seededRandom(0), { mode: "process" }), faults);
  }
}

async function endIt(world: CrashWorld, ending: Ending, seed: number): Promise<CrashWorld> {
  await world.kill();
  return world.fork(ending === "power" ? world.disk.crash(seededRandom(seed)) : world.disk);
}

/**
 * What is left is taken into service and added to. Then, at least where the disk itself went on, the power goes once
 * more: what was trusted wrongly is lost then. Some are stopped as they should be in the end.
 */
async function goOn(world: CrashWorld, survived: Ending, seed: number): Promise<string[]> {
  const [isOddPair, isThird] = [(seed >> 1) % 2 === 1, seed % 3 === 0];
  const problems = await world.recover(survived);
  problems.push(...(await world.append()));
  if (survived === "power" && isOddPair) return problems;
  await world.pass(CHECKPOINT_MS);
  problems.push(...(await world.append()));
  await world.kill();
  const crashed = world.disk.crash(seededRandom(seed), { unsynced: isOddPair ? "lost" : "any" });
  const later = await world.fork(crashed);
  for (const problem of await later.recover("power")) problems.push(`after a second power loss: ${problem}`);
  if (!isThird) return problems;
  problems.push(...(await later.append()));
  await later.close();
  for (const problem of await later.recover("process")) problems.push(`after a clean stop: ${problem}`);
  return problems;
}

async function caught(run: () => Promise<string[]>): Promise<string[]> {
  try {
    return await run();
  } catch (error) {
    return [error instanceof Error ? (error.stack ?? error.message) : String(error)];
  }
}
