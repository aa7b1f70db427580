/**
 * The crash model and the faults held against a protocol everybody knows: write a temporary file, sync it, rename it
 * over the old one, sync the folder. Done right it survives every fault; with any step left out the model must
 * find the loss, or it would prove nothing about the log.
 */
import { describe, expect, it } from "vitest";
import { seededRandom } from "../../src/base/index.ts";
import {
  type Fault,
  FaultPlan,
  FaultyFileSystem,
  type FileSystem,
  FileSystemError,
  MemoryFileSystem,
} from "../../src/fs/index.ts";

type Step = "datasync" | "rename" | "syncDirectory";

async function replaceFile(fs: FileSystem, text: string, leftOut?: Step): Promise<void> {
  const path = leftOut === "rename" ? "/name" : "/temporary";
  const file = await fs.open(path, "read-write-or-create");
  await file.truncate(0);
  await file.write([Buffer.from(text)], 0);
  if (leftOut !== "datasync") await file.datasync();
  await file.close();
  if (leftOut !== "rename") await fs.rename(path, "/name");
  if (leftOut !== "syncDirectory") await fs.syncDirectory("/");
}

const FAULTS: readonly Fault[] = [
  { action: "fail", code: "EIO" },
  { action: "fail", code: "EIO", effect: "after" },
  { action: "tear", bytes: 1, code: "ENOSPC" },
  { action: "lose-power" },
  { action: "lose-power", bytes: 2 },
  { action: "lose-power", effect: "after" },
];

/** Runs the protocol with each fault at each operation and crashes the disk; returns what went wrong. */
async function losses(leftOut?: Step): Promise<string[]> {
  const found: string[] = [];
  const dryRun = new FaultPlan();
  await replaceFile(new FaultyFileSystem(new MemoryFileSystem(), dryRun), "new", leftOut);
  for (let number = 0; number <= dryRun.operations.length; number++) {
    for (const fault of FAULTS) {
      const disk = new MemoryFileSystem({ crashModel: true });
      await replaceFile(disk, "old");
      const faults = new FaultPlan().at(number, fault);
      const isAcknowledged = await replaceFile(new FaultyFileSystem(disk, faults), "new", leftOut).then(
        () => true,
        (thrown: unknown) => {
          expect(thrown).toBeInstanceOf(FileSystemError);
          return false;
        },
      );
      for (let seed = 0; seed < 20; seed++) {
        const content = (await disk.crash(seededRandom(seed)).readFile("/name", 100)).toString();
        if (content === "new" || (content === "old" && !isAcknowledged)) continue;
        found.push(`${JSON.stringify(content)} after fault ${number} ${JSON.stringify(fault)}, seed ${seed}`);
      }
    }
  }
  return found;
}

describe("replacing a file", () => {
  it("leaves the old or the new content after any fault, and the new one once acknowledged", async () => {
    expect(await losses()).toEqual([]);
  });

  it.each(["datasync", "rename", "syncDirectory"] as const)(
    "is found to lose it without %s",
    async (step) => {
      expect(await losses(step)).not.toEqual([]);
    },
  );
});
