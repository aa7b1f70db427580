import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import {
  FaultPlan,
  FaultyFileSystem,
  type FileHandle,
  type FileSystem,
  FileSystemError,
  isMissing,
  MemoryFileSystem,
  NodeFileSystem,
  type OpenMode,
  WRITE_BUFFERS_MAX,
} from "../../src/fs/index.ts";

/** A file system and a folder in it that is the test's own. */
interface Subject {
  readonly fs: FileSystem;
  readonly root: string;
  readonly cleanUp: () => Promise<void>;
}

async function inMemory(fs: FileSystem): Promise<Subject> {
  await fs.makeDirectory("/root");
  return { fs, root: "/root", cleanUp: async () => {} };
}

const SUBJECTS: Readonly<Record<string, () => Promise<Subject>>> = {
  NodeFileSystem: async () => {
    const root = await mkdtemp(join(tmpdir(), "millrace-fs-"));
    return { fs: new NodeFileSystem(), root, cleanUp: () => rm(root, { recursive: true }) };
  },
  MemoryFileSystem: () => inMemory(new MemoryFileSystem()),
  "MemoryFileSystem with the crash model": () => inMemory(new MemoryFileSystem({ crashModel: true })),
  "FaultyFileSystem without faults": () =>
    inMemory(new FaultyFileSystem(new MemoryFileSystem(), new FaultPlan())),
};

const bytes = (text: string) => Buffer.from(text, "latin1");

describe.each(Object.keys(SUBJECTS))("%s", (name) => {
  let fs: FileSystem;
  let root: string;
  let cleanUp: () => Promise<void>;
  let handles: FileHandle[] = [];

  beforeEach(async () => {
    ({ fs, root, cleanUp } = await SUBJECTS[name]!());
  });
  afterEach(async () => {
    for (const handle of handles) await handle.close();
    handles = [];
    await cleanUp();
  });

  const path = (relative: string) => `${root}/${relative}`;
  const open = async (relative: string, mode: OpenMode = "read-write-or-create") => {
    const handle = await fs.open(path(relative), mode);
    handles.push(handle);
    return handle;
  };
  const put = async (relative: string, text: string) => {
    const handle = await fs.open(path(relative), "read-write-or-create");
    await handle.write([bytes(text)], 0);
    await handle.close();
  };
  const get = async (relative: string) => (await fs.readFile(path(relative), 1_000)).toString("latin1");
  const names = async (relative = ".") => (await fs.list(path(relative))).map((entry) => entry.name);
  const refused = async (running: Promise<unknown>) => {
    const error = await running.then(
      () => expect.fail("it was not refused"),
      (thrown: unknown) => thrown,
    );
    expect(error).toBeInstanceOf(FileSystemError);
    return (error as FileSystemError).code;
  };

  describe("files", () => {
    it("reads what was written, at any place and into any part of a buffer", async () => {
      const file = await open("a");
      expect(await file.write([bytes("hello"), bytes(""), bytes(" world")], 0)).toBe(11);
      const target = Buffer.alloc(8, ".");
      expect(await file.read(target, 2, 5, 4)).toBe(5);
      expect(target.toString()).toBe("..o wor.");
    });

    it("reads fewer bytes only at the end, and none behind it", async () => {
      const file = await open("a");
      await file.write([bytes("abc")], 0);
      const target = Buffer.alloc(10);
      expect(await file.read(target, 0, 10, 1)).toBe(2);
      expect(await file.read(target, 0, 10, 3)).toBe(0);
      expect(await file.read(target, 0, 10, 99)).toBe(0);
      expect(await file.read(target, 0, 0, 0)).toBe(0);
    });

    it("overwrites in place and leaves the rest", async () => {
      const file = await open("a");
      await file.write([bytes("abcdef")], 0);
      await file.write([bytes("XY")], 2);
      expect(await get("a")).toBe("abXYef");
    });

    it("fills a gap before a write with zeros", async () => {
      const file = await open("a");
      await file.write([bytes("z")], 3);
      expect(await get("a")).toBe("\0\0\0z");
      expect(await file.size()).toBe(4);
    });

    it("cuts, extends with zeros, and never shows again what was cut", async () => {
      const file = await open("a");
      await file.write([bytes("abcdef")], 0);
      await file.truncate(2);
      expect(await get("a")).toBe("ab");
      await file.truncate(5);
      expect(await get("a")).toBe("ab\0\0\0");
      await file.write([bytes("!")], 6);
      expect(await get("a")).toBe("ab\0\0\0\0!");
    });

    it("holds a megabyte of odd pieces, and holes far beyond 4 GiB", async () => {
      const file = await open("a");
      const content = Buffer.from(Array.from({ length: 1_000_003 }, (_, i) => (i * 7 + (i >> 8)) & 0xff));
      for (let at = 0; at < content.length; at += 99_991) {
        await file.write([content.subarray(at, at + 50_000), content.subarray(at + 50_000, at + 99_991)], at);
      }
      const read = Buffer.alloc(content.length);
      expect(await file.read(read, 0, read.length, 0)).toBe(content.length);
      expect(read.equals(content)).toBe(true);
      await file.write([bytes("far")], 5 * 2 ** 30);
      expect(await file.size()).toBe(5 * 2 ** 30 + 3);
      const far = Buffer.alloc(5, "x");
      expect(await file.read(far, 0, 5, 5 * 2 ** 30 - 2)).toBe(5);
      expect(far.toString("latin1")).toBe("\0\0far");
    });

    it("writes as many buffers as are allowed, and none beyond", async () => {
      const file = await open("a");
      const buffers = Array.from({ length: WRITE_BUFFERS_MAX }, (_, i) => Buffer.of(i & 0xff));
      expect(await file.write(buffers, 0)).toBe(WRITE_BUFFERS_MAX);
      expect([...(await fs.readFile(path("a"), 2_000))]).toEqual(buffers.map((buffer) => buffer[0]));
      await expect(file.write([...buffers, Buffer.of(0)], 0)).rejects.toThrow(TypeError);
      expect(await file.size()).toBe(WRITE_BUFFERS_MAX);
    });

    it("writes nothing when there is nothing to write", async () => {
      const file = await open("a");
      expect(await file.write([], 0)).toBe(0);
      expect(await file.write([bytes("")], 7)).toBe(0);
      expect(await file.size()).toBe(0);
    });

    it("does not keep the caller's buffer", async () => {
      const file = await open("a");
      const mine = bytes("mine");
      await file.write([mine], 0);
      mine.fill("x");
      await file.datasync();
      expect(await get("a")).toBe("mine");
    });

    it("refuses to read more than the target has room for", async () => {
      const file = await open("a");
      await expect(file.read(Buffer.alloc(4), 2, 3, 0)).rejects.toThrow(TypeError);
    });

    it("refuses a position that is none, instead of writing wherever the file stands", async () => {
      const file = await open("a");
      for (const position of [-1, 0.5, Number.NaN, undefined as unknown as number]) {
        await expect(file.write([bytes("x")], position)).rejects.toThrow(TypeError);
        await expect(file.read(Buffer.alloc(1), 0, 1, position)).rejects.toThrow(TypeError);
        await expect(file.truncate(position)).rejects.toThrow(TypeError);
      }
      expect(await file.size()).toBe(0);
    });

    it("serves many calls at once", async () => {
      const file = await open("a");
      const writes = Array.from({ length: 50 }, (_, i) => file.write([Buffer.alloc(100, i)], i * 100));
      await Promise.all([...writes, file.datasync(), file.datasync()]);
      const targets = Array.from({ length: 50 }, () => Buffer.alloc(100));
      await Promise.all(targets.map((target, i) => file.read(target, 0, 100, i * 100)));
      for (const [i, target] of targets.entries()) expect(target.equals(Buffer.alloc(100, i))).toBe(true);
    });

    it("shows one handle what another wrote", async () => {
      const writer = await open("a");
      const reader = await open("a", "read");
      await writer.write([bytes("shared")], 0);
      const target = Buffer.alloc(6);
      expect(await reader.read(target, 0, 6, 0)).toBe(6);
      expect(target.toString()).toBe("shared");
    });

    it("keeps an open file readable after it is renamed and after it is removed", async () => {
      const file = await open("a");
      await file.write([bytes("still here")], 0);
      await fs.rename(path("a"), path("b"));
      await fs.remove(path("b"));
      const target = Buffer.alloc(10);
      expect(await file.read(target, 0, 10, 0)).toBe(10);
      expect(target.toString()).toBe("still here");
    });

    it("refuses everything on a closed handle", async () => {
      const file = await fs.open(path("a"), "create");
      await file.close();
      expect(await refused(file.read(Buffer.alloc(1), 0, 1, 0))).toBe("EBADF");
      expect(await refused(file.write([bytes("x")], 0))).toBe("EBADF");
      expect(await refused(file.datasync())).toBe("EBADF");
      expect(await refused(file.truncate(0))).toBe("EBADF");
      expect(await refused(file.size())).toBe("EBADF");
      expect(await refused(file.close())).toBe("EBADF");
    });

    it("finishes the reads under way before it closes", async () => {
      await put("a", "x".repeat(1_000));
      const file = await fs.open(path("a"), "read");
      const target = Buffer.alloc(1_000);
      const reading = file.read(target, 0, 1_000, 0);
      await Promise.all([reading, file.close()]);
      expect(await reading).toBe(1_000);
      expect(target.toString()).toBe("x".repeat(1_000));
    });
  });

  describe("open", () => {
    it("creates with create and read-write-or-create only", async () => {
      expect(await refused(fs.open(path("a"), "read"))).toBe("ENOENT");
      expect(await refused(fs.open(path("a"), "read-write"))).toBe("ENOENT");
      await open("a", "create");
      await open("b", "read-write-or-create");
      expect(await names()).toEqual(["a", "b"]);
    });

    it("keeps the content of a file that is there, and refuses create", async () => {
      await put("a", "content");
      expect(await refused(fs.open(path("a"), "create"))).toBe("EEXIST");
      for (const mode of ["read", "read-write", "read-write-or-create"] as const) {
        expect(await (await open("a", mode)).size()).toBe(7);
      }
    });

    it("writes through a reading handle never", async () => {
      await put("a", "content");
      const file = await open("a", "read");
      expect(await refused(file.write([bytes("x")], 0))).toBe("EBADF");
      expect(await refused(file.truncate(0))).toBe("EINVAL");
      expect(await get("a")).toBe("content");
    });

    it("refuses folders, and paths through files or nothing", async () => {
      await fs.makeDirectory(path("folder"));
      await put("file", "");
      expect(await refused(fs.open(path("folder"), "read-write"))).toBe("EISDIR");
      expect(await refused(fs.open(path("folder"), "create"))).toBe("EEXIST");
      expect(await refused(fs.open(path("file/a"), "create"))).toBe("ENOTDIR");
      expect(await refused(fs.open(path("nothing/a"), "create"))).toBe("ENOENT");
    });

    it("says which operation failed on which path with which code", async () => {
      const error = await fs.open(path("a"), "read").catch((thrown: unknown) => thrown);
      expect(error).toMatchObject({ code: "ENOENT", operation: "open", path: path("a") });
      expect(isMissing(error)).toBe(true);
    });
  });

  describe("folders", () => {
    it("creates a folder with its parents, twice without complaint", async () => {
      await fs.makeDirectory(path("a/b/c"));
      await fs.makeDirectory(path("a/b/c"));
      expect(await fs.list(path("a/b"))).toEqual([{ name: "c", kind: "directory" }]);
    });

    it("does not create a folder in place of a file", async () => {
      await put("a", "");
      expect(await refused(fs.makeDirectory(path("a")))).toBe("EEXIST");
    });

    it("lists in order of character codes, with kinds", async () => {
      for (const name of ["b", "a10", "a9", "B"]) await put(name, "");
      await fs.makeDirectory(path("a"));
      expect(await names()).toEqual(["B", "a", "a10", "a9", "b"]);
      expect((await fs.list(root))[1]).toEqual({ name: "a", kind: "directory" });
      expect((await fs.list(root))[2]).toEqual({ name: "a10", kind: "file" });
    });

    it("refuses to list what is absent or a file", async () => {
      await put("file", "");
      expect(await refused(fs.list(path("nothing")))).toBe("ENOENT");
      expect(await refused(fs.list(path("file")))).toBe("ENOTDIR");
    });

    it("syncs a folder, and refuses what is absent or a file", async () => {
      await put("file", "");
      await fs.syncDirectory(root);
      expect(await refused(fs.syncDirectory(path("nothing")))).toBe("ENOENT");
      expect(await refused(fs.syncDirectory(path("file")))).toBe("ENOTDIR");
    });
  });

  describe("rename", () => {
    it("moves a file and replaces the one that is there", async () => {
      await put("a", "new");
      await put("b", "old");
      await fs.rename(path("a"), path("b"));
      expect(await names()).toEqual(["b"]);
      expect(await get("b")).toBe("new");
    });

    it("moves a folder with all in it, and into another folder", async () => {
      await fs.makeDirectory(path("a/sub"));
      await put("a/sub/file", "x");
      await fs.rename(path("a"), path("b"));
      await fs.makeDirectory(path("c"));
      await fs.rename(path("b/sub"), path("c/moved"));
      expect(await get("c/moved/file")).toBe("x");
      expect(await names("b")).toEqual([]);
    });

    it("leaves all as it is when a name is moved onto itself", async () => {
      await put("a", "x");
      await fs.rename(path("a"), path("a"));
      await fs.makeDirectory(path("f"));
      await fs.rename(path("f"), path("f"));
      expect(await names()).toEqual(["a", "f"]);
    });

    it("refuses what makes no sense", async () => {
      await fs.makeDirectory(path("folder/sub"));
      await put("file", "");
      expect(await refused(fs.rename(path("nothing"), path("a")))).toBe("ENOENT");
      expect(await refused(fs.rename(path("file"), path("nothing/a")))).toBe("ENOENT");
      expect(await refused(fs.rename(path("file"), path("folder")))).toBe("EISDIR");
      expect(await refused(fs.rename(path("folder"), path("file")))).toBe("ENOTDIR");
      expect(await refused(fs.rename(path("folder"), path("folder/sub/deeper")))).toBe("EINVAL");
      await fs.makeDirectory(path("other"));
      expect(await refused(fs.rename(path("other"), path("folder")))).toBe("ENOTEMPTY");
      await fs.rename(path("folder"), path("other"));
      expect(await names()).toEqual(["file", "other"]);
      expect(await names("other")).toEqual(["sub"]);
    });
  });

  describe("remove", () => {
    it("removes a file, and a folder with all in it", async () => {
      await put("file", "");
      await fs.makeDirectory(path("a/b"));
      await put("a/b/c", "");
      await fs.remove(path("file"));
      await fs.remove(path("a"));
      expect(await names()).toEqual([]);
    });

    it("does nothing if there is nothing", async () => {
      await fs.remove(path("nothing"));
      await fs.remove(path("nothing/below"));
      expect(await names()).toEqual([]);
    });

    it("lets a name be used anew", async () => {
      await put("a", "old");
      await fs.remove(path("a"));
      await put("a", "n");
      expect(await get("a")).toBe("n");
    });
  });

  describe("whole files", () => {
    it("tells the size of a file, and of nothing else", async () => {
      await put("a", "12345");
      await fs.makeDirectory(path("folder"));
      expect(await fs.fileSize(path("a"))).toBe(5);
      expect(await fs.fileSize(path("nothing"))).toBeUndefined();
      expect(await fs.fileSize(path("folder"))).toBeUndefined();
    });

    it("reads a file up to the bytes allowed", async () => {
      await put("a", "12345");
      await put("empty", "");
      expect((await fs.readFile(path("a"), 5)).toString()).toBe("12345");
      expect((await fs.readFile(path("empty"), 0)).length).toBe(0);
      expect(await refused(fs.readFile(path("a"), 4))).toBe("EFBIG");
      expect(await refused(fs.readFile(path("nothing"), 9))).toBe("ENOENT");
      await fs.makeDirectory(path("folder"));
      expect(await refused(fs.readFile(path("folder"), 1_000_000))).toBe("EISDIR");
    });
  });
});
