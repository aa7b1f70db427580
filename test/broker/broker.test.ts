import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { systemRandom } from "../../src/base/index.ts";
import { Broker, type ReadResult } from "../../src/broker/index.ts";
import { MillraceError } from "../../src/errors/index.ts";
import { MemoryFileSystem, NodeFileSystem } from "../../src/fs/index.ts";
import { LevelMetadataStore, MemoryMetadataStore } from "../../src/metadata/index.ts";
import { BatchBuilder, RecordCursor } from "../../src/record/index.ts";

function batchOf(values: readonly string[]): Buffer {
  const builder = new BatchBuilder({ bytesMax: 1_000_000, compression: "none" });
  for (const value of values) builder.append(null, value, 1_000);
  return Buffer.from(builder.build());
}

function valuesOf(read: ReadResult, from: number): string[] {
  const cursor = new RecordCursor();
  const values: string[] = [];
  for (const chunk of read.chunks) {
    for (let at = 0; at < chunk.length; at += chunk.readInt32BE(at + 8) + 12) {
      cursor.reset(chunk, at);
      while (cursor.next()) if (cursor.offset >= from) values.push(String(cursor.value));
    }
  }
  return values;
}

async function readAll(broker: Broker, topic: string, partition = 0): Promise<string[]> {
  const values: string[] = [];
  for (let offset = 0; ; ) {
    const [part] = await broker.fetch([{ topic, partition, offset, maxBytes: 100 }], {
      minBytes: 1,
      maxWaitMs: 0,
      maxBytes: 1_000,
    });
    if (part instanceof MillraceError) throw part;
    if (part!.bytes === 0) return values;
    values.push(...valuesOf(part!, offset));
    offset = part!.nextOffset;
  }
}

const folders: string[] = [];
afterEach(async () => {
  for (const folder of folders.splice(0)) await rm(folder, { recursive: true });
});

async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "millrace-broker-"));
  folders.push(folder);
  return folder;
}

const kinds = {
  memory: async () => {
    const fs = new MemoryFileSystem();
    const metadata = new MemoryMetadataStore(systemRandom);
    return () => Broker.open({ fs, metadata, dataDir: "/data" });
  },
  files: async () => {
    const folder = await temporaryFolder();
    return () =>
      Broker.open({
        fs: new NodeFileSystem(),
        metadata: new LevelMetadataStore({ path: join(folder, "metadata"), random: systemRandom }),
        dataDir: folder,
      });
  },
};

describe.each(Object.entries(kinds))("a broker in %s", (_kind, prepare) => {
  it("reads back what was produced, across a restart", async () => {
    const open = await prepare();
    const first = await open();
    await first.createTopic({ name: "orders", partitionCount: 2, configs: { "segment.bytes": "1024" } });
    const expected: string[] = [];
    for (let i = 0; i < 50; i++) {
      const values = [`a${i}`, `b${i}`];
      expected.push(...values);
      const receipt = await first.produce("orders", 1, batchOf(values), undefined);
      expect(receipt).toMatchObject({
        partition: 1,
        baseOffset: 2 * i,
        recordCount: 2,
        durability: "durable",
      });
    }
    expect(await readAll(first, "orders", 1)).toEqual(expected);
    await first.close();
    const second = await open();
    expect(await readAll(second, "orders", 1)).toEqual(expected);
    expect(second.describeTopic("orders").partitions[1]).toMatchObject({
      highWatermark: 100,
      logStartOffset: 0,
      leaderEpoch: 1,
    });
    await second.produce("orders", 1, batchOf(["z"]), "written");
    // It is readable only once it is durable, which its ack did not wait for.
    const position = { topic: "orders", partition: 1, offset: 100, maxBytes: 1_000 };
    const [last] = await second.fetch([position], { minBytes: 1, maxWaitMs: 10_000, maxBytes: 1_000 });
    expect(valuesOf(last as ReadResult, 100)).toEqual(["z"]);
    await second.trimPartition("orders", 1, 60);
    await expect(readAll(second, "orders", 1)).rejects.toMatchObject({ reason: "OFFSET_OUT_OF_RANGE" });
    await second.deleteTopic("orders");
    expect(second.listTopics()).toEqual([]);
    await second.close();
  });

  it("delivers what comes in whichever microtask after a subscription has looked last", async () => {
    const broker = await (await prepare())();
    await broker.createTopic({ name: "t" });
    for (let delay = 0; delay < 20; delay++) {
      let delivered = 0;
      const sink = {
        room: { take: async () => {}, giveBack: () => {} },
        deliver: (_: unknown, { nextOffset, recordCount, bytes }: ReadResult) => {
          delivered += recordCount;
          return { nextOffset, recordCount, bytes, ready: Promise.resolve() };
        },
        caughtUp: async () => {},
        failed: async () => {},
      };
      await broker.produce("t", 0, batchOf(["a"]), undefined);
      const end = broker.describeTopic("t").partitions[0]!.highWatermark;
      const subscription = broker.subscribe(sink, { maxBytes: 1_000_000 });
      subscription.addCredit(1_000, 1_000_000);
      for (let turn = 0; turn < delay; turn++) await undefined;
      subscription.assign({ topic: "t", partition: 0, assignmentId: 1 }, end - 1);
      for (let turn = 0; turn < 10 && delivered === 0; turn++) {
        await new Promise((resolve) => setImmediate(resolve));
      }
      expect(delivered, `${delay} microtasks`).toBe(1);
      subscription.close();
    }
    await broker.close();
  });

  it("finds the first record at or after a timestamp", async () => {
    const broker = await (await prepare())();
    await broker.createTopic({ name: "t" });
    for (let i = 0; i < 20; i++) {
      const builder = new BatchBuilder({ bytesMax: 1_000_000, compression: "none" });
      for (let j = 0; j < 5; j++) builder.append(null, "v", 1_000 + i * 50 + j * 10);
      await broker.produce("t", 0, Buffer.from(builder.build()), undefined);
    }
    for (const timestampMs of [0, 1_000, 1_005, 1_310, 1_990]) {
      const expected = Math.max(0, Math.ceil((timestampMs - 1_000) / 10));
      expect(await broker.findOffset("t", 0, { timestampMs })).toMatchObject({ offset: expected });
    }
    expect((await broker.findOffset("t", 0, { timestampMs: 1_991 })).offset).toBeUndefined();
    await broker.close();
  });
});
