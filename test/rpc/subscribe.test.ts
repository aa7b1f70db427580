import { beforeEach, describe, expect, it } from "vitest";
import { millrace } from "../../src/gen/millrace.js";
import { BatchBuilder, iterateBatches } from "../../src/record/index.ts";
import type { RpcServer } from "../../src/rpc/index.ts";
import { messageToError } from "../../src/wire/index.ts";
import { FakeBroker } from "./fake-broker.ts";
import { batchOf, connect, log, startServer, type TestClient, until } from "./harness.ts";
import { unfoldingBatch } from "./unfolding-batch.ts";
import { framed, rawCall, rawSession, rawStatus } from "./raw-http2.ts";

const { RECORD_FORMAT_BATCHES, RECORD_FORMAT_RECORDS } = millrace.v1.RecordFormat;
const { SubscribeRequest } = millrace.v1;
type Command = millrace.v1.SubscribeRequest.$Properties;

const start: Command = { start: { format: RECORD_FORMAT_BATCHES } };
const assign = (offset = 0, assignmentId = 1): Command => ({
  assign: { topic: "t", partition: 0, offset, assignmentId },
});
const credit = (records: number, bytes = 1 << 30): Command => ({ credit: { records, bytes } });

describe("Subscribe", () => {
  let broker: FakeBroker;
  let server: RpcServer;
  let client: TestClient;

  beforeEach(async () => {
    broker = new FakeBroker();
    await broker.createTopic({ name: "t" });
    server = await startServer(broker, { stallTimeoutMs: 300 });
    client = connect(server);
  });

  function open(...commands: Command[]) {
    const stream = client.stream(log.subscribe);
    for (const command of commands) stream.send(command);
    return stream;
  }

  it("delivers stored batches as they are, then says that it caught up", async () => {
    await broker.produce("t", 0, batchOf("a", "b"), undefined);
    await broker.produce("t", 0, batchOf("c"), undefined);
    const stream = open(start, assign(1, 42), credit(100));
    const [first, second] = await stream.take(2);
    const { delivery } = first!;
    expect(delivery).toMatchObject({ topic: "t", assignmentId: 42, highWatermark: 3, nextOffset: 3 });
    expect(delivery!.batches).toEqual(Buffer.concat(broker.topics.get("t")!.partitions[0]!));
    expect([delivery!.chargedRecords, delivery!.chargedBytes]).toEqual([2, delivery!.batches!.length]);
    expect(second!.caughtUp).toMatchObject({ topic: "t", assignmentId: 42, highWatermark: 3 });
    await broker.produce("t", 0, batchOf("d"), undefined);
    expect((await stream.next())!.delivery!.nextOffset).toBe(4);
  });

  it("delivers structured records from the offset asked for, by default", async () => {
    await broker.produce("t", 0, batchOf("a", "b", "c"), undefined);
    const stream = open({ start: { format: RECORD_FORMAT_RECORDS } }, assign(1), credit(100));
    const { delivery } = (await stream.next())!;
    expect(delivery!.records!.map((record) => [record.offset, String(record.value)])).toEqual([
      [1, "b"],
      [2, "c"],
    ]);
    expect(delivery!.chargedRecords).toBe(2);
    expect(delivery!.batches).toHaveLength(0);
  });

  it("splits structured records that are too many for one message, and charges them once", async () => {
    const builder = new BatchBuilder({ bytesMax: 1_048_588, compression: "none" });
    while (builder.append(null, null, 1_700_000_000_000));
    const batch = builder.build();
    await broker.produce("t", 0, Buffer.from(batch), undefined);
    const count = builder.recordCount;
    const stream = open({ start: {} }, assign(), credit(1));
    let records = 0;
    const charges = [];
    while (records < count) {
      const { delivery } = (await stream.next())!;
      expect(delivery!.records![0]!.offset).toBe(records);
      records += delivery!.records!.length;
      expect(delivery!.nextOffset).toBe(records);
      charges.push([delivery!.chargedRecords, delivery!.chargedBytes]);
    }
    expect(records).toBe(count);
    expect(charges).toEqual([[count, batch.length], ...charges.slice(1).map(() => [0, 0])]);
  });

  it("delivers nothing without credit, and goes on when some is added", async () => {
    for (const value of ["a", "b", "c"]) await broker.produce("t", 0, batchOf(value), undefined);
    const stream = open({ start: { format: RECORD_FORMAT_BATCHES, maxBytes: 1 } }, assign());
    await until(() => broker.subscriptions.size === 1);
    await new Promise((resolve) => setTimeout(resolve, 20));
    const [subscription] = broker.subscriptions;
    expect(subscription!.delivered).toBe(0);
    stream.send(credit(2));
    await stream.take(2);
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(subscription!.delivered).toBe(2);
    stream.send(credit(0, 0));
    stream.send(credit(1));
    expect((await stream.next())!.delivery!.nextOffset).toBe(3);
  });

  it("tells the failure of one partition and goes on with the others", async () => {
    await broker.produce("t", 0, batchOf("a"), undefined);
    const stream = open(start, { assign: { topic: "gone", partition: 0, assignmentId: 7 } }, assign(9, 8));
    const failures = (await stream.take(2)).map(({ failure }) => failure!);
    expect(failures.map(({ assignmentId }) => assignmentId)).toEqual([7, 8]);
    expect(failures.map(({ error }) => messageToError(error!).reason)).toEqual([
      "TOPIC_NOT_FOUND",
      "OFFSET_OUT_OF_RANGE",
    ]);
    expect(messageToError(failures[1]!.error!).details).toMatchObject({ high_watermark: "1" });
    stream.send(assign(0, 9));
    stream.send(credit(1));
    expect((await stream.next())!.delivery!.assignmentId).toBe(9);
  });

  it("ends an assignment at a record that structured form cannot carry, after those before it", async () => {
    await broker.produce("t", 0, batchOf("a"), undefined);
    await broker.produce("t", 0, unfoldingBatch(3 * 1_048_576), undefined);
    const stream = open({ start: {} }, assign(), credit(10));
    const [records, failure] = await stream.take(2);
    expect(records!.delivery).toMatchObject({ nextOffset: 1, chargedRecords: 1 });
    const error = messageToError(failure!.failure!.error!);
    expect(error).toMatchObject({ reason: "INVALID_REQUEST", details: { field: "format", offset: "1" } });
    await broker.produce("t", 0, batchOf("b"), undefined);
    stream.send(assign(2, 5));
    expect((await stream.next())!.delivery).toMatchObject({ assignmentId: 5, nextOffset: 3 });
  });

  const refused: [string, Command[], string][] = [
    ["a command before start", [credit(1)], "command"],
    ["a second start", [start, start], "command"],
    ["no command", [start, {}], "command"],
    ["an unknown format", [{ start: { format: 9 as millrace.v1.RecordFormat } }], "format"],
    ["too many bytes at once", [{ start: { maxBytes: 1_048_577 } }], "start.max_bytes"],
    ["negative bytes at once", [{ start: { maxBytes: -1 } }], "start.max_bytes"],
    ["a bad topic", [start, { assign: { topic: "a/b" } }], "assign.topic"],
    ["a negative partition", [start, { assign: { topic: "t", partition: -1 } }], "assign.partition"],
    ["a negative offset", [start, assign(-5)], "assign.offset"],
    ["a negative assignment id", [start, assign(0, -1)], "assign.assignment_id"],
    ["negative credit in records", [start, credit(-1)], "credit.records"],
    ["negative credit in bytes", [start, credit(1, -1)], "credit.bytes"],
    [
      "to unassign a negative partition",
      [start, { unassign: { topic: "t", partition: -1 } }],
      "unassign.partition",
    ],
  ];
  it.each(refused)("refuses %s, and the stream ends", async (_, commands, field) => {
    const stream = open(...commands);
    expect(await stream.end).toMatchObject({ reason: "INVALID_REQUEST", details: { field } });
    await until(() => broker.subscriptions.size === 0);
  });

  it("refuses more than 1,024 assignments", async () => {
    await broker.addPartitions("t", 1_025);
    const stream = open(start);
    for (let partition = 0; partition < 1_025; partition++)
      stream.send({ assign: { topic: "t", partition } });
    expect(await stream.end).toMatchObject({ details: { field: "the number of assignments" } });
  });

  it("counts an unassigned partition no longer", async () => {
    await broker.addPartitions("t", 1_025);
    const stream = open(start, credit(1));
    for (let partition = 0; partition < 1_025; partition++) {
      stream.send({ assign: { topic: "t", partition } });
      stream.send({ unassign: { topic: "t", partition } });
    }
    await broker.produce("t", 0, batchOf("a"), undefined);
    stream.send(assign());
    for (;;) if ((await stream.next())!.delivery != null) break;
  });

  it("malformed commands end the stream", async () => {
    const stream = client.stream({ ...log.subscribe, requestSerialize: (bytes: Buffer) => bytes });
    stream.send(Buffer.from([0x0a, 0xff]));
    expect(await stream.end).toMatchObject({ reason: "INVALID_REQUEST", details: { field: "request" } });
  });

  it("closes the subscription when the client cancels", async () => {
    const stream = open(start, assign(), credit(1));
    await stream.next();
    const [subscription] = broker.subscriptions;
    stream.call.cancel();
    await until(() => subscription!.closed);
  });

  it("goes on delivering to a client that has half-closed", async () => {
    const stream = open(start, assign(), credit(10));
    stream.call.end();
    await stream.next();
    await broker.produce("t", 0, batchOf("late"), undefined);
    expect((await stream.next())!.delivery!.nextOffset).toBe(1);
  });

  describe("with a reader that stops reading", () => {
    const large = 10;

    async function stalledReader(to = server): Promise<ReturnType<typeof rawCall>> {
      for (let i = 0; i < large; i++) {
        await broker.produce("t", 0, batchOf(Buffer.alloc(1_000_000)), undefined);
      }
      const call = rawCall(rawSession(to), log.subscribe.path);
      for (const command of [start, assign(), credit(1_000)]) {
        call.write(framed(SubscribeRequest.encode(command).finish()));
      }
      await until(() => broker.subscriptions.size === 1);
      return call;
    }

    it("waits instead of filling memory, and ends it with RESOURCE_EXHAUSTED after the stall timeout", async () => {
      const call = await stalledReader();
      const closed = new Promise((resolve) => call.once("close", resolve));
      const [subscription] = broker.subscriptions;
      await new Promise((resolve) => setTimeout(resolve, 150));
      expect(subscription!.delivered).toBeLessThan(4);
      expect(subscription!.closed).toBe(false);
      await until(() => subscription!.closed);
      await closed;
      expect(call.rstCode).toBe(11); // ENHANCE_YOUR_CALM, which gRPC clients show as RESOURCE_EXHAUSTED
    });

    it("tells the reason to a reader that comes back before its stream is reset", async () => {
      const call = await stalledReader();
      const [subscription] = broker.subscriptions;
      await new Promise((resolve) => setTimeout(resolve, 400)); // longer than the stall timeout
      expect(subscription!.delivered).toBeLessThan(4);
      expect(await rawStatus(call)).toBe(8);
    });

    it("delivers everything to a slow reader", async () => {
      const call = await stalledReader(await startServer(broker));
      let bytes = 0;
      call.on("data", (data: Buffer) => {
        bytes += data.length;
        call.pause();
        setImmediate(() => call.resume());
      });
      await until(() => bytes > large * 1_000_000);
    });
  });

  it("iterates over what it delivered", async () => {
    for (let i = 0; i < 5; i++) await broker.produce("t", 0, batchOf(`${i}`), undefined);
    const stream = open(start, assign(), credit(100));
    const { delivery } = (await stream.next())!;
    expect([...iterateBatches(delivery!.batches!)]).toHaveLength(5);
  });
});
