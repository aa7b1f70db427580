import { beforeEach, describe, expect, it } from "vitest";
import type { RpcServer } from "../../src/rpc/index.ts";
import { FakeBroker } from "./fake-broker.ts";
import { batchOf, connect, latch, log, startServer, type TestClient, topics, until } from "./harness.ts";
import { framed, rawCall, rawSession } from "./raw-http2.ts";

describe("draining", () => {
  let broker: FakeBroker;
  let server: RpcServer;
  let client: TestClient;

  beforeEach(async () => {
    broker = new FakeBroker();
    await broker.createTopic({ name: "t" });
    server = await startServer(broker);
    client = connect(server);
  });

  it("answers the batches that were begun, then ends the stream with SHUTTING_DOWN", async () => {
    const hold = latch();
    broker.beforeAck = () => hold.opened;
    const stream = client.stream(log.publish);
    stream.send({ topic: "t", partition: 0, batch: batchOf("a") });
    stream.send({ topic: "t", partition: 0, batch: batchOf("b") });
    await until(() => broker.produced === 2);
    const drained = server.drain(5_000);
    stream.send({ topic: "t", partition: 0, batch: batchOf("too late") });
    await new Promise((resolve) => setTimeout(resolve, 20));
    hold.open();
    expect((await stream.take(3)).map(({ receipt }) => receipt!.baseOffset)).toEqual([0, 1]);
    expect(await stream.end).toMatchObject({ reason: "SHUTTING_DOWN", effect: "none", retry: "same" });
    await drained;
    expect(broker.produced).toBe(2);
    expect(server.connections).toBe(0);
  });

  it("lets a unary append finish and refuses new calls", async () => {
    const hold = latch();
    broker.beforeAck = () => hold.opened;
    const produced = client.call(log.produce, { topic: "t", partition: 0, batch: batchOf("a") });
    await until(() => broker.produced === 1);
    const drained = server.drain(5_000);
    const late = connect(server);
    const refused = [
      await late.failure(topics.listTopics, {}),
      await late.failure(log.produce, { topic: "t", partition: 0, batch: batchOf("b") }),
      await late.stream(log.publish).end,
      await late.stream(log.subscribe).end,
    ];
    expect(refused.map((error) => error!.reason)).toEqual(new Array(4).fill("SHUTTING_DOWN"));
    hold.open();
    expect((await produced).receipt!.baseOffset).toBe(0);
    await drained;
    expect(broker.produced).toBe(1);
  });

  it("answers waiting fetches early and ends subscriptions", async () => {
    const fetched = client.call(log.fetch, { positions: [{ topic: "t" }], maxWaitMs: 30_000 });
    const stream = client.stream(log.subscribe);
    stream.send({ start: {} });
    await until(() => broker.subscriptions.size === 1);
    const [subscription] = broker.subscriptions;
    await new Promise((resolve) => setTimeout(resolve, 20));
    await server.drain(5_000);
    expect((await fetched).partitions).toHaveLength(1);
    expect(await stream.end).toMatchObject({ reason: "SHUTTING_DOWN" });
    expect(subscription!.closed).toBe(true);
  });

  it("cuts what is not done within the grace time", async () => {
    broker.beforeAck = () => new Promise(() => {});
    const failed = client.failure(log.produce, { topic: "t", partition: 0, batch: batchOf("a") });
    await until(() => broker.produced === 1);
    await server.drain(50);
    expect(await failed).toMatchObject({ effect: "unknown" });
    expect(server.connections).toBe(0);
  });

  it("cuts a client that ignores everything", async () => {
    const call = rawCall(rawSession(server), log.subscribe.path);
    call.write(framed(Buffer.from([0x0a, 0])));
    await until(() => broker.subscriptions.size === 1);
    await server.drain(50);
    expect(server.connections).toBe(0);
  });

  it("closes idle connections at once and may be asked twice", async () => {
    await client.call(topics.listTopics, {});
    const both = [server.drain(60_000), server.drain(1)];
    await Promise.all(both);
    expect(both[0]).toBe(both[1]);
    expect((await connect(server).failure(topics.listTopics, {})).reason).toBe("DISCONNECTED");
  });
});
