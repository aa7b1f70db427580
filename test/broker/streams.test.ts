import { describe, expect, it } from "vitest";
import { silentLogger, systemRandom } from "../../src/base/index.ts";
import { Broker } from "../../src/broker/index.ts";
import { logConfigOf } from "../../src/broker/topic-config.ts";
import { MemoryFileSystem, NodeFileSystem } from "../../src/fs/index.ts";
import { LevelMetadataStore, MemoryMetadataStore } from "../../src/metadata/index.ts";
import { type AppendEventsCommand, type IndexStore, LevelIndexStore } from "../../src/stream/index.ts";
import { JournaledStore } from "../stream/journaled-store.ts";
import { event, plainBatch } from "../stream/stream-rig.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { settled, turn } from "../support/turns.ts";

const STREAMS = { configs: { "stream.index": "true" } };

async function open(streamStore?: IndexStore): Promise<Broker> {
  const metadata = new MemoryMetadataStore(systemRandom);
  const store = streamStore === undefined ? {} : { streamStore };
  return Broker.open({ fs: new MemoryFileSystem(), metadata, dataDir: "/data", ...store });
}

function append(broker: Broker, topic: string, stream: string, more: Partial<AppendEventsCommand> = {}) {
  return broker.streams.append({
    topic,
    stream: Buffer.from(stream),
    expected: "any",
    events: [event("x")],
    idempotencyKey: undefined,
    snapshotRevision: undefined,
    missedMax: 0,
    durability: undefined,
    ...more,
  });
}

async function lastRevision(broker: Broker, topic: string, stream: string): Promise<number | undefined> {
  const query = { topic, stream: Buffer.from(stream), direction: "forwards", fromSnapshot: false } as const;
  const reading = await broker.streams.read({ ...query, fromRevision: undefined, maxEvents: undefined });
  return reading.info.lastRevision;
}

const rowsOf = async (store: IndexStore) =>
  (await store.range({ from: Buffer.of(0), to: Buffer.alloc(30, 255), limit: 1_000 })).map(([key]) => key);

describe("a topic with stream.index=true", () => {
  it("may not be compacted, neither from the start nor later", async () => {
    const broker = await open();
    const compacted = { "cleanup.policy": "compact", "stream.index": "true" };
    const refusal = { reason: "INVALID_CONFIG", details: { config: "cleanup.policy", allowed: "delete" } };
    await expect(broker.createTopic({ name: "a", configs: compacted })).rejects.toMatchObject(refusal);
    await expect(
      broker.createTopic({ name: "a", configs: compacted, validateOnly: true }),
    ).rejects.toMatchObject(refusal);
    await broker.createTopic({ name: "a", ...STREAMS });
    const change = { set: { "cleanup.policy": "compact,delete" }, reset: [] };
    await expect(broker.alterTopicConfig("a", change)).rejects.toMatchObject(refusal);
    await broker.createTopic({ name: "b", configs: { "cleanup.policy": "compact" } });
    const set = { "stream.index": "true" };
    await expect(broker.alterTopicConfig("b", { set, reset: [] })).rejects.toMatchObject(refusal);
    await broker.alterTopicConfig("b", { set, reset: ["cleanup.policy"] });
    expect(await append(broker, "b", "s")).toMatchObject({ firstRevision: 0 });
    await broker.close();
  });

  it("is not served where a default for topics would have it compacted, and loses nothing by that", async () => {
    const fs = new MemoryFileSystem();
    const metadata = new MemoryMetadataStore(systemRandom);
    const streamStore = new JournaledStore();
    const start = async (topicDefaults: Record<string, string>) =>
      Broker.open({
        fs,
        metadata,
        dataDir: "/data",
        topicDefaults,
        streamStore: await streamStore.after(streamStore.length),
      });
    const first = await start({});
    await first.createTopic({ name: "orders", ...STREAMS });
    await first.createTopic({ name: "compacted", configs: { "cleanup.policy": "compact" } });
    await append(first, "orders", "s");
    await first.close();
    const refusal = { reason: "INVALID_CONFIG", details: { config: "cleanup.policy", topic: "orders" } };
    await expect(start({ "cleanup.policy": "compact" })).rejects.toMatchObject(refusal);
    await expect(start({ "stream.index": "true" })).rejects.toMatchObject({
      ...refusal,
      details: { topic: "compacted" },
    });
    const again = await start({});
    expect(await lastRevision(again, "orders", "s")).toBe(0);
    await again.alterTopicConfig("orders", { set: { "cleanup.policy": "delete" }, reset: [] });
    await again.close();
    const last = await start({ "cleanup.policy": "compact" });
    expect(await lastRevision(last, "orders", "s")).toBe(0);
    await last.close();
  });

  it("is not cleaned whatever its policy is", () => {
    const compacted = { "cleanup.policy": "compact" };
    expect(logConfigOf(compacted).compacts).toBe(true);
    expect(logConfigOf({ ...compacted, "stream.index": "true" }).compacts).toBe(false);
  });

  it("keeps its partitions, each stream in the one of its key", async () => {
    const broker = await open();
    await broker.createTopic({ name: "a", partitionCount: 4, ...STREAMS });
    for (const stream of ["p", "q", "r", "s", "t"]) {
      const partition = broker.choosePartition("a", Buffer.from(stream));
      expect(await append(broker, "a", stream)).toMatchObject({ partition, firstRevision: 0 });
    }
    await expect(broker.addPartitions("a", 5)).rejects.toMatchObject({
      reason: "INVALID_REQUEST",
      details: { field: "partition_count" },
    });
    await broker.close();
  });

  it("gets its streams when that is switched on, and loses them when it is switched off", async () => {
    const store = new JournaledStore();
    const broker = await open(store);
    await broker.createTopic({ name: "a" });
    await expect(append(broker, "a", "s")).rejects.toMatchObject({ reason: "INVALID_REQUEST" });
    await broker.produce("a", 0, plainBatch([{ key: "s", value: "x" }]), undefined);
    expect(store.length).toBe(0);
    await broker.alterTopicConfig("a", { set: { "stream.index": "true" }, reset: [] });
    expect(await append(broker, "a", "s", { expected: 0 })).toMatchObject({ firstRevision: 1 });
    await broker.alterTopicConfig("a", { set: { "retention.ms": "-1" }, reset: [] });
    expect(await lastRevision(broker, "a", "s")).toBe(1);
    await broker.alterTopicConfig("a", { set: {}, reset: ["stream.index"] });
    await expect(append(broker, "a", "s")).rejects.toMatchObject({ reason: "INVALID_REQUEST" });
    await turn();
    expect(await rowsOf(store)).toEqual([Buffer.from("format")]);
    await broker.alterTopicConfig("a", { set: { "stream.index": "true" }, reset: [] });
    expect(await lastRevision(broker, "a", "s")).toBe(1);
    await broker.close();
  });

  it("leaves nothing in the index when it is deleted, and another of its name begins anew", async () => {
    const store = new JournaledStore();
    const broker = await open(store);
    await broker.createTopic({ name: "a", partitionCount: 2, ...STREAMS });
    for (const stream of ["p", "q", "r"]) await append(broker, "a", stream);
    await broker.deleteTopic("a");
    await turn();
    expect(await rowsOf(store)).toEqual([Buffer.from("format")]);
    await broker.createTopic({ name: "a", ...STREAMS });
    expect(await append(broker, "a", "p", { expected: "none" })).toMatchObject({ firstRevision: 0 });
    await broker.close();
  });

  it("refuses everything once the broker closes", async () => {
    const broker = await open();
    await broker.createTopic({ name: "a", ...STREAMS });
    const closing = broker.close();
    await expect(append(broker, "a", "s")).rejects.toMatchObject({ reason: "SHUTTING_DOWN" });
    await closing;
  });
});

describe("a broker with an index on disk", () => {
  async function openIn(dataDir: string): Promise<Broker> {
    const fs = new NodeFileSystem();
    const metadata = new LevelMetadataStore({ path: `${dataDir}/metadata`, random: systemRandom });
    const streamStore = new LevelIndexStore({ path: `${dataDir}/stream-index`, fs, logger: silentLogger });
    return Broker.open({ fs, metadata, streamStore, dataDir });
  }

  it("makes no folder for it without streams, finds it again, and builds it where it is missing", async () => {
    const dataDir = await temporaryFolder();
    const fs = new NodeFileSystem();
    const hasIndex = async () => (await fs.list(dataDir)).some(({ name }) => name === "stream-index");
    let broker = await openIn(dataDir);
    await broker.createTopic({ name: "plain" });
    expect(await hasIndex()).toBe(false);
    await broker.createTopic({ name: "a", ...STREAMS });
    for (let i = 0; i < 40; i++) await append(broker, "a", "s", { expected: i === 0 ? "none" : i - 1 });
    await broker.close();
    for (const isLost of [false, true]) {
      if (isLost) await fs.remove(`${dataDir}/stream-index`);
      broker = await openIn(dataDir);
      expect(await lastRevision(broker, "a", "s")).toBe(39);
      expect(await lastRevision(broker, "a", "t")).toBeUndefined();
      await broker.close();
    }
  });

  it("forgets topics that were deleted while it had no index open", async () => {
    const store = new JournaledStore();
    const metadata = new MemoryMetadataStore(systemRandom);
    const fs = new MemoryFileSystem();
    const first = await Broker.open({ fs, metadata, dataDir: "/data", streamStore: store });
    await first.createTopic({ name: "a", ...STREAMS });
    await first.createTopic({ name: "b", ...STREAMS });
    for (const topic of ["a", "b"]) await append(first, topic, "s");
    await settled(first.close(), "closing");
    const second = await Broker.open({ fs, metadata, dataDir: "/data", streamStore: new JournaledStore() });
    await second.deleteTopic("a");
    await second.close();
    const before = (await rowsOf(store)).length;
    const third = await Broker.open({ fs, metadata, dataDir: "/data", streamStore: store });
    expect((await rowsOf(store)).length).toBeLessThan(before);
    expect(await lastRevision(third, "b", "s")).toBe(0);
    await third.close();
  });
});
