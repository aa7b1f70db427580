/** Starts that are cut short themselves, and disks that lie: what the other crash tests would have to find. */
import { describe, expect, it } from "vitest";
import { type FileHandle, MemoryFileSystem, type OpenMode } from "../../src/fs/index.ts";
import { CrashedWorld, objectionsOn, runWithEach, SEEDS } from "./crash-endings.ts";

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
