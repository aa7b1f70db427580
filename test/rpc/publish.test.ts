import { beforeEach, describe, expect, it } from "vitest";
import { MillraceError } from "../../src/errors/index.ts";
import type { millrace } from "../../src/gen/millrace.js";
import { readBaseOffset } from "../../src/record/index.ts";
import type { RpcServer } from "../../src/rpc/index.ts";
import { encodePublishRequest, messageToError } from "../../src/wire/index.ts";
import { FakeBroker } from "./fake-broker.ts";
import { batchOf, connect, latch, log, startServer, type TestClient, until } from "./harness.ts";
import { framed, rawCall, rawSession, rawStatus } from "./raw-http2.ts";

const gathered = {
  ...log.publish,
  requestSerialize: (request: Parameters<typeof encodePublishRequest>[0]) =>
    encodePublishRequest(request).asSerialized(),
};
const rawBytes = { ...log.publish, requestSerialize: (bytes: Buffer) => bytes };
type Answer = millrace.v1.PublishResponse;

describe("Publish", () => {
  let broker: FakeBroker;
  let server: RpcServer;
  let client: TestClient;
  const stored = () => broker.topics.get("t")!.partitions[0]!;

  beforeEach(async () => {
    broker = new FakeBroker();
    await broker.createTopic({ name: "t", partitionCount: 2 });
    server = await startServer(broker);
    client = connect(server);
  });

  it("answers every batch in the order of the requests, whichever append is ready first", async () => {
    const holds = [latch(), latch(), latch()];
    broker.beforeAck = (sequence) => holds[sequence]!.opened;
    const stream = client.stream(log.publish);
    for (const value of ["a", "b", "c"]) stream.send({ topic: "t", partition: 0, batch: batchOf(value) });
    stream.call.end();
    await until(() => broker.produced === 3);
    for (const hold of holds.reverse()) {
      hold.open();
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    const answers = await stream.take(3);
    expect(answers.map((answer) => [answer.sequence, answer.receipt!.baseOffset])).toEqual([
      [0, 0],
      [1, 1],
      [2, 2],
    ]);
    expect(await stream.end).toBeUndefined();
  });

  it("answers a bad batch in its turn, and the stream goes on", async () => {
    const damaged = batchOf("damaged");
    damaged[damaged.length - 2]! ^= 1;
    const first = latch();
    broker.beforeAck = (sequence) => (sequence === 0 ? first.opened : undefined);
    const stream = client.stream(log.publish);
    stream.send({ topic: "t", partition: 0, batch: batchOf("a") });
    stream.send({ topic: "t", partition: 0, batch: damaged });
    stream.send({ topic: "t", partition: 0, batch: Buffer.alloc(0) });
    stream.send({ topic: "no topic", partition: 0, batch: batchOf("b") });
    stream.send({ topic: "t", partition: 9, batch: batchOf("b") });
    stream.send({ topic: "t", partition: 0, batch: batchOf("c") });
    stream.call.end();
    await until(() => broker.produced === 5);
    first.open();
    const answers = await stream.take(7);
    const outcome = (answer: Answer) => answer.receipt?.baseOffset ?? messageToError(answer.error!).reason;
    expect(answers.map(outcome)).toEqual([
      0,
      "CHECKSUM_MISMATCH",
      "INVALID_BATCH",
      "INVALID_REQUEST",
      "PARTITION_NOT_FOUND",
      1,
    ]);
    expect(answers.map((answer) => answer.sequence)).toEqual([0, 1, 2, 3, 4, 5]);
    expect(messageToError(answers[4]!.error!)).toMatchObject({ retry: "refresh", effect: "none" });
    expect(await stream.end).toBeUndefined();
    expect(stored()).toHaveLength(2);
  });

  it("takes structured records too, and malformed ones fail their batch alone", async () => {
    const stream = client.stream(rawBytes);
    const head = [0x0a, 1, 0x74, 0x10, 0];
    stream.send(Buffer.from([...head, 0x1a, 3, 0x0a, 1, 0x0f])); // a record with a truncated tag
    stream.send(Buffer.from([...head, 0x1a, 5, 0x0a, 3, 0x12, 1, 0x61]));
    const [bad, good] = await stream.take(2);
    expect(messageToError(bad!.error!)).toMatchObject({
      reason: "INVALID_REQUEST",
      details: { field: "records" },
    });
    expect(good!.receipt!.recordCount).toBe(1);
    stream.call.end();
    expect(await stream.end).toBeUndefined();
  });

  it("ends with INVALID_REQUEST at bytes that are no request, after answering what came before", async () => {
    const hold = latch();
    broker.beforeAck = () => hold.opened;
    const stream = client.stream(rawBytes);
    stream.send(encodePublishRequest({ topic: "t", partition: 0, batch: batchOf("a") }).toBuffer());
    stream.send(Buffer.from([0x0a, 0xff]));
    stream.send(encodePublishRequest({ topic: "t", partition: 0, batch: batchOf("b") }).toBuffer());
    await until(() => broker.produced === 1);
    hold.open();
    expect((await stream.next())!.receipt!.baseOffset).toBe(0);
    expect(await stream.end).toMatchObject({ reason: "INVALID_REQUEST", details: { field: "request" } });
    expect(broker.produced).toBe(1);
  });

  it("reads no further than the bound of unanswered batches, and goes on when they are answered", async () => {
    const hold = latch();
    broker.beforeAck = () => hold.opened;
    const stream = client.stream(gathered);
    for (let i = 0; i < 600; i++) stream.send({ topic: "t", partition: 0, batch: batchOf(`${i}`) });
    stream.call.end();
    await until(() => broker.produced === 256);
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(broker.produced).toBe(256);
    hold.open();
    const answers = await stream.take(600);
    expect(answers.map((answer) => answer.receipt!.baseOffset)).toEqual(
      Array.from({ length: 600 }, (_, i) => i),
    );
    expect(await stream.end).toBeUndefined();
  });

  it("reads no further than 8 MiB unanswered", async () => {
    const hold = latch();
    broker.beforeAck = () => hold.opened;
    const stream = client.stream(gathered);
    const batch = batchOf(Buffer.alloc(700_000));
    for (let i = 0; i < 20; i++) stream.send({ topic: "t", partition: 0, batch });
    await until(() => broker.produced === 12);
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(broker.produced).toBe(12);
    hold.open();
    expect(await stream.take(20)).toHaveLength(20);
    stream.call.end();
    expect(await stream.end).toBeUndefined();
  });

  it("stops reading a client that does not take its answers", async () => {
    const call = rawCall(rawSession(server), log.publish.path);
    const frame = framed(encodePublishRequest({ topic: "t", partition: 0, batch: batchOf("x") }).toBuffer());
    const frames = Buffer.concat(Array.from({ length: 100 }, () => frame));
    let sent = 0;
    for (let taken = true; taken && sent < 200_000; sent += 100) {
      taken = await new Promise((resolve) => {
        const timer = setTimeout(() => resolve(false), 300);
        call.write(frames, () => {
          clearTimeout(timer);
          resolve(true);
        });
      });
    }
    expect(sent).toBeLessThan(50_000);
    expect(broker.produced).toBeLessThan(5_000);
    const answered = rawStatus(call); // reads on
    call.end();
    expect(await answered).toBe(0);
    expect(broker.produced).toBe(sent);
  });

  it("keeps what was begun when the client cancels, and gives the budget back", async () => {
    const small = connect(await startServer(broker, { produceBytesMax: 3_000 }));
    const hold = latch();
    broker.beforeAck = () => hold.opened;
    const stream = small.stream(gathered);
    const batch = batchOf(Buffer.alloc(2_000));
    stream.send({ topic: "t", partition: 0, batch });
    await until(() => broker.produced === 1);
    stream.call.cancel();
    expect(await stream.end).toMatchObject({ reason: "CANCELLED" });
    hold.open();
    await until(() => stored().length === 1);
    const { receipt } = await small.call(log.produce, { topic: "t", partition: 0, batch });
    expect(receipt!.baseOffset).toBe(1);
  });

  it("answers OVERLOADED for a batch over the budget, and the stream goes on", async () => {
    const small = connect(await startServer(broker, { produceBytesMax: 3_000 }));
    const hold = latch();
    broker.beforeAck = () => hold.opened;
    const stream = small.stream(gathered);
    for (let i = 0; i < 3; i++)
      stream.send({ topic: "t", partition: 0, batch: batchOf(Buffer.alloc(1_300)) });
    await until(() => broker.produced === 2);
    await new Promise((resolve) => setTimeout(resolve, 20));
    hold.open();
    const answers = await stream.take(3);
    expect(answers[1]!.receipt).toBeTruthy();
    expect(messageToError(answers[2]!.error!)).toMatchObject({ reason: "OVERLOADED", effect: "none" });
    stream.send({ topic: "t", partition: 0, batch: batchOf("small") });
    expect((await stream.next())!.receipt!.baseOffset).toBe(2);
  });

  it("hands the bytes of the frame to the broker without a copy of its own", async () => {
    const stream = client.stream(gathered);
    stream.send({ topic: "t", partition: 0, batch: batchOf(Buffer.alloc(50_000)) });
    await stream.next();
    const batch = stored()[0]!;
    expect(batch.byteOffset).toBeGreaterThan(0);
    expect(batch.buffer.byteLength).toBeGreaterThan(batch.length);
    expect(readBaseOffset(batch, 0)).toBe(0);
  });

  it("ends without an answer if nothing was sent", async () => {
    const stream = client.stream(log.publish);
    stream.call.end();
    expect(await stream.end).toBeUndefined();
  });

  it("answers an append that failed late with its error", async () => {
    broker.beforeAck = async () => {
      throw new MillraceError("STORAGE_FULL", "no space");
    };
    const stream = client.stream(log.publish);
    stream.send({ topic: "t", partition: 0, batch: batchOf("a") });
    const error = messageToError((await stream.next())!.error!);
    expect(error).toMatchObject({ reason: "STORAGE_FULL", retry: "same", retryDelayMs: 1_000 });
  });
});
