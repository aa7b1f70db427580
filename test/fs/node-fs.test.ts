import { spawnSync } from "node:child_process";
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { isOutOfSpace, NodeFileSystem } from "../../src/fs/index.ts";

const fs = new NodeFileSystem();
let root: string;

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "millrace-fs-"));
});
afterEach(() => rm(root, { recursive: true }));

describe("symbolic links", () => {
  it("are listed as neither file nor folder, and removed without what they point to", async () => {
    await mkdir(join(root, "real"));
    await writeFile(join(root, "real", "file"), "kept");
    await symlink(join(root, "real"), join(root, "link"));
    expect(await fs.list(root)).toEqual([
      { name: "link", kind: "other" },
      { name: "real", kind: "directory" },
    ]);
    await fs.remove(join(root, "link"));
    expect(await readFile(join(root, "real", "file"), "utf8")).toBe("kept");
  });
});

describe("mistakes of the program", () => {
  it("are not dressed up as refusals of the system", async () => {
    await expect(fs.open("a\0b", "read")).rejects.toThrow(TypeError);
  });
});

/** A disk of 64 KiB, if this machine lets us mount one. */
function mountSmallDisk(path: string): boolean {
  const mounted = spawnSync("mount", ["-t", "tmpfs", "-o", "size=64k", "tmpfs", path]);
  if (mounted.status !== 0) console.info("skipped: no permission to mount a small tmpfs");
  return mounted.status === 0;
}

describe("a full disk", () => {
  it("takes a write in part, refuses the next with ENOSPC, and goes on when there is space", async (test) => {
    const disk = join(root, "disk");
    await mkdir(disk);
    if (!mountSmallDisk(disk)) return test.skip();
    try {
      await fs.makeDirectory(`${disk}/a/b`);
      await writeFile(join(disk, "ballast"), Buffer.alloc(16_384));
      const file = await fs.open(`${disk}/file`, "create");
      const written = await file.write([Buffer.alloc(40_000, 1), Buffer.alloc(40_000, 2)], 0);
      expect(written).toBeGreaterThan(0);
      expect(written).toBeLessThan(80_000);
      expect(await file.size()).toBe(written);
      const error = await file.write([Buffer.alloc(10_000)], written).catch((thrown: unknown) => thrown);
      expect(isOutOfSpace(error)).toBe(true);
      await fs.remove(`${disk}/ballast`);
      expect(await file.write([Buffer.alloc(10_000)], written)).toBe(10_000);
      await file.close();
    } finally {
      spawnSync("umount", [disk]);
    }
  });
});
