import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Client, ProducerOptions } from "../../src/client/index.ts";
import { MillraceError } from "../../src/errors/index.ts";
import { TestCluster, valuesOf } from "./test-cluster.ts";

let cluster: TestCluster;
let client: Client;

beforeEach(async () => {
  cluster = await TestCluster.start();
  client = await cluster.connect();
  await client.admin().createTopic({ name: "t" });
});

afterEach(() => cluster.close());

/** Small batches, so that several are under way at once. */
const SMALL: ProducerOptions = { batchBytes: 1_024, bufferBytes: 1_048_576 };

function numbered(count: number): string[] {
  return Array.from({ length: count }, (_, number) => `record ${String(number).padStart(6, "0")}`);
}

async function produceAll(options: ProducerOptions, values: readonly string[]) {
  const retries: string[] = [];
  const producer = client.producer({ ...options, onRetry: (error) => retries.push(error.reason) });
  for (const value of values) if (!producer.write("t", { value })) await producer.ready();
  await producer.flush();
  return { stats: producer.stats, retries };
}

describe("a producer in trouble", () => {
  it("keeps order and appends nothing twice when the answer to an append is lost", async () => {
    cluster.afterAppend = ({ index }) => {
      if (index === 3 || index === 10 || index === 11) cluster.proxy.cut();
    };
    const values = numbered(2_000);
    const { stats, retries } = await produceAll(SMALL, values);
    expect(await valuesOf(client, "t")).toEqual(values);
    expect(stats.recordsAcknowledged).toBe(2_000);
    expect(stats.retries).toBeGreaterThan(0);
    expect(new Set(retries)).toEqual(new Set(["DISCONNECTED"]));
  });

  it("keeps order when a batch is refused for now while others are under way", async () => {
    cluster.beforeAppend = ({ index }) => {
      if (index === 0 || index === 5 || index === 6 || index === 20) {
        throw new MillraceError("OVERLOADED", "not now");
      }
    };
    const values = numbered(2_000);
    const { stats, retries } = await produceAll(SMALL, values);
    expect(await valuesOf(client, "t")).toEqual(values);
    expect(stats.recordsFailed).toBe(0);
    expect(new Set(retries)).toEqual(new Set(["OVERLOADED"]));
  });

  it("sends what follows a refused batch, in order and once", async () => {
    cluster.beforeAppend = ({ index }) => {
      if (index === 7) throw new MillraceError("INVALID_BATCH", "I do not like it");
    };
    const values = numbered(1_000);
    const failures: number[] = [];
    const producer = client.producer({ ...SMALL, onError: (failed) => failures.push(failed.recordCount) });
    for (const value of values) if (!producer.write("t", { value })) await producer.ready();
    await expect(producer.flush()).rejects.toMatchObject({ reason: "INVALID_BATCH", effect: "none" });
    const [lost] = failures;
    expect(failures).toEqual([lost]);
    const stored = await valuesOf(client, "t");
    const missing = values.filter((value) => !stored.includes(value));
    expect(missing).toHaveLength(lost!);
    expect(stored).toEqual(values.filter((value) => !missing.includes(value)));
    expect(values.indexOf(missing.at(-1)!) - values.indexOf(missing[0]!)).toBe(lost! - 1);
    await expect(producer.flush()).resolves.toBeUndefined();
  });

  it("goes on under a fresh identity after a batch whose effect nobody knows", async () => {
    cluster.beforeAppend = ({ index }) => {
      if (index === 4) throw new MillraceError("INTERNAL", "a defect");
    };
    const producer = client.producer(SMALL);
    const values = numbered(500);
    for (const value of values) if (!producer.write("t", { value })) await producer.ready();
    await expect(producer.flush()).rejects.toMatchObject({ reason: "INTERNAL", effect: "unknown" });
    const stored = await valuesOf(client, "t");
    expect(stored).toEqual(values.filter((value) => stored.includes(value)));
    expect(new Set(stored).size).toBe(stored.length);
    expect(await producer.send("t", { value: "afterwards" })).toMatchObject({ offset: stored.length });
  });

  it("asks for metadata and goes on when a broker no longer leads", async () => {
    cluster.beforeAppend = ({ index }) => {
      if (index === 2) throw new MillraceError("NOT_LEADER", "somebody else leads");
    };
    const values = numbered(500);
    const { retries } = await produceAll(SMALL, values);
    expect(await valuesOf(client, "t")).toEqual(values);
    expect(retries).toContain("NOT_LEADER");
  });

  it("waits for a broker that is away and comes back on the same data", async () => {
    const producer = client.producer(SMALL);
    const before = numbered(300);
    for (const value of before) if (!producer.write("t", { value })) await producer.ready();
    await producer.flush();
    await cluster.restart();
    const receipt = await producer.send("t", { value: "afterwards" });
    expect(receipt).toMatchObject({ partition: 0, offset: 300, durability: "durable", duplicate: false });
    expect(await valuesOf(client, "t")).toEqual([...before, "afterwards"]);
  });

  it("keeps order over many cuts at random moments", async () => {
    let cuts = 0;
    cluster.afterAppend = ({ index }) => {
      if ((index * 7_919) % 13 === 0 && cuts++ < 8) cluster.proxy.cut();
    };
    const values = numbered(3_000);
    await produceAll({ ...SMALL, compression: "gzip" }, values);
    expect(await valuesOf(client, "t")).toEqual(values);
    expect(cuts).toBeGreaterThan(3);
  });

  it("gives records up after deliveryTimeoutMs and says whether they may have been appended", async () => {
    cluster.afterAppend = () => new Promise(() => {});
    const producer = client.producer({ ...SMALL, deliveryTimeoutMs: 300 });
    const sent = producer.send("t", { value: "never answered" });
    await expect(sent).rejects.toMatchObject({ reason: "DEADLINE_EXCEEDED", effect: "unknown" });
    cluster.proxy.partition();
    const unsent = producer.send("t", { value: "never sent" });
    await expect(unsent).rejects.toMatchObject({ reason: "DEADLINE_EXCEEDED", effect: "none" });
  });

  it("without idempotence sends one batch at a time and repeats a batch whose answer was lost", async () => {
    cluster.afterAppend = ({ index }) => {
      if (index === 1) cluster.proxy.cut();
    };
    const values = numbered(100);
    await produceAll({ ...SMALL, idempotent: false }, values);
    const stored = await valuesOf(client, "t");
    expect(stored.filter((value, at) => stored.indexOf(value) === at)).toEqual(values);
    expect(stored.length).toBeGreaterThan(values.length);
  });

  it("gives up at once on a topic that does not exist, with the nearest names", async () => {
    const producer = client.producer();
    const failed = producer.send("tt", { value: "v" });
    await expect(failed).rejects.toMatchObject({ reason: "TOPIC_NOT_FOUND", effect: "none" });
    producer.write("tt", { value: "v" });
    await expect(producer.flush()).rejects.toMatchObject({ reason: "TOPIC_NOT_FOUND" });
  });
});
