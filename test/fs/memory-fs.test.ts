import { describe, expect, it } from "vitest";
import { isOutOfSpace, MemoryFileSystem } from "../../src/fs/index.ts";

describe("the capacity of a disk in memory", () => {
  it("makes a write short, then refuses, and takes more once it is raised", async () => {
    const disk = new MemoryFileSystem({ capacityBytes: 10 });
    const file = await disk.open("/a", "create");
    expect(await file.write([Buffer.alloc(6), Buffer.alloc(6)], 0)).toBe(10);
    const error = await file.write([Buffer.alloc(1)], 10).catch((thrown: unknown) => thrown);
    expect(isOutOfSpace(error)).toBe(true);
    disk.capacityBytes = 12;
    expect(await file.write([Buffer.alloc(5)], 10)).toBe(2);
    expect(disk.usedBytes).toBe(12);
  });

  it("lets bytes be overwritten and synced when the disk is full", async () => {
    const disk = new MemoryFileSystem({ capacityBytes: 4 });
    const file = await disk.open("/a", "create");
    await file.write([Buffer.from("full")], 0);
    expect(await file.write([Buffer.from("FULL")], 0)).toBe(4);
    await file.datasync();
    expect((await disk.readFile("/a", 4)).toString()).toBe("FULL");
  });

  it("gets back what is cut, removed or replaced, once", async () => {
    const disk = new MemoryFileSystem();
    await disk.makeDirectory("/folder");
    for (const path of ["/folder/a", "/b", "/c"]) {
      await (await disk.open(path, "create")).write([Buffer.alloc(10)], 0);
    }
    const removed = await disk.open("/folder/a", "read-write");
    await (await disk.open("/b", "read-write")).truncate(4);
    expect(disk.usedBytes).toBe(24);
    await disk.rename("/b", "/c");
    expect(disk.usedBytes).toBe(14);
    await disk.remove("/folder");
    expect(disk.usedBytes).toBe(4);
    await removed.write([Buffer.alloc(10)], 10);
    await removed.truncate(0);
    expect(disk.usedBytes).toBe(4);
  });

  it("refuses to extend a file beyond it", async () => {
    const disk = new MemoryFileSystem({ capacityBytes: 10 });
    const file = await disk.open("/a", "create");
    await expect(file.truncate(11)).rejects.toMatchObject({ code: "ENOSPC" });
    await file.truncate(10);
    expect(await file.size()).toBe(10);
  });
});

describe("paths in memory", () => {
  it("are the same with and without a leading slash, doubled slashes and dots", async () => {
    const disk = new MemoryFileSystem();
    await disk.makeDirectory("data/./x//");
    await disk.open("/data/x/a", "create");
    expect(await disk.list("./data/x")).toEqual([{ name: "a", kind: "file" }]);
  });

  it("do not climb", async () => {
    await expect(new MemoryFileSystem().list("/a/../b")).rejects.toThrow(TypeError);
  });
});
