import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Client, connect, type GroupConsumer } from "../../src/client/index.ts";
import { TestCluster } from "./test-cluster.ts";

describe("an option that is not known", () => {
  let cluster: TestCluster;
  let client: Client;
  const trim = { topic: "t", partition: 0 };

  beforeAll(async () => {
    cluster = await TestCluster.start();
    client = await cluster.connect();
    await client.admin().createTopic({ name: "t" });
  });

  afterAll(() => cluster.close());

  /** Spread into options: the compiler looks for no unknown names there, as in a program without types. */
  const misspelt = (name: string): object => ({ [name]: 1 });

  it.each<[string, string, string, (options: object) => unknown]>([
    ["connect", "timeout", "brokers, timeoutMs, clientId", (o) => connect({ brokers: "h", ...o })],
    ["a producer", "lingerMS", "partitioner, lingerMs, batchBytes", (o) => client.producer(o)],
    ["a reader", "prefetch", "prefetchBytes, prefetchRecords", (o) => client.reader(o)],
    ['a consumer without "group"', "groupId", "prefetchBytes, prefetchRecords", (o) => client.consumer(o)],
    ["an iteration", "stopAtend", "stopAtEnd", (o) => client.reader().batches(o)],
    ["an iteration", "stop", "stopAtEnd", (o) => client.reader().records(o)],
    [
      "an assignment",
      "offset",
      "topic, partition, from",
      (o) => client.reader().assign([{ topic: "t", ...o }]),
    ],
    [
      "createTopic",
      "partitions",
      "name, partitionCount, configs",
      (o) => client.admin().createTopic({ name: "u", ...o }),
    ],
    ["listTopics", "internal", "includeInternal", (o) => client.admin().listTopics(o)],
    ["alterTopicConfig", "unset", "set, reset", (o) => client.admin().alterTopicConfig("t", o)],
    [
      "trimPartition",
      "offset",
      "topic, partition, beforeOffset",
      (o) => client.admin().trimPartition({ ...trim, ...o }),
    ],
    [
      "an offset query",
      "from",
      "topic, partition, at",
      (o) => client.admin().listOffsets([{ ...trim, at: "end", ...o }]),
    ],
  ])("of %s is refused by its name (%s)", async (what, name, allowed, use) => {
    const used = (async () => use(misspelt(name)))();
    await expect(used).rejects.toThrow(TypeError);
    await expect(used).rejects.toThrow(`${name} is no option of ${what}: allowed are ${allowed}`);
  });
});

describe("a slip that the compiler does not see in a program without types", () => {
  let cluster: TestCluster;
  let client: Client;

  beforeAll(async () => {
    cluster = await TestCluster.start();
    client = await cluster.connect();
  });

  afterAll(() => cluster.close());

  it.each<[string, string, (client: Client) => unknown]>([
    [
      "one topic instead of a list",
      'topics is "orders": a list of names',
      (c) => consumerOf(c, { topics: "orders" }),
    ],
    [
      "a run without options",
      "run is given undefined: an object is needed",
      (c) => consumerOf(c).run(undefined as never),
    ],
    [
      "one event instead of a list",
      "events is a Object",
      (c) => c.streams("t").append("s", { value: "x" } as never),
    ],
    [
      "the revision of a stream without events",
      '"none" expects a stream without events',
      (c) => c.streams("t").append("s", [{ value: "x" }], { expected: undefined as never }),
    ],
  ])("is refused: %s", async (_slip, text, use) => {
    const used = (async () => use(client))();
    await expect(used).rejects.toThrow(TypeError);
    await expect(used).rejects.toThrow(text);
  });
});

function consumerOf(client: Client, options: object = { topics: ["orders"] }) {
  return client.consumer({ group: "g", ...options } as never) as unknown as GroupConsumer;
}
