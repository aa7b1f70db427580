/** Damage to a data folder: what it takes offline, what it leaves alone, and what is never lost by it. */
import { describe, expect, it } from "vitest";
import { seededRandom } from "../../src/base/index.ts";
import { Broker } from "../../src/broker/index.ts";
import { MillraceError } from "../../src/errors/index.ts";
import { FaultPlan, FaultyFileSystem, MemoryFileSystem } from "../../src/fs/index.ts";
import { MemoryMetadataStore } from "../../src/metadata/index.ts";
import { batchOf, recordsIn } from "../log/batches.ts";
import { ManualClock } from "../support/manual-clock.ts";
import { turn } from "../support/turns.ts";

const ROOT = "/data/partitions";
const FIRST_LOG = "00000000000000000000.log";

/** A data folder in memory whose broker is started and stopped by hand. */
class Folder {
  readonly disk = new MemoryFileSystem();
  readonly store = new MemoryMetadataStore(seededRandom(1));
  readonly clock = new ManualClock();
  faults = new FaultPlan();
  broker!: Broker;

  async start(): Promise<void> {
    const fs = new FaultyFileSystem(this.disk, this.faults);
    const intervals = { checkpointIntervalMs: 1_000, retentionCheckIntervalMs: 1_000_000 };
    this.broker = await Broker.open({
      fs,
      metadata: this.store,
      dataDir: "/data",
      clock: this.clock,
      ...intervals,
    });
  }

  async kill(): Promise<void> {
    this.faults.losePower();
    await turn();
    await this.store.close();
    this.faults = new FaultPlan();
  }

  async restart(how: "clean" | "kill"): Promise<void> {
    if (how === "clean") await this.broker.close();
    else await this.kill();
    await this.start();
  }

  /** Lets a checkpoint pass: the recovery points are what is flushed now. */
  async checkpoint(): Promise<void> {
    this.clock.advance(1_000);
    await turn();
  }

  async produce(topic: string, partition: number, values: readonly string[]): Promise<void> {
    const timestampsMs = this.clock.nowMs();
    for (const value of values) {
      await this.broker.produce(topic, partition, batchOf([value], { timestampsMs }), undefined);
    }
  }

  async values(topic: string, partition = 0): Promise<string[]> {
    const { logStartOffset, highWatermark } = this.state(topic, partition);
    const values: string[] = [];
    for (let offset = logStartOffset; offset < highWatermark; ) {
      const position = { topic, partition, offset, maxBytes: 1_000_000 };
      const [part] = await this.broker.fetch([position], { minBytes: 0, maxWaitMs: 0, maxBytes: 1_000_000 });
      if (part instanceof MillraceError) throw part;
      values.push(...recordsIn(part!.chunks, offset).map(({ value }) => value));
      offset = part!.nextOffset;
    }
    return values;
  }

  state(topic: string, partition = 0) {
    return this.broker.describeTopic(topic).partitions[partition]!;
  }

  read(path: string): Promise<Buffer> {
    return this.disk.readFile(`${ROOT}/${path}`, 1_000_000);
  }

  async write(path: string, content: Uint8Array | string): Promise<void> {
    const file = await this.disk.open(`${ROOT}/${path}`, "read-write-or-create");
    await file.truncate(0);
    if (content.length > 0) await file.write([Buffer.from(content)], 0);
    await file.close();
  }

  /** Flips a bit in the middle of a file, and returns what it was. */
  async damage(path: string): Promise<Buffer> {
    const whole = await this.read(path);
    const damaged = Buffer.from(whole);
    damaged[whole.length >> 1]! ^= 1;
    await this.write(path, damaged);
    return whole;
  }
}

async function folderWith(values: readonly string[]): Promise<Folder> {
  const folder = new Folder();
  await folder.start();
  await folder.broker.createTopic({ name: "orders", partitionCount: 2 });
  for (const partition of [0, 1]) await folder.produce("orders", partition, values);
  return folder;
}

const VALUES = ["a", "b", "c"];

describe("damage below the recovery point", () => {
  it.each(["clean", "kill"] as const)("takes its partition offline and no other (%s)", async (how) => {
    const folder = await folderWith(VALUES);
    await folder.checkpoint();
    if (how === "clean") await folder.broker.close();
    else await folder.kill();
    await folder.damage(`orders-0/${FIRST_LOG}`);
    await folder.start();
    expect(folder.state("orders", 0).offlineReason).toBe("LOG_CORRUPT");
    await expect(folder.produce("orders", 0, ["x"])).rejects.toMatchObject({
      reason: "LOG_CORRUPT",
      retry: "never",
    });
    expect(await folder.values("orders", 1)).toEqual(VALUES);
    await folder.produce("orders", 1, ["d"]);
    expect(await folder.values("orders", 1)).toEqual([...VALUES, "d"]);
  });

  it("is never cut, however often the broker starts, and is forgotten when the file is put back", async () => {
    const folder = await folderWith(VALUES);
    await folder.checkpoint();
    await folder.kill();
    const whole = await folder.damage(`orders-0/${FIRST_LOG}`);
    const damaged = await folder.read(`orders-0/${FIRST_LOG}`);
    await folder.start();
    for (const how of ["kill", "clean", "clean", "kill"] as const) {
      await folder.produce("orders", 1, ["d"]);
      await folder.checkpoint();
      await folder.restart(how);
      expect(folder.state("orders", 0).offlineReason).toBe("LOG_CORRUPT");
      expect(await folder.read(`orders-0/${FIRST_LOG}`)).toEqual(damaged);
    }
    await folder.broker.close();
    await folder.write(`orders-0/${FIRST_LOG}`, whole);
    await folder.start();
    expect(await folder.values("orders", 0)).toEqual(VALUES);
    await folder.produce("orders", 0, ["d"]);
  });

  it("leaves a trimmed partition its log start", async () => {
    const folder = await folderWith(VALUES);
    await folder.broker.trimPartition("orders", 0, 2);
    await folder.checkpoint();
    await folder.kill();
    const whole = await folder.damage(`orders-0/${FIRST_LOG}`);
    await folder.start();
    await folder.broker.trimPartition("orders", 1, 1);
    await folder.restart("clean");
    await folder.broker.close();
    await folder.write(`orders-0/${FIRST_LOG}`, whole);
    await folder.start();
    expect([await folder.values("orders", 0), await folder.values("orders", 1)]).toEqual([["c"], ["b", "c"]]);
  });
});

describe("a partition that the disk will not open", () => {
  it("is offline until the next start, and loses nothing by it", async () => {
    const folder = await folderWith(VALUES);
    await folder.broker.trimPartition("orders", 0, 1);
    await folder.broker.close();
    folder.faults.when("open", (path) => path.includes("orders-0/0"), { action: "fail", code: "EMFILE" });
    await folder.start();
    expect(folder.state("orders", 0).offlineReason).toBe("STORAGE_OFFLINE");
    await folder.produce("orders", 1, ["d"]);
    await folder.broker.trimPartition("orders", 1, 1);
    await folder.broker.close();
    folder.faults.heal();
    await folder.start();
    expect(await folder.values("orders", 0)).toEqual(["b", "c"]);
    expect(await folder.values("orders", 1)).toEqual(["b", "c", "d"]);
  });
});

describe("a partition folder", () => {
  it("of another topic is refused", async () => {
    const folder = await folderWith(VALUES);
    await folder.broker.createTopic({ name: "clicks" });
    await folder.broker.close();
    await folder.write("orders-0/partition.metadata", await folder.read("clicks-0/partition.metadata"));
    await folder.start();
    expect(folder.state("orders", 0).offlineReason).toBe("LOG_CORRUPT");
    expect(await folder.values("orders", 1)).toEqual(VALUES);
    await expect(folder.produce("orders", 0, ["x"])).rejects.toThrow(
      /belongs to topic id [0-9a-f]{32}, but orders has/,
    );
  });

  it.each([undefined, "", "version: 0\n", "something else"])(
    "whose partition.metadata is %j gets it anew",
    async (text) => {
      const folder = await folderWith(VALUES);
      const whole = await folder.read("orders-0/partition.metadata");
      await folder.broker.close();
      if (text === undefined) await folder.disk.remove(`${ROOT}/orders-0/partition.metadata`);
      else await folder.write("orders-0/partition.metadata", text);
      await folder.start();
      expect(await folder.values("orders", 0)).toEqual(VALUES);
      expect(await folder.read("orders-0/partition.metadata")).toEqual(whole);
    },
  );

  it("that is missing is told, and the topic can be deleted", async () => {
    const folder = await folderWith(VALUES);
    await folder.broker.close();
    await folder.disk.remove(`${ROOT}/orders-0`);
    await folder.start();
    expect(folder.state("orders", 0).offlineReason).toBe("LOG_CORRUPT");
    await expect(folder.produce("orders", 0, ["x"])).rejects.toThrow(/orders-0 is missing/);
    expect(await folder.values("orders", 1)).toEqual(VALUES);
    await folder.broker.deleteTopic("orders");
    await turn();
    expect((await folder.disk.list(ROOT)).map(({ name }) => name)).not.toContain("orders-1");
  });

  it("of nobody is left alone, also by a topic that would need its name", async () => {
    const folder = await folderWith(VALUES);
    await folder.disk.makeDirectory(`${ROOT}/clicks-0`);
    await folder.write(`clicks-0/${FIRST_LOG}`, "precious");
    await folder.write("notes", "mine");
    for (let attempt = 0; attempt < 2; attempt++) {
      await expect(folder.broker.createTopic({ name: "clicks", partitionCount: 3 })).rejects.toMatchObject({
        reason: "INVALID_REQUEST",
        details: { field: "topic", value: "clicks" },
      });
      await turn();
      expect(String(await folder.read(`clicks-0/${FIRST_LOG}`))).toBe("precious");
      await folder.restart("clean");
    }
    expect((await folder.disk.list(ROOT)).map(({ name }) => name)).toEqual(
      expect.arrayContaining(["clicks-0", "notes", "orders-0", "orders-1"]),
    );
    expect((await folder.disk.list(ROOT)).map(({ name }) => name)).not.toContain("clicks-1");
    await folder.disk.remove(`${ROOT}/clicks-0`);
    await folder.broker.createTopic({ name: "clicks" });
  });
});

describe("a topic whose deletion was interrupted", () => {
  it("costs the others nothing when the next start finishes it", async () => {
    const folder = new Folder();
    await folder.start();
    for (const name of ["a-gone", "kept"])
      await folder.broker.createTopic({ name, configs: { "segment.bytes": "1024" } });
    const big = Array.from({ length: 30 }, (_, i) => `${i} ${"x".repeat(100)}`);
    await folder.produce("kept", 0, big);
    await folder.broker.trimPartition("kept", 0, 20);
    folder.faults.when("rename", (path) => path.endsWith("a-gone-0"), { action: "lose-power" });
    await expect(folder.broker.deleteTopic("a-gone")).rejects.toBeInstanceOf(MillraceError);
    await folder.kill();
    await folder.start();
    expect(folder.broker.listTopics().map(({ name }) => name)).toEqual(["kept"]);
    // The checkpoints written meanwhile must not have lost the topic that was not open yet.
    await folder.restart("kill");
    expect(folder.state("kept")).toMatchObject({ logStartOffset: 20, offlineReason: undefined });
    expect(await folder.values("kept")).toEqual(big.slice(20));
  });

  it("leaves nothing that a topic of the same name would meet", async () => {
    const folder = await folderWith(VALUES);
    await folder.broker.trimPartition("orders", 0, 3);
    await folder.checkpoint();
    await folder.broker.deleteTopic("orders");
    await folder.broker.createTopic({ name: "orders" });
    await folder.produce("orders", 0, ["new"]);
    await folder.restart("kill");
    expect(await folder.values("orders")).toEqual(["new"]);
  });
});

describe("checkpoints", () => {
  const names = ["recovery-point-offset-checkpoint", "log-start-offset-checkpoint"];
  const contents = [
    undefined,
    "",
    "0\n",
    "0\n1\norders 0\n",
    "0\n1\norders 0 x\n",
    "0\n9\norders 0 1\n",
    "\0".repeat(64),
  ];

  it.each(names.flatMap((name) => contents.map((content) => [name, content] as const)))(
    "(%s) that are %j cost a longer start",
    async (name, content) => {
      for (const how of ["clean", "kill"] as const) {
        const folder = await folderWith(VALUES);
        await folder.checkpoint();
        if (how === "clean") await folder.broker.close();
        else await folder.kill();
        if (content === undefined) await folder.disk.remove(`${ROOT}/${name}`);
        else await folder.write(name, content);
        await folder.start();
        for (const partition of [0, 1]) expect(await folder.values("orders", partition)).toEqual(VALUES);
        await folder.produce("orders", 0, ["d"]);
        await folder.restart("clean");
        expect(await folder.values("orders", 0)).toEqual([...VALUES, "d"]);
      }
    },
  );

  it.each(["damaged", undefined])("that lost the log starts (%s) serve what is there", async (content) => {
    const folder = new Folder();
    await folder.start();
    await folder.broker.createTopic({ name: "kept", configs: { "segment.bytes": "1024" } });
    const big = Array.from({ length: 30 }, (_, i) => `${i} ${"x".repeat(100)}`);
    await folder.produce("kept", 0, big);
    await folder.broker.trimPartition("kept", 0, 20);
    await folder.kill();
    if (content === undefined) await folder.disk.remove(`${ROOT}/log-start-offset-checkpoint`);
    else await folder.write("log-start-offset-checkpoint", content);
    await folder.start();
    const { logStartOffset, offlineReason } = folder.state("kept");
    expect(offlineReason).toBeUndefined();
    expect(logStartOffset).toBeGreaterThan(0);
    expect(logStartOffset).toBeLessThanOrEqual(20);
    expect(await folder.values("kept")).toEqual(big.slice(logStartOffset));
  });
});

describe("the mark of a clean stop", () => {
  it("counts for the start right after it only", async () => {
    const folder = await folderWith(VALUES);
    await folder.broker.close();
    const marker = await folder.read("clean-shutdown");
    await folder.start();
    expect((await folder.disk.list(ROOT)).map(({ name }) => name)).not.toContain("clean-shutdown");
    await folder.produce("orders", 0, ["d"]);
    await folder.kill();
    // A removal that was never made durable may be undone by a power loss.
    await folder.write("clean-shutdown", marker);
    const log = await folder.read(`orders-0/${FIRST_LOG}`);
    await folder.write(`orders-0/${FIRST_LOG}`, log.subarray(0, log.length - 1));
    await folder.start();
    expect(folder.state("orders", 0).offlineReason).toBeUndefined();
    expect(await folder.values("orders", 0)).toEqual(VALUES);
  });

  it("is not made while a partition is offline", async () => {
    const folder = await folderWith(VALUES);
    folder.faults.when("datasync", (path) => path.includes("orders-0"), { action: "fail", code: "EIO" }, 1);
    await expect(folder.produce("orders", 0, ["lost"])).rejects.toMatchObject({ reason: "STORAGE_OFFLINE" });
    expect(folder.state("orders", 0)).toMatchObject({ offlineReason: "STORAGE_OFFLINE", highWatermark: 3 });
    expect(await folder.values("orders", 0)).toEqual(VALUES);
    await folder.produce("orders", 1, ["d"]);
    await folder.broker.close();
    expect((await folder.disk.list(ROOT)).map(({ name }) => name)).not.toContain("clean-shutdown");
    await folder.start();
    expect((await folder.values("orders", 0)).slice(0, 3)).toEqual(VALUES);
    expect(await folder.values("orders", 1)).toEqual([...VALUES, "d"]);
  });

  it("that cannot be made costs a longer start, not the stop", async () => {
    const folder = await folderWith(VALUES);
    folder.faults.when("open", (path) => path.includes("clean-shutdown"), { action: "fail", code: "ENOSPC" });
    await folder.broker.close();
    folder.faults.heal();
    await folder.start();
    expect(await folder.values("orders", 0)).toEqual(VALUES);
  });
});
