import { describe, expect, it } from "vitest";
import { seededRandom } from "../../src/base/index.ts";
import { MemoryFileSystem } from "../../src/fs/index.ts";
import { watch } from "../support/gate.ts";
import { turn } from "../support/turns.ts";
import { JournaledStore } from "./journaled-store.ts";
import { StreamRig, summary } from "./stream-rig.ts";

async function turns(count: number): Promise<void> {
  for (let i = 0; i < count; i++) await turn();
}

describe("the index of a log with flush.mode=written", () => {
  const config = { flushMode: "written", segmentBytes: 300 } as const;

  it("never outlives what it tells of: after a power loss it goes on where the log ends", async () => {
    const fs = new MemoryFileSystem({ crashModel: true });
    const store = new JournaledStore();
    const rig = await StreamRig.open({ fs, store, config });
    await fs.syncDirectory("/");
    await fs.syncDirectory("/log");
    for (let i = 0; i < 10; i++) await rig.append("a", [`${i}`]);
    for (let i = 0; i < 10; i++) await rig.produce([{ key: "p", value: `${i}` }]);
    await rig.log.trim(15);
    await rig.append("c", ["0"]);
    await turns(20);
    const crashed = fs.crash(seededRandom(1), { unsynced: "lost" });
    const logs = rig.logs.movedTo(crashed);
    const again = new StreamRig({ store: await store.after(store.length), config }, logs);
    await again.open();
    expect((await again.read("a")).info).toMatchObject({ firstRevision: 10, lastRevision: 9 });
    expect((await again.read("p")).info).toMatchObject({ firstRevision: 5, lastRevision: 9 });
    expect(logs.line("stream index is not of this log")).toBeUndefined();
    expect(await again.append("a", ["10"], { expected: 9 })).toMatchObject({ firstRevision: 10 });
    await again.close();
  });
});

describe("an index that is left", () => {
  it("ends with what was readable then, whatever producers go on to write", async () => {
    const rig = await StreamRig.open({ config: { segmentBytes: 2_000_000_000 } });
    const write = rig.store.write.bind(rig.store);
    rig.store.write = async (changes) => {
      await turn();
      await write(changes);
    };
    let isDone = false;
    let count = 0;
    const producer = (async () => {
      while (!isDone) {
        await rig.produce([{ key: `k${count++ % 100}`, value: "x" }]);
        await turn();
      }
    })();
    await turns(20);
    const left = watch(rig.index.leave(rig.log));
    await turns(100);
    expect(left.state).toBe("resolved");
    isDone = true;
    await producer;
    rig.openIndex();
    let total = 0;
    for (let i = 0; i < 100; i++) total += ((await rig.read(`k${i}`)).info.lastRevision ?? -1) + 1;
    expect(total).toBe(count);
    await rig.close();
  });
});

describe("an index that is found damaged while it begins", () => {
  it("is built again", async () => {
    const store = new JournaledStore();
    const rig = await StreamRig.open({ store });
    await rig.append("a", ["0"]);
    await turns(5);
    const index = rig.index.find(rig.log)!;
    const get = store.get.bind(store);
    let clears = 0;
    const clear = store.clear.bind(store);
    store.clear = async (from, to) => {
      clears++;
      await clear(from, to);
    };
    store.get = async (key) => {
      const value = await get(key);
      if (key.equals(index.keys.state)) {
        store.get = get;
        index.damaged("met by a reader");
      }
      return value;
    };
    await rig.produce(Array.from({ length: 4_097 }, () => ({ key: "z", value: null })));
    await turns(10);
    expect(clears).toBe(1);
    expect(summary((await rig.read("a")).events)).toEqual(["0:0"]);
    await rig.close();
  });
});
