import { beforeEach, describe, expect, it } from "vitest";
import { type EmbeddedBroker, startBroker } from "../../src/embedded.ts";
import { millrace } from "../../src/gen/millrace.js";
import { atEnd, batchOf, connect, log, type TestClient, topics } from "./harness.ts";

const { RECORD_FORMAT_BATCHES } = millrace.v1.RecordFormat;

describe("the handlers on the real broker", () => {
  let broker: EmbeddedBroker;
  let client: TestClient;

  beforeEach(async () => {
    broker = await startBroker({ memory: true });
    atEnd(() => broker.close());
    client = connect(broker);
    await client.call(topics.createTopic, { name: "t", partitionCount: 3 });
  });

  const valuesOf = (records: readonly millrace.v1.Record.$Properties[]) =>
    records.map(({ offset, value }) => [offset, String(value)]);

  it("append what is published and deliver it in order, from the middle of a batch", async () => {
    const publish = client.stream(log.publish);
    for (let i = 0; i < 20; i++) {
      publish.send({ topic: "t", partition: 1, batch: batchOf(`${i}a`, `${i}b`) });
    }
    publish.call.end();
    const answers = await publish.take(20);
    expect(answers.map(({ receipt }) => receipt!.baseOffset)).toEqual(answers.map((_, i) => 2 * i));
    const subscribe = client.stream(log.subscribe);
    subscribe.send({ start: {} });
    subscribe.send({ assign: { topic: "t", partition: 1, offset: 3, assignmentId: 1 } });
    subscribe.send({ credit: { records: 1_000, bytes: 1e6 } });
    const records = [];
    for (;;) {
      const event = (await subscribe.next())!;
      if (event.caughtUp != null) break;
      records.push(...event.delivery!.records!);
    }
    expect(valuesOf(records)[0]).toEqual([3, "1b"]);
    expect(records.map(({ offset }) => offset)).toEqual(Array.from({ length: 37 }, (_, i) => i + 3));
  });

  it("wake a waiting fetch, and skip what lies below the offset asked for", async () => {
    const asked = { positions: [{ topic: "t", partition: 0 }], maxWaitMs: 30_000 };
    const waiting = client.call(log.fetch, asked);
    const records = { records: [{ value: Buffer.from("a") }, { value: Buffer.from("b") }] };
    await client.call(log.produce, { topic: "t", partition: 0, records });
    expect(valuesOf((await waiting).partitions![0]!.records!)).toEqual([
      [0, "a"],
      [1, "b"],
    ]);
    const positions = [{ topic: "t", partition: 0, offset: 1 }];
    const structured = await client.call(log.fetch, { positions });
    expect(valuesOf(structured.partitions![0]!.records!)).toEqual([[1, "b"]]);
    const batches = await client.call(log.fetch, { positions, format: RECORD_FORMAT_BATCHES });
    expect(batches.partitions![0]).toMatchObject({ nextOffset: 2, highWatermark: 2 });
  });

  it("tell what was wrong with unknown topics, partitions, configs and offsets", async () => {
    const failures = [
      await client.failure(log.produce, { topic: "tt", partition: 0, batch: batchOf("a") }),
      await client.failure(log.produce, { topic: "t", partition: 3, batch: batchOf("a") }),
      await client.failure(topics.createTopic, { name: "u", configs: { "retention.msec": "1" } }),
      await client.failure(topics.trimPartition, { topic: "t", partition: 0, beforeOffset: 5 }),
    ];
    expect(failures.map(({ reason }) => reason)).toEqual([
      "TOPIC_NOT_FOUND",
      "PARTITION_NOT_FOUND",
      "INVALID_CONFIG",
      "OFFSET_OUT_OF_RANGE",
    ]);
    expect(failures[0]!.details.nearest).toContain("t");
  });
});
