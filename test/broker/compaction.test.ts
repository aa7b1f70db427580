/** Compaction as a broker runs it: configs, rounds, the checkpoint, and what readers of a compacted topic are told. */
import { describe, expect, it } from "vitest";
import { seededRandom } from "../../src/base/index.ts";
import { Broker, type BrokerOptions } from "../../src/broker/index.ts";
import type { Assignment, ReadResult, SubscriptionSink } from "../../src/broker/types.ts";
import { MillraceError } from "../../src/errors/index.ts";
import {
  FaultPlan,
  FaultyFileSystem,
  type FileHandle,
  type FileSystem,
  MemoryFileSystem,
  type OpenMode,
} from "../../src/fs/index.ts";
import { MemoryMetadataStore } from "../../src/metadata/index.ts";
import { keyed, keyedBatch, keyedIn, textOf } from "../log/compaction-rig.ts";
import { ManualClock } from "../support/manual-clock.ts";
import { settled, turn } from "../support/turns.ts";

const INTERVAL_MS = 15_000;
const COMPACT = { "cleanup.policy": "compact", "segment.bytes": "1024", "min.cleanable.dirty.ratio": "0" };
const CHECKPOINT = "/data/partitions/cleaner-offset-checkpoint";

/** A disk whose reads may take time. */
class SlowDisk extends MemoryFileSystem {
  onRead: () => void = () => undefined;

  override async open(path: string, mode: OpenMode): Promise<FileHandle> {
    const handle = await super.open(path, mode);
    const read = handle.read.bind(handle);
    handle.read = (target, targetOffset, length, position) => {
      this.onRead();
      return read(target, targetOffset, length, position);
    };
    return handle;
  }
}

/** A broker in memory that can be started again, and the time that it lives in. */
class World {
  readonly clock = new ManualClock();
  readonly plan = new FaultPlan();
  readonly disk = new SlowDisk();
  readonly fs: FileSystem = new FaultyFileSystem(this.disk, this.plan);
  readonly lines: string[] = [];
  readonly #metadata = new MemoryMetadataStore(seededRandom(1));
  #broker: Broker | undefined;

  async start(options: Partial<BrokerOptions> = {}): Promise<Broker> {
    const note = (_fields: unknown, text: string) => void this.lines.push(text);
    this.#broker = await Broker.open({
      fs: this.fs,
      metadata: this.#metadata,
      dataDir: "/data",
      clock: this.clock,
      random: seededRandom(1),
      // What was appended lately would be served from there, as it was.
      cacheBytes: 0,
      logger: { info: note, warn: note, error: note },
      ...options,
    });
    return this.#broker;
  }

  get broker(): Broker {
    return this.#broker!;
  }

  async append(topic: string, ...texts: readonly string[]): Promise<void> {
    await this.broker.produce(topic, 0, keyedBatch(keyed(...texts)), undefined);
  }

  /** Fills segments with records of a few keys. */
  async fill(topic: string, count: number): Promise<void> {
    for (let i = 0; i < count; i++) await this.append(topic, `a=${i}`, `b${i % 2}=${"v".repeat(100)}`);
  }

  /** One round, to its end. */
  async round(): Promise<void> {
    this.clock.advance(INTERVAL_MS);
    for (let turns = 0; turns < 50; turns++) await turn();
  }

  async texts(topic: string): Promise<string[]> {
    const texts: string[] = [];
    for (let offset = 0; ; ) {
      const [part] = await this.broker.fetch([{ topic, partition: 0, offset, maxBytes: 500 }], {
        minBytes: 1,
        maxWaitMs: 0,
        maxBytes: 500,
      });
      if (part === undefined || part instanceof MillraceError) throw part;
      if (part.nextOffset === offset) return texts;
      texts.push(
        ...keyedIn(part.chunks)
          .filter((found) => found.offset >= offset)
          .map(textOf),
      );
      offset = part.nextOffset;
    }
  }

  async file(path: string): Promise<string> {
    return String(await this.fs.readFile(path, 10_000));
  }
}

describe("the configs of compaction", () => {
  it.each([
    ["cleanup.policy", "delete"],
    ["cleanup.policy", "compact"],
    ["cleanup.policy", "compact,delete"],
    ["cleanup.policy", "delete,compact"],
    ["min.cleanable.dirty.ratio", "0"],
    ["min.cleanable.dirty.ratio", "0.25"],
    ["min.cleanable.dirty.ratio", "1"],
    ["delete.retention.ms", "0"],
    ["min.compaction.lag.ms", "9223372036854775807"],
    ["max.compaction.lag.ms", "1"],
  ])("may be %s=%s", async (name, value) => {
    const broker = await new World().start();
    const topic = await broker.createTopic({ name: "t", configs: { [name]: value } });
    expect(topic.configs).toContainEqual({ name, value, isSet: true });
    await broker.close();
  });

  it.each([
    ["cleanup.policy", "compact,compact"],
    ["cleanup.policy", "compact, delete"],
    ["cleanup.policy", ""],
    ["min.cleanable.dirty.ratio", "1.1"],
    ["min.cleanable.dirty.ratio", "-0.5"],
    ["min.cleanable.dirty.ratio", "half"],
    ["delete.retention.ms", "-1"],
    ["max.compaction.lag.ms", "0"],
  ])("may not be %s=%s", async (name, value) => {
    const broker = await new World().start();
    const refused = broker.createTopic({ name: "t", configs: { [name]: value } });
    await expect(refused).rejects.toMatchObject({
      reason: "INVALID_CONFIG",
      details: { config: name, value },
    });
    await broker.close();
  });

  it("refuse records without a key as soon as they hold", async () => {
    const world = new World();
    const broker = await world.start();
    await broker.createTopic({ name: "t" });
    await world.append("t", "=1");
    await broker.alterTopicConfig("t", { set: { "cleanup.policy": "compact" }, reset: [] });
    await expect(world.append("t", "=2")).rejects.toMatchObject({
      reason: "INVALID_BATCH",
      details: { field: "key" },
    });
    await broker.alterTopicConfig("t", { set: {}, reset: ["cleanup.policy"] });
    await world.append("t", "=3");
    expect(await world.texts("t")).toEqual(["0:=1", "1:=3"]);
    await broker.close();
  });
});

describe("a broker", () => {
  it("compacts topics in rounds, and goes on where it was after a restart", async () => {
    const world = new World();
    const broker = await world.start();
    await broker.createTopic({ name: "t", configs: COMPACT });
    await broker.createTopic({ name: "kept", configs: { "segment.bytes": "1024" } });
    await world.fill("t", 40);
    await world.fill("kept", 40);
    await world.round();
    const texts = await world.texts("t");
    expect(texts.length).toBeLessThan(20);
    expect(await world.texts("kept")).toHaveLength(80);
    const [, , row] = (await world.file(CHECKPOINT)).split("\n");
    expect(row).toMatch(/^t 0 \d+$/);
    const cleanings = world.lines.filter((line) => line === "cleaned a log").length;
    await broker.close();

    await world.start();
    await world.round();
    expect(world.lines.filter((line) => line === "cleaned a log")).toHaveLength(cleanings);
    expect(await world.texts("t")).toEqual(texts);
    await world.fill("t", 40);
    await world.round();
    expect((await world.texts("t")).length).toBeLessThan(20);
    await world.broker.close();
  });

  it.each(["", "damaged"])("cleans again what a lost checkpoint (%j) would say of", async (content) => {
    const world = new World();
    await (await world.start()).createTopic({ name: "t", configs: COMPACT });
    await world.fill("t", 40);
    await world.round();
    await world.broker.close();
    const texts = async () => (await world.texts("t")).join();
    const file = await world.fs.open(CHECKPOINT, "read-write");
    await file.truncate(0);
    await file.write([Buffer.from(content)], 0);
    await file.close();
    await world.start();
    const before = await texts();
    world.lines.length = 0;
    await world.round();
    expect(world.lines).toContain("cleaned a log");
    expect(await texts()).toBe(before);
    await world.broker.close();
  });

  it("forgets a deleted topic: another of its name is cleaned from its first record on", async () => {
    const world = new World();
    await (await world.start()).createTopic({ name: "t", configs: COMPACT });
    await world.fill("t", 40);
    await world.round();
    await world.broker.deleteTopic("t");
    expect(await world.file(CHECKPOINT)).toBe("0\n0\n");
    await world.broker.createTopic({ name: "t", configs: COMPACT });
    await world.fill("t", 20);
    await world.round();
    expect((await world.texts("t")).length).toBeLessThan(15);
    await world.broker.close();
  });

  it("cleans the others when one log is damaged, and does not try that one again", async () => {
    const world = new World();
    const broker = await world.start();
    for (const name of ["bad", "good"]) {
      await broker.createTopic({ name, configs: COMPACT });
      await world.fill(name, 40);
    }
    const path = "/data/partitions/bad-0/00000000000000000000.log";
    const file = await world.fs.open(path, "read-write");
    await file.write([Buffer.from("!")], 200);
    await file.close();
    await world.round();
    await world.round();
    expect((await world.texts("good")).length).toBeLessThan(20);
    expect(world.lines.filter((line) => line === "partition not cleaned")).toHaveLength(1);
    await world.append("bad", "a=more");
    await broker.close();
  });

  it("stops cleaning on a full disk, and tries again later", async () => {
    const world = new World();
    const broker = await world.start();
    for (const name of ["one", "two"]) {
      await broker.createTopic({ name, configs: COMPACT });
      await world.fill(name, 40);
    }
    world.plan.when("write", (path) => path.endsWith(".cleaned"), { action: "fail", code: "ENOSPC" }, 1);
    await world.round();
    expect(world.lines.filter((line) => line === "partition not cleaned")).toHaveLength(1);
    expect(await world.texts("one")).toHaveLength(80);
    await world.append("one", "a=more");
    await world.round();
    for (const name of ["one", "two"]) expect((await world.texts(name)).length).toBeLessThan(20);
    await broker.close();
  });

  it("closes at once while it cleans, and a topic may be deleted meanwhile", async () => {
    const world = new World();
    const broker = await world.start();
    for (const name of ["one", "two"]) {
      await broker.createTopic({ name, configs: COMPACT });
      await world.fill(name, 400);
    }
    world.clock.advance(INTERVAL_MS);
    await turn();
    await settled(broker.deleteTopic("one"), "the deletion");
    await settled(broker.close(), "closing");
    const names = (await world.fs.list("/data/partitions/two-0")).map(({ name }) => name);
    expect(names.filter((name) => /cleaned|swap/.test(name))).toEqual([]);
  });

  it("rests between pieces, so that cleaning takes no more than its share of the time", async () => {
    const world = new World();
    const broker = await world.start({ cleanerTimeShareMax: 0.5 });
    await broker.createTopic({ name: "t", configs: { ...COMPACT, "segment.bytes": "100000" } });
    await world.fill("t", 1_000);
    let workedMs = 0;
    world.disk.onRead = () => {
      workedMs += 4;
      world.clock.advance(4);
    };
    world.clock.advance(INTERVAL_MS);
    let restedMs = 0;
    for (; restedMs < 1_000 && !world.lines.includes("cleaned a log"); restedMs++) {
      for (let turns = 0; turns < 10; turns++) await turn();
      // Whatever goes on without time has done so: it rests.
      world.clock.advance(1);
    }
    expect(world.lines).toContain("cleaned a log");
    expect(restedMs / workedMs).toBeGreaterThan(0.8);
    expect(restedMs / workedMs).toBeLessThan(1.3);
    await broker.close();
  });
});

describe("a subscription to a compacted topic", () => {
  /** Takes everything, and notes it. */
  class Sink implements SubscriptionSink {
    readonly room = { take: async () => {}, giveBack: () => {} };
    readonly texts: string[] = [];
    readonly charges: number[] = [];
    readonly caughtUpAt: number[] = [];

    deliver(_assignment: Assignment, read: ReadResult) {
      this.texts.push(
        ...keyedIn(read.chunks)
          .filter(({ offset }) => offset >= read.offset)
          .map(textOf),
      );
      this.charges.push(read.recordCount);
      const { nextOffset, recordCount, bytes } = read;
      return { nextOffset, recordCount, bytes, ready: Promise.resolve() };
    }

    async caughtUp(_assignment: Assignment, highWatermark: number): Promise<void> {
      this.caughtUpAt.push(highWatermark);
    }

    async failed(_assignment: Assignment, error: MillraceError): Promise<void> {
      throw error;
    }
  }

  it("goes over offsets without records, charges what there is, and catches up", async () => {
    const world = new World();
    const broker = await world.start();
    await broker.createTopic({ name: "t", configs: COMPACT });
    await world.fill("t", 60);
    await world.round();
    const texts = await world.texts("t");
    const [first] = await broker.fetch([{ topic: "t", partition: 0, offset: 0, maxBytes: 1 }], {
      minBytes: 1,
      maxWaitMs: 0,
      maxBytes: 1,
    });
    expect(first).toMatchObject({ recordCount: 0, bytes: 61 });
    for (const [from, credit] of [
      [0, 1_000],
      [0, 1],
      [3, 2],
    ] as const) {
      const sink = new Sink();
      const subscription = broker.subscribe(sink, { maxBytes: 200 });
      subscription.assign({ topic: "t", partition: 0, assignmentId: 1 }, from);
      for (let turns = 0; turns < 200 && sink.caughtUpAt.length === 0; turns++) {
        subscription.addCredit(credit, 1_000);
        await turn();
      }
      expect(sink.caughtUpAt).toEqual([120]);
      expect(sink.texts).toEqual(texts);
      const charged = sink.charges.reduce((sum, count) => sum + count, 0);
      expect(charged).toBe(texts.length);
      subscription.close();
    }
    await broker.close();
  });

  it("is delivered no more batches than reach its credit, by the records that they still have", async () => {
    const world = new World();
    const broker = await world.start();
    await broker.createTopic({ name: "t", configs: COMPACT });
    for (let i = 0; i < 8; i++) await world.append("t", `k${i}=1`, `same=${i}`, `same=${i}`);
    await world.fill("t", 30);
    await world.round();
    const sink = new Sink();
    const subscription = broker.subscribe(sink, { maxBytes: 1_000 });
    subscription.assign({ topic: "t", partition: 0, assignmentId: 1 }, 0);
    subscription.addCredit(3, 1_000_000);
    for (let turns = 0; turns < 20; turns++) await turn();
    expect(sink.texts).toEqual(["0:k0=1", "3:k1=1", "6:k2=1"]);
    subscription.close();
    await broker.close();
  });
});
