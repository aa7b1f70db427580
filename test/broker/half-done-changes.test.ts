/** Changes of topics that the disk or the metadata store refuses half-way: what is told, and what holds then. */
import { describe, expect, it } from "vitest";
import { seededRandom } from "../../src/base/index.ts";
import { Broker } from "../../src/broker/index.ts";
import { FaultPlan, FaultyFileSystem, MemoryFileSystem } from "../../src/fs/index.ts";
import {
  MemoryMetadataStore,
  StoreFailedError,
  type TopicMetadata,
  type TopicValues,
} from "../../src/metadata/index.ts";
import { batchOf } from "../log/batches.ts";
import { closedGate } from "../support/gate.ts";
import { ManualClock } from "../support/manual-clock.ts";
import { turn } from "../support/turns.ts";

const ROOT = "/data/partitions";
const FULL = { action: "fail", code: "ENOSPC" } as const;

type Refusal = "before" | "after";

/** A store that refuses the puts of its choice, before they took effect or after. */
class RefusingStore extends MemoryMetadataStore {
  refuses: (topic: TopicValues) => Refusal | undefined = () => undefined;

  override async putTopic(topic: TopicValues, replaces: number | undefined): Promise<TopicMetadata> {
    const refusal = this.refuses(topic);
    if (refusal === "before") throw refused();
    const stored = await super.putTopic(topic, replaces);
    if (refusal === "after") throw refused();
    return stored;
  }
}

const refused = () => new StoreFailedError("/data/metadata", "written", new Error("No space left on device"));

class Rig {
  readonly disk = new MemoryFileSystem();
  readonly store = new RefusingStore(seededRandom(1));
  readonly faults = new FaultPlan();
  broker!: Broker;

  static async start(): Promise<Rig> {
    const rig = new Rig();
    await rig.open();
    return rig;
  }

  async open(): Promise<void> {
    const fs = new FaultyFileSystem(this.disk, this.faults);
    const clock = new ManualClock();
    this.broker = await Broker.open({ fs, metadata: this.store, dataDir: "/data", clock });
  }

  async names(): Promise<string[]> {
    await turn();
    const listed = await this.disk.list(ROOT);
    return listed.filter(({ kind }) => kind === "directory").map(({ name }) => name);
  }

  /** Adds a partition 1 to "t" that the store refuses, and whose folder cannot be taken back. */
  async cutAdditionShort(): Promise<void> {
    this.faults.when("remove", (path) => path.endsWith("t-1"), { action: "fail", code: "EIO" });
    this.store.refuses = () => "before";
    await expect(this.broker.addPartitions("t", 2)).rejects.toThrow();
    this.store.refuses = () => undefined;
  }

  /** Appends to a partition and returns the offset. */
  async produce(partition: number): Promise<number> {
    return (await this.broker.produce("t", partition, batchOf(["v"]), undefined)).baseOffset;
  }
}

describe("partitions that could not be added", () => {
  it.each(["before", "after"] as const)("hold as the store does, which failed %s the write", async (when) => {
    const rig = await Rig.start();
    await rig.broker.createTopic({ name: "t" });
    rig.store.refuses = () => when;
    await expect(rig.broker.addPartitions("t", 2)).rejects.toMatchObject({ reason: "STORAGE_FULL" });
    rig.store.refuses = () => undefined;
    if (when === "before") {
      await expect(rig.produce(1)).rejects.toMatchObject({ reason: "PARTITION_NOT_FOUND" });
      expect(await rig.names()).toEqual(["t-0"]);
      await rig.broker.addPartitions("t", 2);
    }
    expect(await rig.produce(1)).toBe(0);
    await rig.broker.close();
    await rig.open();
    expect(await rig.produce(1)).toBe(1);
    await rig.broker.addPartitions("t", 3);
  });

  it("take no record before the store has them", async () => {
    const rig = await Rig.start();
    await rig.broker.createTopic({ name: "t" });
    const { store } = rig;
    const [isPutting, mayPut] = [closedGate(), closedGate()];
    const put = store.putTopic.bind(store);
    store.putTopic = async (topic, replaces) => {
      isPutting.open();
      await mayPut.opened;
      return put(topic, replaces);
    };
    const adding = rig.broker.addPartitions("t", 2);
    await isPutting.opened;
    await expect(rig.produce(1)).rejects.toMatchObject({ reason: "PARTITION_NOT_FOUND" });
    mayPut.open();
    await adding;
    expect(await rig.produce(1)).toBe(0);
  });

  it("leave folders that the topic takes over later, and no other topic", async () => {
    const rig = await Rig.start();
    await rig.broker.createTopic({ name: "t" });
    await rig.cutAdditionShort();
    expect(await rig.names()).toEqual(["t-0", "t-1"]);
    await rig.broker.addPartitions("t", 2);
    expect(await rig.produce(1)).toBe(0);
  });
});

describe("a topic that could not be created", () => {
  it("for want of space is told so, leaves nothing, and can be created when there is space", async () => {
    const rig = await Rig.start();
    rig.faults.when(["makeDirectory", "open"], (path) => path.startsWith(`${ROOT}/t-1`), FULL);
    const creating = rig.broker.createTopic({ name: "t", partitionCount: 2 });
    await expect(creating).rejects.toMatchObject({ reason: "STORAGE_FULL", effect: "none" });
    expect([await rig.names(), await rig.store.loadTopics()]).toEqual([[], []]);
    rig.faults.heal();
    await rig.broker.createTopic({ name: "t", partitionCount: 2 });
    expect(await rig.produce(1)).toBe(0);
  });

  it("nor taken back is taken back by the next creation of the name", async () => {
    const rig = await Rig.start();
    rig.faults.when("open", (path) => path.startsWith(`${ROOT}/t-0`), FULL);
    rig.faults.when("list", (path) => path === ROOT, { action: "fail", code: "EIO" });
    await expect(rig.broker.createTopic({ name: "t" })).rejects.toMatchObject({
      reason: "STORAGE_FULL",
      effect: "unknown",
    });
    rig.faults.heal();
    await rig.broker.createTopic({ name: "t" });
    expect(await rig.produce(0)).toBe(0);
  });

  it.each(["creating", "active"])(
    "holds as the store does, which failed after it had stored it as %s",
    async (state) => {
      const rig = await Rig.start();
      rig.store.refuses = (topic) => (topic.state === state ? "after" : undefined);
      await expect(rig.broker.createTopic({ name: "t" })).rejects.toMatchObject({ reason: "STORAGE_FULL" });
      rig.store.refuses = () => undefined;
      expect(rig.broker.listTopics().length).toBe(state === "active" ? 1 : 0);
      if (state === "creating") await rig.broker.createTopic({ name: "t" });
      expect(await rig.produce(0)).toBe(0);
    },
  );
});

describe("configs that could not be stored", () => {
  it.each(["before", "after"] as const)(
    "can be set the next time; the store failed %s the write",
    async (when) => {
      const rig = await Rig.start();
      await rig.broker.createTopic({ name: "t" });
      const alter = (value: string) =>
        rig.broker.alterTopicConfig("t", { set: { "retention.ms": value }, reset: [] });
      rig.store.refuses = () => when;
      await expect(alter("1000")).rejects.toMatchObject({ reason: "STORAGE_FULL" });
      rig.store.refuses = () => undefined;
      const isSet = rig.broker.describeTopic("t").configs.some(({ value }) => value === "1000");
      expect(isSet).toBe(when === "after");
      await alter("2000");
      await rig.broker.deleteTopic("t");
    },
  );

  it("because another was faster are told to be tried again, and can be", async () => {
    const rig = await Rig.start();
    await rig.broker.createTopic({ name: "t" });
    const [topic] = await rig.store.loadTopics();
    await rig.store.putTopic(topic!, topic!.version);
    const change = { set: { "retention.ms": "1000" }, reset: [] };
    await expect(rig.broker.alterTopicConfig("t", change)).rejects.toMatchObject({
      reason: "OVERLOADED",
      retry: "same",
      effect: "none",
    });
    await rig.broker.alterTopicConfig("t", change);
  });
});

describe("a topic to be deleted", () => {
  it("goes although the disk has no space for a checkpoint, and leaves a later one nothing", async () => {
    const rig = await Rig.start();
    await rig.broker.createTopic({ name: "t", partitionCount: 2 });
    await rig.produce(0);
    await rig.broker.trimPartition("t", 0, 1);
    rig.faults.writableBytes = 0;
    await rig.broker.deleteTopic("t");
    expect(await rig.names()).toEqual([]);
    await expect(rig.broker.createTopic({ name: "t" })).rejects.toMatchObject({ reason: "STORAGE_FULL" });
    rig.faults.writableBytes = Number.POSITIVE_INFINITY;
    await rig.broker.createTopic({ name: "t" });
    await rig.produce(0);
    await rig.broker.close();
    await rig.open();
    expect(rig.broker.describeTopic("t").partitions[0]).toMatchObject({
      logStartOffset: 0,
      highWatermark: 1,
    });
  });

  it("whose folders cannot be taken away goes with the next change of the name", async () => {
    const rig = await Rig.start();
    await rig.broker.createTopic({ name: "t" });
    rig.faults.when("rename", (path) => path.endsWith("t-0"), FULL);
    await expect(rig.broker.deleteTopic("t")).rejects.toMatchObject({
      reason: "STORAGE_FULL",
      effect: "unknown",
    });
    expect(rig.broker.listTopics()).toEqual([]);
    rig.faults.heal();
    await rig.broker.createTopic({ name: "t" });
    expect(await rig.produce(0)).toBe(0);
  });
});

describe("a topic to be deleted after an addition that was cut short", () => {
  it("takes the folders of the addition with it, and no stranger's", async () => {
    const rig = await Rig.start();
    await rig.broker.createTopic({ name: "t" });
    await rig.cutAdditionShort();
    rig.faults.heal();
    await rig.disk.makeDirectory("/data/partitions/t-7");
    expect(await rig.names()).toEqual(["t-0", "t-1", "t-7"]);
    await rig.broker.deleteTopic("t");
    expect(await rig.names()).toEqual(["t-7"]);
  });
});

describe("changes that wait", () => {
  it("are bounded in number, and are refused once the broker closes", async () => {
    const rig = await Rig.start();
    await rig.broker.createTopic({ name: "t" });
    const creations = Array.from({ length: 300 }, (_, i) => rig.broker.createTopic({ name: `t${i}` }));
    const outcomes = Promise.allSettled(creations);
    await rig.broker.close();
    const reasons = (await outcomes).map((outcome) =>
      outcome.status === "rejected" ? (outcome.reason as { reason: string }).reason : "created",
    );
    expect(reasons.slice(0, 256).filter((reason) => reason === "SHUTTING_DOWN").length).toBeGreaterThan(250);
    expect(new Set(reasons.slice(256))).toEqual(new Set(["OVERLOADED"]));
  });
});

describe("retention", () => {
  it("frees a disk that has no space left at all, again and again", async () => {
    const disk = new MemoryFileSystem();
    const clock = new ManualClock();
    const retentionCheckIntervalMs = 1_000;
    const metadata = new MemoryMetadataStore(seededRandom(1));
    const broker = await Broker.open({
      fs: disk,
      metadata,
      dataDir: "/data",
      clock,
      retentionCheckIntervalMs,
    });
    const configs = { "segment.bytes": "200000", "retention.bytes": "400000", "file.delete.delay.ms": "0" };
    await broker.createTopic({ name: "t", configs });
    disk.capacityBytes = 1_500_000;
    let start = 0;
    for (let round = 0; round < 3; round++) {
      const big = () => batchOf(["x".repeat(50_000)], { timestampsMs: clock.nowMs() });
      const append = () => broker.produce("t", 0, big(), undefined).then(() => true);
      for (let i = 0; i < 100 && (await append().catch(() => false)); i++);
      disk.capacityBytes = disk.usedBytes;
      for (let pass = 0; pass < 3; pass++) {
        clock.advance(retentionCheckIntervalMs);
        await turn();
      }
      const { logStartOffset } = broker.describeTopic("t").partitions[0]!;
      expect(logStartOffset).toBeGreaterThan(start);
      start = logStartOffset;
    }
  });
});

describe("a trim for which there is no space", () => {
  it("changes nothing, now or later", async () => {
    const rig = await Rig.start();
    await rig.broker.createTopic({ name: "t", partitionCount: 2 });
    for (const partition of [0, 1]) await rig.produce(partition);
    const isCheckpoint = (path: string) => path.includes("log-start-offset-checkpoint");
    rig.faults.when("write", isCheckpoint, FULL); // also when the spare is given up
    await expect(rig.broker.trimPartition("t", 0, 1)).rejects.toMatchObject({
      reason: "STORAGE_FULL",
      effect: "none",
    });
    rig.faults.heal();
    expect(await rig.broker.trimPartition("t", 1, 1)).toBe(1);
    await rig.broker.close();
    await rig.open();
    const starts = rig.broker.describeTopic("t").partitions.map(({ logStartOffset }) => logStartOffset);
    expect(starts).toEqual([0, 1]);
  });
});
