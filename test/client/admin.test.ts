import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Client, connect } from "../../src/client/index.ts";
import { TestCluster } from "./test-cluster.ts";

let cluster: TestCluster;
let client: Client;

beforeAll(async () => {
  cluster = await TestCluster.start();
  client = await cluster.connect();
});

afterAll(() => cluster.close());

/** A port where nobody listens. */
async function closedPort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

describe("connecting", () => {
  it("tells at once that nobody listens, where, and what to look at", async () => {
    const port = await closedPort();
    const failed = connect({ brokers: `127.0.0.1:${port}` });
    await expect(failed).rejects.toMatchObject({
      reason: "DISCONNECTED",
      effect: "none",
      details: { endpoint: `127.0.0.1:${port}` },
      message: expect.stringContaining("millrace start"),
    });
  });

  it("tries the next endpoint when one does not answer", async () => {
    const port = await closedPort();
    const other = await connect({ brokers: [`127.0.0.1:${port}`, cluster.proxy.endpoint] });
    expect((await other.admin().describeCluster()).brokers).toHaveLength(1);
    await other.close();
  });

  it("names the advertised endpoint when that is the one that cannot be reached", async () => {
    const port = await closedPort();
    await client.admin().createTopic({ name: "hidden" });
    cluster.broker.advertise(`127.0.0.1:${port}`);
    const other = await cluster.connect();
    const producer = other.producer({ deliveryTimeoutMs: 300 });
    await expect(producer.send("hidden", { value: "v" })).rejects.toMatchObject({
      reason: "DEADLINE_EXCEEDED",
      effect: "none",
      message: expect.stringMatching(`127.0.0.1:${port}.*advertises`),
    });
    cluster.broker.advertise(cluster.proxy.endpoint);
  });

  it("refuses addresses and options that are none", async () => {
    await expect(connect({ brokers: "a:b:c" })).rejects.toMatchObject({ reason: "INVALID_REQUEST" });
    await expect(connect({ brokers: "a:1", timeoutMs: 0 })).rejects.toThrow(TypeError);
  });

  it("closes what it handed out, and takes no calls afterwards", async () => {
    const other = await cluster.connect();
    await other.admin().createTopic({ name: "closing" });
    const producer = other.producer();
    const reader = other.consumer();
    await reader.assign([{ topic: "closing" }]);
    const next = reader.batches().next();
    producer.write("closing", { value: "v" });
    await other.close();
    await other.close();
    expect((await next).done).toBe(true);
    expect(producer.stats.recordsAcknowledged).toBe(1);
    await expect(other.admin().listTopics()).rejects.toMatchObject({ reason: "CANCELLED", effect: "none" });
  });
});

describe("administration", () => {
  it("creates, describes, alters, extends and deletes a topic", async () => {
    const admin = client.admin();
    const created = await admin.createTopic({
      name: "orders",
      partitionCount: 2,
      configs: { "retention.ms": "1000000" },
    });
    expect(created.partitions.map((partition) => partition.endpoint)).toEqual([
      cluster.proxy.endpoint,
      cluster.proxy.endpoint,
    ]);
    expect(created.configs.find(({ name }) => name === "retention.ms")).toEqual({
      name: "retention.ms",
      value: "1000000",
      isSet: true,
    });
    const configs = await admin.alterTopicConfig("orders", {
      set: { "segment.bytes": "1048576" },
      reset: ["retention.ms"],
    });
    expect(configs.filter(({ isSet }) => isSet)).toEqual([
      { name: "segment.bytes", value: "1048576", isSet: true },
    ]);
    expect((await admin.addPartitions("orders", 5)).partitions).toHaveLength(5);
    expect(await admin.describeTopic("orders")).toMatchObject({ name: "orders", topicId: created.topicId });
    await admin.deleteTopic("orders");
    await expect(admin.describeTopic("orders")).rejects.toMatchObject({ reason: "TOPIC_NOT_FOUND" });
  });

  it("checks without creating", async () => {
    const admin = client.admin();
    await admin.createTopic({ name: "planned", validateOnly: true });
    await expect(admin.describeTopic("planned")).rejects.toMatchObject({ reason: "TOPIC_NOT_FOUND" });
    const refused = admin.createTopic({
      name: "planned",
      configs: { "retention.ns": "1" },
      validateOnly: true,
    });
    await expect(refused).rejects.toMatchObject({ reason: "INVALID_CONFIG" });
  });

  it("lists and describes more topics than one page holds", async () => {
    const admin = client.admin();
    const names = Array.from({ length: 1_050 }, (_, number) => `page-${String(number).padStart(4, "0")}`);
    for (const name of names) await cluster.broker.createTopic({ name });
    const listed = (await admin.listTopics())
      .map(({ name }) => name)
      .filter((name) => name.startsWith("page-"));
    expect(listed).toEqual(names);
    const some = names.slice(0, 150);
    expect((await admin.describeTopics(some)).map(({ name }) => name)).toEqual(some);
    for (const name of names) await cluster.broker.deleteTopic(name);
  });

  it("looks up offsets at both ends and by time, and answers each query by itself", async () => {
    const admin = client.admin();
    await admin.createTopic({ name: "times" });
    const now = Date.now();
    const producer = client.producer();
    for (let number = 0; number < 10; number++) {
      producer.write("times", { value: "v", timestampMs: now + number * 10 });
    }
    await producer.flush();
    expect(await admin.trimPartition({ topic: "times", partition: 0, beforeOffset: 3 })).toBe(3);
    const at = [{ timestampMs: now + 45 }, { timestampMs: now + 1_000_000 }, "start", "end"] as const;
    const answers = await admin.listOffsets([
      ...at.map((place) => ({ topic: "times", partition: 0, at: place })),
      { topic: "times", partition: 1, at: "end" },
      { topic: "no-times", partition: 0, at: "end" },
    ]);
    expect(answers.map(({ offset, timestampMs, error }) => [offset, timestampMs, error?.reason])).toEqual([
      [5, now + 50, undefined],
      [undefined, undefined, undefined],
      [3, undefined, undefined],
      [10, undefined, undefined],
      [undefined, undefined, "PARTITION_NOT_FOUND"],
      [undefined, undefined, "TOPIC_NOT_FOUND"],
    ]);
    expect(await admin.trimPartition({ topic: "times", partition: 0 })).toBe(10);
  });

  it("tells who the cluster is and how its broker fares", async () => {
    const admin = client.admin();
    expect(await admin.describeCluster()).toMatchObject({
      clusterId: expect.stringMatching(/^[0-9a-f]{32}$/),
      brokers: [{ brokerId: 0, endpoint: cluster.proxy.endpoint }],
      controller: 0,
    });
    expect(await admin.health()).toBe("serving");
    expect(await admin.health("millrace.v1.LogService")).toBe("serving");
    expect(await admin.health("no.such.Service")).toBe("service-unknown");
  });
});
