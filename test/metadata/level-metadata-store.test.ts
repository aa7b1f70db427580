import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Level } from "level";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { seededRandom } from "../../src/base/index.ts";
import {
  LevelMetadataStore,
  StoreDamagedError,
  StoreFailedError,
  StoreLockedError,
} from "../../src/metadata/index.ts";

let folder: string;
let path: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "millrace-metadata-"));
  path = join(folder, "metadata");
});
afterEach(() => rm(folder, { recursive: true }));

const newStore = () => new LevelMetadataStore({ path, random: seededRandom(1) });

async function withStore<Result>(use: (store: LevelMetadataStore) => Promise<Result>): Promise<Result> {
  const store = newStore();
  await store.open();
  try {
    return await use(store);
  } finally {
    await store.close();
  }
}

/** Changes the database behind the store's back. */
async function tamper(change: (level: Level<string, string>) => Promise<void>): Promise<void> {
  const level = new Level<string, string>(path);
  await change(level);
  await level.close();
}

const storeTopic = () =>
  withStore((store) =>
    store.putTopic(
      { name: "a", topicId: "0".repeat(32), state: "active", partitionCount: 1, configs: {}, createdAtMs: 0 },
      undefined,
    ),
  );

describe("damage", () => {
  const damages: [title: string, json: string, problem: string][] = [
    ["no JSON", "{", "its value is not JSON"],
    ["no object", "[]", "it is not an object"],
    ["another topic", '"b"', 'it holds topic "b"'],
    ["no id", '{"topicId":"x"}', "its topicId is not an id of 32 hexadecimal digits"],
    ["an unknown state", '{"state":"asleep"}', "its state is none of creating, active, deleting"],
    ["no partition", '{"partitionCount":0}', "its partitionCount is not 1 or more"],
    ["no time", '{"createdAtMs":null}', "its createdAtMs is not a time"],
    ["no configs", '{"configs":[]}', "its configs are not an object"],
    ["a config of no text", '{"configs":{"a":1}}', "a value of its configs is not a text"],
    ["no version", '{"version":-1}', "its version is not a number"],
  ];
  it.each(damages)("of a topic is named with its key: %s", async (_, json, problem) => {
    await storeTopic();
    await tamper(async (level) => {
      const stored = JSON.parse((await level.get("topic/a"))!) as object;
      const isWhole = json === "{" || json === "[]";
      const change = json === '"b"' ? { name: "b" } : isWhole ? {} : (JSON.parse(json) as object);
      await level.put("topic/a", isWhole ? json : JSON.stringify({ ...stored, ...change }));
    });
    const error = await withStore((store) => store.loadTopics()).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(StoreDamagedError);
    expect(error).toMatchObject({
      key: "topic/a",
      message: `the metadata in ${path}, key "topic/a" cannot be used: ${problem}; restore this folder from a backup`,
    });
  });

  it.each(["broker-epoch", "producer-id"])("of a counter never yields a number again: %s", async (key) => {
    await withStore((store) => Promise.all([store.nextBrokerEpoch(), store.allocateProducerIds()]));
    for (const value of ["", "-1", "1.5", '"7"', "9007199254740992"]) {
      await tamper((level) => level.put(key, value));
      const call = (store: LevelMetadataStore): Promise<unknown> =>
        key === "broker-epoch" ? store.nextBrokerEpoch() : store.allocateProducerIds();
      await expect(withStore(call)).rejects.toMatchObject({ name: "StoreDamagedError", key });
    }
  });

  it("of the cluster id or the format keeps the store shut, and unlocked", async () => {
    await withStore((store) => store.nextBrokerEpoch());
    const openings: [change: (level: Level<string, string>) => Promise<void>, text: RegExp][] = [
      [(level) => level.put("cluster-id", '"x"'), /key "cluster-id" .* not an id/],
      [(level) => level.del("cluster-id"), /the cluster id is gone; restore/],
      [(level) => level.put("format", "2"), /its format is 2, and this broker knows 1; start the version/],
      [(level) => level.del("format"), /not empty, but its format is gone; restore/],
    ];
    for (const [change, text] of openings) {
      await tamper(change);
      const error = await newStore()
        .open()
        .catch((thrown: unknown) => thrown);
      expect(error).toBeInstanceOf(StoreDamagedError);
      expect((error as Error).message).toMatch(text);
    }
  });

  it("of LevelDB's own files is told as such", async () => {
    await storeTopic();
    const manifest = (await readdir(path)).find((name) => name.startsWith("MANIFEST"))!;
    await writeFile(join(path, manifest), "not a manifest");
    await expect(newStore().open()).rejects.toMatchObject({
      name: "StoreDamagedError",
      key: undefined,
      message: `the metadata in ${path} cannot be used: LevelDB finds it damaged; restore this folder from a backup`,
    });
  });
});

describe("a refusal of the system", () => {
  it("to create the folder names it and the reason", async () => {
    await writeFile(path, "a file in its place");
    const error = await newStore()
      .open()
      .catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(StoreFailedError);
    expect(error).toMatchObject({ path, isOutOfSpace: false });
    expect((error as Error).message).toContain(`the metadata in ${path} could not be opened: ENOTDIR`);
  });
});

describe("the lock", () => {
  it("is kept through a write that failed, and is free after the close", async () => {
    await withStore(async (store) => {
      const batch = vi.spyOn(Level.prototype, "batch");
      batch.mockImplementation(() => Promise.reject(new Error("No space left on device")) as never);
      await expect(store.nextBrokerEpoch()).rejects.toMatchObject({ isOutOfSpace: true });
      batch.mockRestore();
      await expect(newStore().open()).rejects.toThrow(StoreLockedError);
      expect(await store.nextBrokerEpoch()).toBe(0);
      await expect(newStore().open()).rejects.toThrow(StoreLockedError);
    });
    expect(await withStore((store) => store.nextBrokerEpoch())).toBe(1);
  });
});
