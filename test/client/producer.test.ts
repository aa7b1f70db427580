import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Client, ConsumedRecord } from "../../src/client/index.ts";
import { TestCluster, valuesOf } from "./test-cluster.ts";

let cluster: TestCluster;
let client: Client;
let topics = 0;

beforeAll(async () => {
  cluster = await TestCluster.start();
  client = await cluster.connect();
});

afterAll(() => cluster.close());

async function newTopic(partitionCount = 1, configs: Record<string, string> = {}): Promise<string> {
  const name = `topic-${topics++}`;
  await client.admin().createTopic({ name, partitionCount, configs });
  return name;
}

async function recordsOf(topic: string): Promise<ConsumedRecord[]> {
  const reader = client.reader();
  await reader.assign([{ topic }]);
  const records: ConsumedRecord[] = [];
  for await (const record of reader.records({ stopAtEnd: true })) records.push(record);
  await reader.close();
  return records;
}

describe("producing", () => {
  it("resolves with where each record is and how safe it is", async () => {
    const topic = await newTopic();
    const producer = client.producer();
    const records = Array.from({ length: 100 }, (_, number) => ({
      value: String(number),
      timestampMs: number,
    }));
    const receipts = await Promise.all(records.map((record) => producer.send(topic, record)));
    expect(receipts).toEqual(
      records.map((_, offset) => ({
        partition: 0,
        offset,
        timestampMs: offset,
        durability: "durable",
        duplicate: false,
      })),
    );
    const { records: count, recordsAcknowledged, batchesSent } = producer.stats;
    expect({ count, recordsAcknowledged }).toEqual({ count: 100, recordsAcknowledged: 100 });
    expect(batchesSent).toBeLessThan(10);
  });

  it("keeps key, value, headers and timestamp as they were, null apart from empty", async () => {
    const topic = await newTopic();
    const producer = client.producer();
    await producer.send(topic, {
      key: "ключ",
      value: Uint8Array.of(1, 2, 3),
      timestampMs: 1_700_000_000_000,
      headers: [
        { key: "h", value: Buffer.from("1") },
        { key: "h", value: null },
        { key: "", value: Buffer.alloc(0) },
      ],
    });
    await producer.send(topic, { key: null, value: null, timestampMs: 5 });
    await producer.send(topic, { key: "", value: "", timestampMs: 5 });
    const [full, nulls, empty] = await recordsOf(topic);
    expect(full).toEqual({
      topic,
      partition: 0,
      offset: 0,
      timestampMs: 1_700_000_000_000,
      key: Buffer.from("ключ"),
      value: Buffer.from([1, 2, 3]),
      headers: [
        { key: "h", value: Buffer.from("1") },
        { key: "h", value: null },
        { key: "", value: Buffer.alloc(0) },
      ],
    });
    expect([nulls!.key, nulls!.value]).toEqual([null, null]);
    expect([empty!.key!.length, empty!.value!.length]).toEqual([0, 0]);
  });

  it("tells the append time where the topic stamps that", async () => {
    const topic = await newTopic(1, { "message.timestamp.type": "LogAppendTime" });
    const before = Date.now();
    const receipt = await client.producer().send(topic, { value: "v", timestampMs: 7 });
    expect(receipt.timestampMs).toBeGreaterThanOrEqual(before);
    const [record] = await recordsOf(topic);
    expect(record!.timestampMs).toBe(receipt.timestampMs);
  });

  it.each(["none", "gzip", "snappy", "lz4"] as const)(
    "reads back what was compressed with %s",
    async (compression) => {
      const topic = await newTopic();
      const producer = client.producer({ compression });
      const values = Array.from({ length: 500 }, (_, number) => `the same words again and again ${number}`);
      for (const value of values) producer.write(topic, { value });
      await producer.flush();
      expect(await valuesOf(client, topic)).toEqual(values);
    },
  );

  it("puts equal keys into one partition, the one that Kafka's clients choose", async () => {
    const topic = await newTopic(6);
    const producer = client.producer();
    // murmur2("21") is -973932308 in the UtilsTest of Kafka's clients
    const [first, again, bytes] = await Promise.all([
      producer.send(topic, { key: "21", value: "1" }),
      producer.send(topic, { key: "21", value: "2" }),
      producer.send(topic, { key: Buffer.from("21"), value: "3" }),
    ]);
    expect(first!.partition).toBe((-973932308 & 0x7fffffff) % 6);
    expect([again!.partition, bytes!.partition]).toEqual([first!.partition, first!.partition]);
  });

  it("fills one partition after another with records without key", async () => {
    const topic = await newTopic(3);
    const producer = client.producer({ batchBytes: 2_048, bufferBytes: 1_048_576 });
    const value = Buffer.alloc(500);
    const receipts = await Promise.all(Array.from({ length: 24 }, () => producer.send(topic, { value })));
    const partitions = receipts.map((receipt) => receipt.partition);
    expect(new Set(partitions)).toEqual(new Set([0, 1, 2]));
    const changes = partitions.filter((partition, at) => at > 0 && partition !== partitions[at - 1]);
    expect(changes.length).toBeLessThan(24 / 2);
  });

  it("obeys the partition of a record and a partitioner of the program", async () => {
    const topic = await newTopic(4);
    expect(await client.producer().send(topic, { partition: 3, value: "v" })).toMatchObject({ partition: 3 });
    const producer = client.producer({
      partitioner: (record, _, count) => String(record.value).length % count,
    });
    expect(await producer.send(topic, { value: "12345" })).toMatchObject({ partition: 1 });
    await expect(producer.send(topic, { partition: 4, value: "v" })).rejects.toMatchObject({
      reason: "PARTITION_NOT_FOUND",
      details: { partitions: "4" },
    });
  });

  it("sends a record that is larger than a batch by itself, and refuses one above the topic's limit", async () => {
    const topic = await newTopic(1, { "max.message.bytes": "100000" });
    const producer = client.producer({ batchBytes: 1_024 });
    const sent = [1, 50_000, 2].map((size) => producer.send(topic, { value: Buffer.alloc(size) }));
    expect((await Promise.all(sent)).map((receipt) => receipt.offset)).toEqual([0, 1, 2]);
    await expect(producer.send(topic, { value: Buffer.alloc(100_000) })).rejects.toMatchObject({
      reason: "BATCH_TOO_LARGE",
      effect: "none",
    });
    expect(() => producer.write(topic, { value: Buffer.alloc(100_000) })).toThrow("100000");
    expect(await producer.send(topic, { value: "still alive" })).toMatchObject({ offset: 3 });
  });

  it("waits with lingerMs for more records, and not when flushed", async () => {
    const topic = await newTopic();
    const producer = client.producer({ lingerMs: 60_000 });
    const sent = producer.send(topic, { value: "v" });
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(producer.stats.batchesSent).toBe(0);
    await producer.flush();
    expect(await sent).toMatchObject({ offset: 0 });
  });

  it("refuses records after it was closed, and closes after sending what it took", async () => {
    const topic = await newTopic();
    const producer = client.producer();
    const sent = producer.send(topic, { value: "v" });
    await producer.close();
    await producer.close();
    expect(await sent).toMatchObject({ offset: 0 });
    await expect(producer.send(topic, { value: "v" })).rejects.toMatchObject({ reason: "CANCELLED" });
    expect(() => producer.write(topic, { value: "v" })).toThrow("closed");
  });

  it("takes options and records that make no sense for mistakes of the program", async () => {
    expect(() => client.producer({ batchBytes: 10 })).toThrow(TypeError);
    expect(() => client.producer({ compression: "brotli" as never })).toThrow('"brotli"');
    expect(() => client.producer({ idempotent: false, maxInFlightBatches: 2 })).toThrow("1 to 1");
    const topic = await newTopic();
    await expect(client.producer().send(topic, { value: 5 as never })).rejects.toThrow(TypeError);
  });
});

describe("a full buffer", () => {
  /** Room for four batches of 1 KiB, and a broker that answers when told to. */
  async function blocked(maxBlockMs: number) {
    const topic = await newTopic();
    let release = () => {};
    const released = new Promise<void>((resolve) => {
      release = resolve;
    });
    cluster.beforeAppend = () => released;
    const producer = client.producer({ batchBytes: 1_024, bufferBytes: 4_096, maxBlockMs });
    const go = () => {
      cluster.beforeAppend = () => {};
      release();
    };
    return { topic, producer, go };
  }

  it("makes send wait for room and go on in order", async () => {
    const { topic, producer, go } = await blocked(60_000);
    const values = Array.from({ length: 60 }, (_, number) => `${number}`.padEnd(200, "."));
    const sent = values.map((value) => producer.send(topic, { value }));
    await new Promise((resolve) => setTimeout(resolve, 30));
    expect(producer.stats.bufferedBytes).toBe(4_096);
    go();
    expect((await Promise.all(sent)).map((receipt) => receipt.offset)).toEqual(values.map((_, at) => at));
    expect(await valuesOf(client, topic)).toEqual(values);
  });

  it("makes send give up with OVERLOADED after maxBlockMs", async () => {
    const { topic, producer, go } = await blocked(50);
    const value = Buffer.alloc(900);
    const sent = Array.from({ length: 5 }, () => producer.send(topic, { value }));
    await expect(sent[4]).rejects.toMatchObject({ reason: "OVERLOADED", effect: "none" });
    await expect(producer.ready()).rejects.toMatchObject({ reason: "OVERLOADED" });
    go();
    expect((await Promise.all(sent.slice(0, 4))).map((receipt) => receipt.offset)).toEqual([0, 1, 2, 3]);
  });

  it("makes write return false, and throw if that is ignored; nothing taken is lost", async () => {
    const { topic, producer, go } = await blocked(60_000);
    const taken: string[] = [];
    const fill = () => {
      for (let number = 0; ; number++) {
        const value = `${number}`.padEnd(300, ".");
        producer.write(topic, { value });
        taken.push(value);
      }
    };
    go();
    await producer.send(topic, { value: "first" });
    expect(producer.write(topic, { value: "second" })).toBe(true);
    cluster.beforeAppend = () => new Promise((resolve) => setTimeout(resolve, 100));
    expect(fill).toThrow("await ready()");
    await producer.ready();
    await producer.flush();
    expect(await valuesOf(client, topic)).toEqual(["first", "second", ...taken]);
    cluster.beforeAppend = () => {};
  });
});
