/** What a start owes to the disk, and says when the disk or the store refuses. */
import { describe, expect, it } from "vitest";
import { seededRandom } from "../../src/base/index.ts";
import { Broker } from "../../src/broker/index.ts";
import { StartError } from "../../src/errors/index.ts";
import { FaultPlan, FaultyFileSystem, MemoryFileSystem } from "../../src/fs/index.ts";
import { MemoryMetadataStore, StoreFailedError } from "../../src/metadata/index.ts";
import { batchOf, recordsIn } from "../log/batches.ts";

const open = (fs: MemoryFileSystem | FaultyFileSystem, metadata: MemoryMetadataStore, dataDir = "/data") =>
  Broker.open({ fs, metadata, dataDir });

const newStore = () => new MemoryMetadataStore(seededRandom(1));

/** A folder that holds a topic, and a way to start on it with faults. */
async function stopped() {
  const disk = new MemoryFileSystem();
  const store = newStore();
  const broker = await open(disk, store);
  await broker.createTopic({ name: "t" });
  await broker.close();
  const faults = new FaultPlan();
  return { store, faults, start: () => open(new FaultyFileSystem(disk, faults), store) };
}

describe("a data folder", () => {
  it("is durable with all the parents that were made for it", async () => {
    const disk = new MemoryFileSystem({ crashModel: true });
    const store = newStore();
    const broker = await open(disk, store, "/a/b/c");
    await broker.createTopic({ name: "t" });
    await broker.produce("t", 0, batchOf(["kept"]), "durable");
    for (let seed = 0; seed < 20; seed++) {
      const crashed = disk.crash(seededRandom(seed));
      await store.close();
      const again = await open(crashed, store, "/a/b/c");
      const position = { topic: "t", partition: 0, offset: 0, maxBytes: 1_000 };
      const [part] = await again.fetch([position], { minBytes: 0, maxWaitMs: 0, maxBytes: 1_000 });
      if (part === undefined || !("chunks" in part)) throw part;
      expect(recordsIn(part.chunks, 0).map(({ value }) => value)).toEqual(["kept"]);
    }
  });
});

describe("a start", () => {
  it("goes on if its name cannot be noted for others", async () => {
    const { faults, start } = await stopped();
    const fault = { action: "fail", code: "ENOSPC" } as const;
    faults.when(["open", "write"], (path) => path.endsWith("holder.json"), fault);
    const broker = await start();
    expect(broker.listTopics().length).toBe(1);
  });

  it("that the metadata store refuses says so, and can be tried again", async () => {
    const { store, start } = await stopped();
    for (const method of ["nextBrokerEpoch", "loadTopics"] as const) {
      const refuse = () => Promise.reject(new StoreFailedError("/data", "read", new Error("EIO")));
      Object.assign(store, { [method]: refuse });
      const error = await start().catch((thrown: unknown) => thrown);
      expect(error).toBeInstanceOf(StartError);
      expect(error).toMatchObject({ reason: "DATA_FOLDER_UNUSABLE" });
      Reflect.deleteProperty(store, method);
    }
    await start();
  });

  it("whose disk refuses to finish a deletion says so, and can be tried again", async () => {
    const { store, faults, start } = await stopped();
    await store.open();
    const [topic] = await store.loadTopics();
    await store.putTopic({ ...topic!, state: "deleting" }, topic!.version);
    await store.close();
    faults.when("rename", (path) => path.endsWith("t-0"), { action: "fail", code: "EIO" });
    await expect(start()).rejects.toBeInstanceOf(StartError);
    faults.heal();
    expect((await start()).listTopics()).toEqual([]);
  });
});
