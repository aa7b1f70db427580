import { beforeEach, describe, expect, it } from "vitest";
import { MillraceError } from "../../src/errors/index.ts";
import { millrace } from "../../src/gen/millrace.js";
import { RecordCursor } from "../../src/record/index.ts";
import { FakeBroker } from "./fake-broker.ts";
import { batchOf, connect, latch, log, startServer, type TestClient } from "./harness.ts";

const bytes = (text: string) => Buffer.from(text);

describe("Produce", () => {
  let broker: FakeBroker;
  let client: TestClient;

  beforeEach(async () => {
    broker = new FakeBroker();
    await broker.createTopic({ name: "flights", partitionCount: 6 });
    client = connect(await startServer(broker));
  });

  it("appends an encoded batch as it came and answers with its receipt", async () => {
    const batch = batchOf("a", "b");
    const { receipt } = await client.call(log.produce, { topic: "flights", partition: 2, batch });
    const { Durability } = millrace.v1;
    expect(receipt).toMatchObject({
      partition: 2,
      recordCount: 2,
      durability: Durability.DURABILITY_DURABLE,
    });
    expect(receipt!.timestampMs).toBe(1_700_000_000_000);
    const stored = broker.topics.get("flights")!.partitions[2]![0]!;
    expect(stored.subarray(17)).toEqual(batch.subarray(17));
  });

  it("honours the durability asked for", async () => {
    const { DURABILITY_WRITTEN } = millrace.v1.Durability;
    const request = { topic: "flights", partition: 0, batch: batchOf("a"), durability: DURABILITY_WRITTEN };
    expect((await client.call(log.produce, request)).receipt!.durability).toBe(DURABILITY_WRITTEN);
  });

  it("makes one batch of structured records with nulls, headers and timestamps", async () => {
    const records = [
      { key: bytes("k"), value: bytes("v"), timestampMs: 5, offset: 99 },
      { key: bytes("k") },
      {
        key: bytes("k"),
        value: Buffer.alloc(0),
        headers: [{ key: "h", value: bytes("1") }, { key: "h" }, { key: "", value: Buffer.alloc(0) }],
        timestampMs: 0,
      },
    ];
    const before = Date.now();
    const { receipt } = await client.call(log.produce, {
      topic: "flights",
      partition: 1,
      records: { records },
    });
    expect(receipt!.recordCount).toBe(3);
    const cursor = new RecordCursor();
    cursor.reset(broker.topics.get("flights")!.partitions[1]![0]!);
    const read = [];
    while (cursor.next())
      read.push([cursor.timestampMs, cursor.value?.toString() ?? null, cursor.headers.length]);
    expect(read).toEqual([
      [5, "v", 0],
      [expect.any(Number), null, 0],
      [0, "", 3],
    ]);
    expect(read[1]![0]).toBeGreaterThanOrEqual(before);
  });

  it("chooses the partition of structured records by their key as Kafka does", async () => {
    const records = { records: [{ key: bytes("SEA") }, { key: bytes("SEA") }] };
    const { receipt } = await client.call(log.produce, { topic: "flights", records });
    expect(receipt!.partition).toBe(broker.choosePartition("flights", bytes("SEA")));
    const keyless = await client.call(log.produce, { topic: "flights", records: { records: [{}, {}] } });
    expect(keyless.receipt!.recordCount).toBe(2);
  });

  const one = { records: [{ value: bytes("v") }] };
  it.each([
    ["no payload", { topic: "flights", partition: 0 }, "payload"],
    ["no records", { topic: "flights", partition: 0, records: {} }, "the number of records"],
    ["a batch without a partition", { topic: "flights", batch: batchOf("a") }, "partition"],
    ["a negative partition", { topic: "flights", partition: -1, records: one }, "partition"],
    ["an unknown durability", { topic: "flights", partition: 0, records: one, durability: 7 }, "durability"],
    ["no topic", { partition: 0, records: one }, "topic"],
    ["a topic with a path in it", { topic: "../etc", partition: 0, records: one }, "topic"],
    ["a topic named ..", { topic: "..", partition: 0, records: one }, "topic"],
    ["a topic with control characters", { topic: "a\n\u0000", partition: 0, records: one }, "topic"],
    ["a topic of 250 characters", { topic: "t".repeat(250), partition: 0, records: one }, "topic"],
    [
      "different keys without a partition",
      { topic: "flights", records: { records: [{ key: bytes("a") }, { key: bytes("b") }] } },
      "partition",
    ],
    [
      "keyed and keyless records without a partition",
      { topic: "flights", records: { records: [{}, { key: bytes("b") }] } },
      "partition",
    ],
    [
      "a negative timestamp",
      { topic: "flights", partition: 0, records: { records: [{}, { timestampMs: -1 }] } },
      "records[1].timestamp_ms",
    ],
    [
      "a multitude of headers",
      { topic: "flights", partition: 0, records: { records: [{}, { headers: new Array(1_001).fill({}) }] } },
      "the number of records[1].headers",
    ],
    [
      "a header name that is too long",
      { topic: "flights", partition: 0, records: { records: [{ headers: [{ key: "h".repeat(32_768) }] }] } },
      "records[0].headers.key",
    ],
  ])("refuses %s and reaches no broker", async (_, request, field) => {
    const error = await client.failure(log.produce, request as millrace.v1.IProduceRequest);
    expect(error).toMatchObject({ reason: "INVALID_REQUEST", effect: "none", details: { field } });
    expect(error.details.allowed).toBeTruthy();
    expect(broker.produced).toBe(0);
  });

  it("answers with the broker's error, details included", async () => {
    const error = await client.failure(log.produce, { topic: "nope", partition: 0, batch: batchOf("a") });
    expect(error).toMatchObject({ reason: "TOPIC_NOT_FOUND", retry: "refresh", details: { topic: "nope" } });
    const damaged = batchOf("abc");
    damaged[70]! ^= 1;
    const checksum = await client.failure(log.produce, { topic: "flights", partition: 0, batch: damaged });
    expect(checksum.reason).toBe("CHECKSUM_MISMATCH");
  });

  it("hides a defect behind INTERNAL", async () => {
    broker.beforeAck = () => {
      throw new TypeError("undefined is not a function");
    };
    const error = await client.failure(log.produce, { topic: "flights", partition: 0, batch: batchOf("a") });
    expect(error).toMatchObject({ reason: "INTERNAL", effect: "unknown" });
  });

  it("refuses records that make too large a batch for any topic", async () => {
    const records = Array.from({ length: 4 }, () => ({ value: Buffer.alloc(900_000) }));
    const error = await client.failure(log.produce, { topic: "flights", partition: 0, records: { records } });
    expect(error).toMatchObject({ reason: "BATCH_TOO_LARGE", effect: "none" });
  });

  it("answers bytes that are not protobuf with INVALID_REQUEST", async () => {
    const raw = { ...log.produce, requestSerialize: (value: Buffer) => value };
    const outer = await client.failure(raw, Buffer.from([0x0a, 0xff]));
    expect(outer).toMatchObject({ reason: "INVALID_REQUEST", details: { field: "request" } });
    const topic = [0x0a, 7, ...bytes("flights"), 0x10, 0];
    const inner = await client.failure(raw, Buffer.from([...topic, 0x1a, 4, 0x0a, 9, 1, 2]));
    expect(inner).toMatchObject({ reason: "INVALID_REQUEST", details: { field: "records" } });
    expect(broker.produced).toBe(0);
  });

  it("refuses with OVERLOADED, and a time to come back, what exceeds the budget of all calls together", async () => {
    const held = latch();
    broker.beforeAck = () => held.opened;
    const small = connect(await startServer(broker, { produceBytesMax: 1_000 }));
    const batch = batchOf(Buffer.alloc(600));
    const first = small.call(log.produce, { topic: "flights", partition: 0, batch });
    await expect.poll(() => broker.produced).toBe(1);
    const error = await small.failure(log.produce, { topic: "flights", partition: 0, batch });
    expect(error).toBeInstanceOf(MillraceError);
    expect(error).toMatchObject({ reason: "OVERLOADED", effect: "none", retryDelayMs: 200 });
    held.open();
    await first;
    broker.beforeAck = () => {};
    await small.call(log.produce, { topic: "flights", partition: 0, batch });
    expect(broker.produced).toBe(2);
  });

  it("charges the budget the frame that a small batch keeps, not the batch", async () => {
    const small = connect(await startServer(broker, { produceBytesMax: 1_000 }));
    const request = millrace.v1.ProduceRequest.encode({
      topic: "flights",
      partition: 0,
      batch: batchOf("a"),
    });
    const unknownField = Buffer.concat([Buffer.from([0xf2, 0x3f, 0xe8, 0x07]), Buffer.alloc(1_000)]);
    const raw = { ...log.produce, requestSerialize: (frame: Buffer) => frame };
    const error = await small.failure(raw, Buffer.concat([request.finish(), unknownField]));
    expect(error).toMatchObject({ reason: "OVERLOADED", effect: "none" });
    await small.call(raw, Buffer.from(request.finish()));
    expect(broker.produced).toBe(1);
  });
});
