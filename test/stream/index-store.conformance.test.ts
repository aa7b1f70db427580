import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import fc from "fast-check";
import { Level } from "level";
import { describe, expect, it } from "vitest";
import { silentLogger } from "../../src/base/index.ts";
import { NodeFileSystem } from "../../src/fs/index.ts";
import { type IndexStore, LevelIndexStore, MemoryIndexStore } from "../../src/stream/index.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const STORES: [string, () => Promise<IndexStore>][] = [
  ["in memory", async () => new MemoryIndexStore()],
  ["in LevelDB", async () => levelStore(await temporaryFolder())],
];

function levelStore(folder: string, warn: (text: string) => void = () => undefined): IndexStore {
  const tell = (_fields: object, text: string) => warn(text);
  const logger = { ...silentLogger, warn: tell, error: tell };
  return new LevelIndexStore({ path: join(folder, "stream-index"), fs: new NodeFileSystem(), logger });
}

const key = (text: string) => Buffer.from(text, "latin1");

describe.each(STORES)("an index store %s", (_name, create) => {
  it("gives back what was written, and nothing of what was deleted", async () => {
    const store = await create();
    expect(await store.open()).toEqual({ isNew: true });
    await store.write([
      { key: key("a"), value: key("1") },
      { key: key("b"), value: key("2") },
    ]);
    await store.write([{ key: key("a") }, { key: key("c"), value: key("") }]);
    expect(await store.get(key("a"))).toBeUndefined();
    expect(await store.getMany(["a", "b", "c", "d"].map(key))).toEqual([
      undefined,
      key("2"),
      key(""),
      undefined,
    ]);
    await store.close();
  });

  it("reads ranges in the order of bytes, both ways, from the start on and before the end", async () => {
    const bytes = fc.uint8Array({ minLength: 1, maxLength: 4 }).map((array) => Buffer.from(array));
    const change = fc.record({ key: bytes, isPut: fc.boolean() });
    const store = await create();
    await store.open();
    await fc.assert(
      fc.asyncProperty(fc.array(change, { maxLength: 600 }), bytes, bytes, async (changes, from, to) => {
        await store.clear(Buffer.of(0), Buffer.alloc(8, 255));
        const model = new Map<string, Buffer>();
        for (const { key, isPut } of changes) {
          const name = key.toString("hex");
          if (isPut) model.set(name, key);
          else model.delete(name);
          await store.write([isPut ? { key, value: key } : { key }]);
        }
        const within = [...model.values()]
          .filter((each) => each.compare(from) >= 0 && each.compare(to) < 0)
          .sort((one, other) => one.compare(other));
        const keys = async (isReverse: boolean, limit: number) =>
          (await store.range({ from, to, isReverse, limit })).map(([each]) => each.toString("hex"));
        const names = within.map((each) => each.toString("hex"));
        expect(await keys(false, 1_000)).toEqual(names);
        expect(await keys(true, 1_000)).toEqual([...names].reverse());
        expect(await keys(true, 3)).toEqual([...names].reverse().slice(0, 3));
        await store.clear(from, to);
        expect(await keys(false, 1)).toEqual([]);
        expect(
          (await store.range({ from: Buffer.of(0), to: Buffer.alloc(8, 255), limit: 1_000 })).length,
        ).toBe(model.size - within.length);
      }),
      { numRuns: 12 },
    );
    await store.close();
  }, 30_000);
});

describe("an index store in LevelDB", () => {
  it("has everything after another start", async () => {
    const folder = await temporaryFolder();
    for (const isNew of [true, false]) {
      const store = levelStore(folder);
      expect(await store.open()).toEqual({ isNew });
      if (isNew) await store.write([{ key: key("a"), value: key("1") }]);
      else expect(await store.get(key("a"))).toEqual(key("1"));
      await store.close();
    }
  });

  it("that is damaged is emptied and says so", async () => {
    const folder = await temporaryFolder();
    const store = levelStore(folder);
    await store.open();
    await store.write([{ key: key("a"), value: key("1") }]);
    await store.close();
    await writeFile(join(folder, "stream-index", "CURRENT"), "no such manifest\n");
    const told: string[] = [];
    const again = levelStore(folder, (text) => told.push(text));
    expect(await again.open()).toEqual({ isNew: true });
    expect(told).toEqual(["stream index damaged; it is built again from the logs"]);
    await again.write([{ key: key("b"), value: key("2") }]);
    await again.close();
  });

  it("whose tables are damaged fails while it is read, and is emptied by the next start", async () => {
    const folder = await temporaryFolder();
    const path = join(folder, "stream-index");
    let store = levelStore(folder);
    await store.open();
    const value = Buffer.alloc(100_000, 7);
    for (let i = 0; i < 200; i++)
      await store.write([{ key: key(`k${i}`), value: Buffer.concat([value, key(`${i}`)]) }]);
    await store.close();
    for (const name of await readdir(path)) {
      if (!name.endsWith(".ldb")) continue;
      const bytes = await readFile(join(path, name));
      await writeFile(join(path, name), bytes.fill(0x5a, 0, bytes.length - 64));
    }
    const told: string[] = [];
    const tell = (text: string) => told.push(text);
    store = levelStore(folder, tell);
    try {
      await store.open();
      await expect(store.range({ from: key("k"), to: key("l"), limit: 1_000 })).rejects.toThrow(/index/);
    } finally {
      await store.close();
    }
    const again = levelStore(folder, tell);
    expect(await again.open()).toEqual({ isNew: true });
    expect(told.at(-1)).toBe("stream index damaged; it is built again from the logs");
    await again.close();
  });

  it("does not give a value that is not what was written", async () => {
    const folder = await temporaryFolder();
    const store = levelStore(folder);
    await store.open();
    await store.write([{ key: key("a"), value: key("1") }]);
    await store.close();
    const raw = new Level<Buffer, Buffer>(join(folder, "stream-index"), {
      keyEncoding: "buffer",
      valueEncoding: "buffer",
    });
    const sealed = (await raw.get(key("a")))!;
    sealed[0]! ^= 1;
    await raw.batch([{ type: "put", key: key("a"), value: sealed }]);
    await raw.close();
    const again = levelStore(folder);
    await again.open();
    await expect(again.get(key("a"))).rejects.toThrow("not what was written");
    await again.close();
    expect(await again.open()).toEqual({ isNew: true });
    await again.close();
  });
});
