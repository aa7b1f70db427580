/**
 * Every operation that a broker's life asks of the disk fails, is cut short, is torn or meets a power loss in turn.
 * After each: the power goes, or only the process; a broker starts on what is left; what was promised is compared
 * with what is there; the log goes on; the power goes once more; and it goes on to a clean stop. By default every
 * moment ends one way; MILLRACE_CRASH_SEEDS=n ends it n ways.
 */
import { beforeAll, describe, expect, it } from "vitest";
import {
  FaultPlan,
  type FileHandle,
  MemoryFileSystem,
  type OpenMode,
  type Operation,
} from "../../src/fs/index.ts";
import { CrashedWorld, type Ending, faultsOf, objections, objectionsOn, SEEDS } from "./crash-endings.ts";
import { liveThrough } from "./crash-scenario.ts";
import { CrashWorld } from "./crash-world.ts";

type Run = (faults: FaultPlan, ending: Ending, seed: number) => Promise<string[]>;

/** Runs once for each operation, fault and seed, and returns how often, and what was wrong. */
async function runWithEach(operations: readonly (readonly [number, Operation])[], run: Run) {
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

describe("a broker whose disk fails", () => {
  let operations: readonly (readonly [number, Operation])[] = [];

  beforeAll(async () => {
    const dryRun = new FaultPlan();
    const world = await CrashWorld.create(dryRun);
    await world.run(liveThrough);
    expect([...world.ledgers.values()].map(({ acknowledgedCount }) => acknowledgedCount)).toEqual([15, 13]);
    operations = [...dryRun.operations.entries()];
  });

  it.each(["write", "datasync", "syncDirectory", "rename", "truncate", "open", "remove", "makeDirectory"])(
    "keeps what it promised, whichever %s fails",
    async (name) => {
      const { count, found } = await runWithEach(
        operations.filter(([, operation]) => operation.name === name),
        objections,
      );
      expect(count).toBeGreaterThan(0);
      expect(found).toEqual([]);
    },
  );

  it("keeps what it promised, whatever cannot be read, listed or looked at", async () => {
    const reading = operations.filter(([, { name }]) => ["read", "list", "stat"].includes(name));
    expect(await runWithEach(reading, objections)).toMatchObject({ found: [] });
  });
});

describe("a start after a power loss", () => {
  it("may fail at any operation and be made up for by the next", async () => {
    for (let seed = 1; seed <= SEEDS; seed++) {
      const world = await CrashedWorld.create(seed);
      const operations = [...(await world.operations()).entries()];
      const { count, found } = await runWithEach(operations, (...run) => world.objections(...run));
      expect(count).toBeGreaterThan(50);
      expect(found).toEqual([]);
    }
  });
});

/** A disk that acknowledges what it does not do. */
class LyingDisk extends MemoryFileSystem {
  readonly #lie: "datasync" | "syncDirectory";

  constructor(lie: "datasync" | "syncDirectory") {
    super({ crashModel: true });
    this.#lie = lie;
  }

  override async open(path: string, mode: OpenMode): Promise<FileHandle> {
    const handle = await super.open(path, mode);
    if (this.#lie === "datasync") handle.datasync = async () => undefined;
    return handle;
  }

  override async syncDirectory(path: string): Promise<void> {
    if (this.#lie !== "syncDirectory") await super.syncDirectory(path);
  }
}

describe("these tests", () => {
  it.each(["datasync", "syncDirectory"] as const)("find the loss when %s does nothing", async (lie) => {
    const found: string[] = [];
    for (let seed = 0; seed < 5; seed++) found.push(...(await objectionsOn(new LyingDisk(lie), seed)));
    expect(found).not.toEqual([]);
  });
});
