import fc from "fast-check";
import { beforeEach, describe, expect, it } from "vitest";
import { seededRandom } from "../../src/base/index.ts";
import { type CrashOptions, type FileHandle, MemoryFileSystem } from "../../src/fs/index.ts";

const SEEDS = Array.from({ length: 300 }, (_, seed) => seed);
const LOST: CrashOptions = { unsynced: "lost" };
const KEPT: CrashOptions = { unsynced: "kept" };

let disk: MemoryFileSystem;

beforeEach(async () => {
  disk = new MemoryFileSystem({ crashModel: true });
});

const write = (file: FileHandle, text: string, position = 0) => file.write([Buffer.from(text)], position);
const crash = (seed: number, options?: CrashOptions) => disk.crash(seededRandom(seed), options);
const contentOf = async (fs: MemoryFileSystem, path: string) =>
  (await fs.readFile(path, 1_000)).toString("latin1");
const namesOf = async (fs: MemoryFileSystem, path = "/") => (await fs.list(path)).map(({ name }) => name);

/** What the seeds make of the disk, each outcome once. */
async function outcomes(
  look: (fs: MemoryFileSystem) => Promise<unknown>,
  options?: CrashOptions,
): Promise<Set<string>> {
  const seen = new Set<string>();
  for (const seed of SEEDS) seen.add(JSON.stringify(await look(crash(seed, options))));
  return seen;
}

async function syncedFile(path: string, text: string): Promise<FileHandle> {
  const file = await disk.open(path, "create");
  await write(file, text);
  await file.datasync();
  await disk.syncDirectory("/");
  return file;
}

describe("bytes after a power loss", () => {
  it("are all there if they were synced", async () => {
    await syncedFile("/a", "synced");
    expect(await outcomes((fs) => contentOf(fs, "/a"))).toEqual(new Set(['"synced"']));
  });

  it("may be missing, there, or torn at any byte if they were not", async () => {
    const file = await syncedFile("/a", "old!");
    await write(file, "NEW!", 0);
    const seen = await outcomes((fs) => contentOf(fs, "/a"));
    for (const torn of ["old!", "NEW!", "Nld!", "NEd!", "olW!", "oEW!", "oEd!"]) {
      expect(seen).toContain(JSON.stringify(torn));
    }
  });

  it("may be zeros behind the old end, or end early", async () => {
    const file = await syncedFile("/a", "ab");
    await write(file, "cd", 2);
    const seen = await outcomes((fs) => contentOf(fs, "/a"));
    for (const torn of ["ab", "abc", "abcd", "ab\0d", "abc\0", "ab\0\0"]) {
      expect(seen).toContain(JSON.stringify(torn));
    }
  });

  it("may keep a later write and lose an earlier one", async () => {
    const file = await syncedFile("/a", "____");
    await write(file, "aa", 0);
    await write(file, "bb", 2);
    expect(await outcomes((fs) => contentOf(fs, "/a"))).toContain('"__bb"');
  });

  it("may come back if their cutting was not synced", async () => {
    const file = await syncedFile("/a", "abcd");
    await file.truncate(1);
    expect(await outcomes((fs) => contentOf(fs, "/a"))).toEqual(new Set(['"abcd"', '"a"']));
    await file.datasync();
    expect(await outcomes((fs) => contentOf(fs, "/a"))).toEqual(new Set(['"a"']));
  });

  it("are those of the last sync, or of the last write, if the test says so", async () => {
    const file = await syncedFile("/a", "one");
    await write(file, "two", 3);
    expect(await outcomes((fs) => contentOf(fs, "/a"), LOST)).toEqual(new Set(['"one"']));
    expect(await outcomes((fs) => contentOf(fs, "/a"), KEPT)).toEqual(new Set(['"onetwo"']));
    expect(await outcomes((fs) => contentOf(fs, "/a"), { mode: "process" })).toEqual(new Set(['"onetwo"']));
  });

  it("are only ever what was durable, what was written since, or zeros", async () => {
    const position = fc.integer({ min: 0, max: 40 });
    const step = fc.oneof(
      fc.record({ do: fc.constant("write" as const), position, size: fc.integer({ min: 1, max: 20 }) }),
      fc.record({ do: fc.constant("truncate" as const), position }),
      fc.record({ do: fc.constant("sync" as const) }),
    );
    const property = fc.asyncProperty(fc.array(step, { maxLength: 12 }), fc.nat(), async (steps, seed) => {
      const fs = new MemoryFileSystem({ crashModel: true });
      const file = await fs.open("/a", "create");
      await fs.syncDirectory("/");
      let possible = Array.from({ length: 64 }, () => new Set([0]));
      let stamp = 0;
      for (const step of steps) {
        stamp += 1;
        if (step.do === "write") {
          await file.write([Buffer.alloc(step.size, stamp)], step.position);
          for (let at = 0; at < step.size; at++) possible[step.position + at]!.add(stamp);
        } else if (step.do === "truncate") {
          await file.truncate(step.position);
          for (const values of possible.slice(step.position)) values.add(0);
        } else {
          await file.datasync();
          const durable = await fs.readFile("/a", 64);
          possible = possible.map(
            (_, at) => new Set([durable[at] ?? 0, ...(at < durable.length ? [] : [0])]),
          );
        }
      }
      const content = await fs.crash(seededRandom(seed)).readFile("/a", 64);
      for (const [at, byte] of content.entries()) expect(possible[at]).toContain(byte);
      const synced = await fs.crash(seededRandom(seed), LOST).readFile("/a", 64);
      expect(steps.at(-1)?.do !== "sync" || synced.equals(await fs.readFile("/a", 64))).toBe(true);
    });
    await fc.assert(property, { numRuns: 300 });
  });
});

describe("bytes after a failed sync", () => {
  it("stay readable, and no later sync makes them durable", async () => {
    const file = await syncedFile("/a", "____");
    await write(file, "aa", 0);
    (file as FileHandle & { loseUnsynced(): void }).loseUnsynced();
    await write(file, "b", 1);
    await file.datasync();
    expect(await contentOf(disk, "/a")).toBe("ab__");
    const seen = await outcomes((fs) => contentOf(fs, "/a"));
    expect(seen).toEqual(new Set(['"_b__"', '"ab__"']));
  });
});

describe("names after a power loss", () => {
  it("are gone or there if they were created and not synced, with durable bytes if any", async () => {
    const file = await disk.open("/a", "create");
    await write(file, "x");
    await file.datasync();
    expect(await outcomes((fs) => namesOf(fs))).toEqual(new Set(["[]", '["a"]']));
    expect(await contentOf(crash(1, KEPT), "/a")).toBe("x");
    await disk.syncDirectory("/");
    expect(await outcomes((fs) => contentOf(fs, "/a"))).toEqual(new Set(['"x"']));
  });

  it("lose an unsynced folder with all that was synced in it", async () => {
    await disk.makeDirectory("/folder");
    await disk.open("/folder/a", "create");
    await disk.syncDirectory("/folder");
    expect(await outcomes((fs) => namesOf(fs))).toEqual(new Set(["[]", '["folder"]']));
    expect(await namesOf(crash(1, LOST))).toEqual([]);
    await disk.syncDirectory("/");
    expect(await outcomes((fs) => namesOf(fs, "/folder"))).toEqual(new Set(['["a"]']));
  });

  it("are the old or the new of a rename, never none or both", async () => {
    await syncedFile("/new", "new");
    await syncedFile("/name", "old");
    await disk.rename("/new", "/name");
    const look = async (fs: MemoryFileSystem) => [await namesOf(fs), await contentOf(fs, "/name")];
    const before = JSON.stringify([["name", "new"], "old"]);
    const after = JSON.stringify([["name"], "new"]);
    expect(await outcomes(look)).toEqual(new Set([before, after]));
    await disk.syncDirectory("/");
    expect(await outcomes(look)).toEqual(new Set([after]));
  });

  it("may come back after an unsynced removal, a folder with some of its files", async () => {
    await disk.makeDirectory("/folder");
    for (const name of ["a", "b"]) await disk.open(`/folder/${name}`, "create");
    await disk.syncDirectory("/folder");
    await disk.syncDirectory("/");
    await disk.remove("/folder");
    const look = async (fs: MemoryFileSystem) => ((await namesOf(fs))[0] ? namesOf(fs, "/folder") : "gone");
    const seen = await outcomes(look);
    expect(seen).toEqual(new Set(['"gone"', "[]", '["a"]', '["b"]', '["a","b"]']));
    await disk.syncDirectory("/");
    expect(await outcomes(look)).toEqual(new Set(['"gone"']));
  });

  it("may survive in any combination, or in the order of a journal", async () => {
    for (const name of ["a", "b", "c"]) await disk.open(`/${name}`, "create");
    expect((await outcomes((fs) => namesOf(fs))).size).toBe(8);
    const inOrder = await outcomes((fs) => namesOf(fs), { names: "in-order" });
    expect(inOrder).toEqual(new Set(["[]", '["a"]', '["a","b"]', '["a","b","c"]']));
  });

  it("of a file moved between folders are safe only when both are synced", async () => {
    await disk.makeDirectory("/to");
    await syncedFile("/a", "x");
    await disk.rename("/a", "/to/a");
    const look = async (fs: MemoryFileSystem) => [...(await namesOf(fs)), ...(await namesOf(fs, "/to"))];
    expect((await outcomes(look)).size).toBe(4);
    await disk.syncDirectory("/to");
    await disk.syncDirectory("/");
    expect(await outcomes(look)).toEqual(new Set(['["to","a"]']));
  });

  it("are not made durable by a sync after a failed one", async () => {
    await disk.open("/a", "create");
    disk.loseUnsyncedNames("/");
    await disk.open("/b", "create");
    await disk.syncDirectory("/");
    expect(await outcomes((fs) => namesOf(fs))).toEqual(new Set(['["b"]', '["a","b"]']));
  });
});

describe("the disk after a crash", () => {
  it("is the same for the same seed", async () => {
    const file = await syncedFile("/a", "abcd");
    for (let at = 0; at < 20; at++) await write(file, "xyz", at);
    const twice = [crash(7), crash(7)].map((fs) => contentOf(fs, "/a"));
    expect(await twice[0]).toBe(await twice[1]);
  });

  it("is durable whole, and crashes no further by itself", async () => {
    const file = await syncedFile("/a", "old");
    await write(file, "new!");
    for (const seed of SEEDS) {
      const once = crash(seed);
      const twice = once.crash(seededRandom(seed + 1), LOST);
      expect(await contentOf(twice, "/a")).toBe(await contentOf(once, "/a"));
    }
  });

  it("shares nothing with the one that crashed", async () => {
    const file = await syncedFile("/a", "abc");
    const after = crash(1);
    await write(file, "XXX");
    const survivor = await after.open("/a", "read-write");
    await write(survivor, "YYY");
    expect(await contentOf(disk, "/a")).toBe("XXX");
    expect(await contentOf(after, "/a")).toBe("YYY");
    expect([disk.usedBytes, after.usedBytes]).toEqual([3, 3]);
  });

  it("needs the crash model for a power loss, and not for a killed process", async () => {
    const plain = new MemoryFileSystem();
    await write(await plain.open("/a", "create"), "x");
    expect(() => plain.crash(seededRandom(1))).toThrow(TypeError);
    expect(await contentOf(plain.crash(seededRandom(1), { mode: "process" }), "/a")).toBe("x");
  });
});
