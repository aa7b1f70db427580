import { beforeEach, describe, expect, it } from "vitest";
import { millrace } from "../../src/gen/millrace.js";
import { messageToError } from "../../src/wire/index.ts";
import { FakeBroker } from "./fake-broker.ts";
import { batchOf, cluster, connect, log, startServer, type TestClient, topics } from "./harness.ts";

const { OFFSET_POSITION_EARLIEST, OFFSET_POSITION_LATEST } = millrace.v1.OffsetPosition;

let broker: FakeBroker;
let client: TestClient;

beforeEach(async () => {
  broker = new FakeBroker();
  client = connect(await startServer(broker, { version: "1.2.3" }));
});

/** A call that must be refused without reaching the broker. */
type Refused<Request> = [string, Request, string];

describe("TopicService", () => {
  it("creates, describes, alters, extends, trims and deletes a topic", async () => {
    const created = await client.call(topics.createTopic, {
      name: "t",
      partitionCount: 3,
      configs: { "retention.ms": "1000" },
    });
    expect(created.topic).toMatchObject({ name: "t", configs: [{ name: "retention.ms", value: "1000" }] });
    expect(created.topic!.partitions!.map(({ partition }) => partition)).toEqual([0, 1, 2]);
    await broker.produce("t", 1, batchOf("a", "b"), undefined);
    const described = await client.call(topics.describeTopics, { names: ["t"] });
    expect(described.topics![0]!.partitions![1]).toMatchObject({
      leader: 1,
      endpoint: "127.0.0.1:7171",
      leaderEpoch: 3,
      highWatermark: 2,
      logEndOffset: 2,
      offlineReason: "",
    });
    const altered = await client.call(topics.alterTopicConfig, { name: "t", reset: ["retention.ms"] });
    expect(altered.configs).toEqual([]);
    const extended = await client.call(topics.addPartitions, { name: "t", partitionCount: 5 });
    expect(extended.topic!.partitions).toHaveLength(5);
    const trimmed = await client.call(topics.trimPartition, { topic: "t", partition: 1 });
    expect(trimmed.logStartOffset).toBe(2);
    expect((await client.call(topics.trimPartition, { topic: "t", beforeOffset: 0 })).logStartOffset).toBe(0);
    await client.call(topics.deleteTopic, { name: "t" });
    expect((await client.call(topics.listTopics, {})).topics).toEqual([]);
  });

  it("only checks if asked to", async () => {
    await client.call(topics.createTopic, { name: "t", validateOnly: true });
    expect(broker.topics.size).toBe(0);
  });

  it("lists topics in pages, even if one vanishes in between", async () => {
    for (const name of ["e", "b", "a", "d", "c"]) await broker.createTopic({ name });
    const first = await client.call(topics.listTopics, { pageSize: 2 });
    expect(first.topics!.map(({ name }) => name)).toEqual(["a", "b"]);
    await broker.deleteTopic("b");
    const pageToken = first.nextPageToken!;
    const rest = await client.call(topics.listTopics, { pageSize: 3, pageToken });
    expect(rest.topics!.map(({ name }) => name)).toEqual(["c", "d", "e"]);
    expect(rest.nextPageToken).toBe("");
    expect((await client.call(topics.listTopics, { pageToken: "z" })).topics).toEqual([]);
  });

  it("passes on what the broker refuses", async () => {
    await broker.createTopic({ name: "t" });
    expect((await client.failure(topics.createTopic, { name: "t" })).reason).toBe("TOPIC_ALREADY_EXISTS");
    expect((await client.failure(topics.describeTopics, { names: ["t", "u"] })).reason).toBe(
      "TOPIC_NOT_FOUND",
    );
  });

  it("takes config names that are properties of every object for unknown ones", async () => {
    const configs = Object.fromEntries([["constructor", "1"]]);
    expect((await client.failure(topics.createTopic, { name: "t", configs })).reason).toBe("INVALID_CONFIG");
    const raw = { ...topics.createTopic, requestSerialize: (bytes: Buffer) => bytes };
    const entry = [0x0a, 9, ...Buffer.from("__proto__"), 0x12, 1, 0x31];
    const request = Buffer.from([0x0a, 1, 0x74, 0x1a, entry.length, ...entry]);
    expect((await client.failure(raw, request)).reason).toBe("INVALID_CONFIG");
  });

  it("refuses a description that would not fit one message", async () => {
    const names = Array.from({ length: 20 }, (_, i) => `topic-${i}`);
    for (const name of names) await broker.createTopic({ name, partitionCount: 10_000 });
    const error = await client.failure(topics.describeTopics, { names });
    expect(error).toMatchObject({ reason: "INVALID_REQUEST" });
    expect(error.message).toContain("fewer topics");
    const [one] = (await client.call(topics.describeTopics, { names: names.slice(0, 1) })).topics!;
    expect(one!.partitions).toHaveLength(10_000);
  });

  const created: Refused<millrace.v1.CreateTopicRequest.$Properties>[] = [
    ["an empty name", {}, "name"],
    ["a name with a slash", { name: "a/b" }, "name"],
    ["a name with NUL", { name: "a\0" }, "name"],
    ["a name of 250 bytes", { name: "a".repeat(250) }, "name"],
    ["the name .", { name: "." }, "name"],
    ["0 partitions", { name: "t", partitionCount: 0 }, "partition_count"],
    ["10,001 partitions", { name: "t", partitionCount: 10_001 }, "partition_count"],
    ["negative partitions", { name: "t", partitionCount: -1 }, "partition_count"],
  ];
  it.each(created)("refuses to create a topic with %s", async (_, request, field) => {
    const error = await client.failure(topics.createTopic, request);
    expect(error).toMatchObject({ reason: "INVALID_REQUEST", effect: "none", details: { field } });
    expect(broker.topics.size).toBe(0);
  });

  it.each([
    ["a negative page size", { pageSize: -1 }, "page_size"],
    ["a page size of 1,001", { pageSize: 1_001 }, "page_size"],
    ["a token that is no name", { pageToken: "../" }, "page_token"],
  ])("refuses to list topics with %s", async (_, request, field) => {
    expect((await client.failure(topics.listTopics, request)).details).toMatchObject({ field });
  });

  it.each([
    ["no names", { names: [] }, "the number of names"],
    ["101 names", { names: new Array(101).fill("t") }, "the number of names"],
    ["a bad name", { names: ["t", ".."] }, "names"],
  ])("refuses to describe topics with %s", async (_, request, field) => {
    expect((await client.failure(topics.describeTopics, request)).details).toMatchObject({ field });
  });

  it("refuses bad fields in all other calls", async () => {
    await broker.createTopic({ name: "t" });
    const fields = [
      await client.failure(topics.alterTopicConfig, { name: "a b", set: { "retention.ms": "1" } }),
      await client.failure(topics.alterTopicConfig, { name: "t", set: { a: "1" }, reset: ["a"] }),
      await client.failure(topics.addPartitions, { name: "" }),
      await client.failure(topics.addPartitions, { name: "t", partitionCount: 10_001 }),
      await client.failure(topics.deleteTopic, {}),
      await client.failure(topics.trimPartition, { topic: "\n" }),
      await client.failure(topics.trimPartition, { topic: "t", partition: -1 }),
      await client.failure(topics.trimPartition, { topic: "t", beforeOffset: -1 }),
    ].map((error) => [error.reason, error.details.field]);
    expect(fields).toEqual(
      ["name", "reset", "name", "partition_count", "name", "topic", "partition", "before_offset"].map(
        (field) => ["INVALID_REQUEST", field],
      ),
    );
  });

  it("answers bytes that are not protobuf with INVALID_REQUEST in every call", async () => {
    for (const method of [...Object.values(topics), ...Object.values(cluster), log.listOffsets]) {
      const raw = { ...method, requestSerialize: (bytes: Buffer) => bytes };
      const error = await client.failure(raw, Buffer.from([0x0a, 0xff]));
      expect([method.path, error.reason, error.code]).toEqual([method.path, "INVALID_REQUEST", 3]);
    }
  });
});

describe("ClusterService", () => {
  it("describes the cluster with the version of the broker", async () => {
    expect(await client.call(cluster.describeCluster, {})).toMatchObject({
      clusterId: "c".repeat(32),
      brokers: [{ brokerId: 1, endpoint: "127.0.0.1:7171" }],
      controller: 1,
      version: "1.2.3",
    });
  });

  it("hands out producer ids", async () => {
    const ids = [
      await client.call(cluster.initProducerId, {}),
      await client.call(cluster.initProducerId, {}),
    ];
    expect(ids.map(({ producerId, producerEpoch }) => [producerId, producerEpoch])).toEqual([
      [0, 0],
      [1, 0],
    ]);
  });
});

describe("ListOffsets", () => {
  beforeEach(async () => {
    await broker.createTopic({ name: "t" });
    await broker.produce("t", 0, batchOf("a", "b"), undefined);
  });

  it("answers each query in its turn, with an error where the partition cannot be asked", async () => {
    const { answers } = await client.call(log.listOffsets, {
      queries: [
        { topic: "t", position: OFFSET_POSITION_LATEST },
        { topic: "gone", position: OFFSET_POSITION_LATEST },
        { topic: "t", position: OFFSET_POSITION_EARLIEST },
        { topic: "t", timestampMs: 0 },
        { topic: "t", timestampMs: 9 },
      ],
    });
    expect(answers!.map(({ offset, timestampMs }) => [offset, timestampMs])).toEqual([
      [2, null],
      [null, null],
      [0, null],
      [0, 5],
      [null, null],
    ]);
    expect(messageToError(answers![1]!.error!).reason).toBe("TOPIC_NOT_FOUND");
    expect(answers![4]!.error).toBeNull();
  });

  it("answers 10,000 queries and refuses more", async () => {
    const query = { topic: "t", position: OFFSET_POSITION_LATEST };
    const { answers } = await client.call(log.listOffsets, { queries: new Array(10_000).fill(query) });
    expect(answers).toHaveLength(10_000);
    const error = await client.failure(log.listOffsets, { queries: new Array(10_001).fill(query) });
    expect(error.reason).toBe("INVALID_REQUEST");
  });

  it("runs the same search by timestamp once, and different ones of all calls in turns of their own", async () => {
    const asked: unknown[] = [];
    let inThisTurn = 0;
    let most = 0;
    const findOffset = broker.findOffset.bind(broker);
    broker.findOffset = async (topic, partition, query) => {
      asked.push(query);
      most = Math.max(most, ++inThisTurn);
      setImmediate(() => inThisTurn--);
      return findOffset(topic, partition, query);
    };
    const queries = Array.from({ length: 120 }, (_, index) => ({ topic: "t", timestampMs: index % 40 }));
    const calls = await Promise.all([0, 1].map(() => client.call(log.listOffsets, { queries })));
    for (const { answers } of calls) {
      expect(answers!.map(({ offset }) => offset)).toEqual(
        queries.map((query) => (query.timestampMs ? null : 0)),
      );
    }
    expect(asked).toHaveLength(80);
    expect(most).toBe(1);
  });

  it("refuses an answer that would not fit one message", async () => {
    const query = { topic: "t".repeat(249), position: OFFSET_POSITION_LATEST };
    const error = await client.failure(log.listOffsets, { queries: new Array(9_000).fill(query) });
    expect(error.message).toContain("fewer offsets");
  });

  const refused: Refused<millrace.v1.OffsetQuery.$Properties>[] = [
    ["nothing asked", { topic: "t" }, "queries[0].at"],
    ["an unknown position", { topic: "t", position: 7 as millrace.v1.OffsetPosition }, "queries[0].position"],
    ["an unspecified position", { topic: "t", position: 0 }, "queries[0].position"],
    ["a negative timestamp", { topic: "t", timestampMs: -1 }, "queries[0].timestamp_ms"],
    ["a negative partition", { topic: "t", partition: -1, timestampMs: 1 }, "queries[0].partition"],
    ["a bad topic", { topic: "a/b", timestampMs: 1 }, "queries[0].topic"],
  ];
  it.each(refused)("refuses %s", async (_, query, field) => {
    const error = await client.failure(log.listOffsets, { queries: [query] });
    expect(error).toMatchObject({ reason: "INVALID_REQUEST", details: { field } });
  });

  it("refuses no queries", async () => {
    expect((await client.failure(log.listOffsets, {})).details.field).toBe("the number of queries");
  });
});
