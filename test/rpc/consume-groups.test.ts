import { beforeEach, describe, expect, it } from "vitest";
import { type EmbeddedBroker, startBroker } from "../../src/embedded.ts";
import { millrace } from "../../src/gen/millrace.js";
import { atEnd, batchOf, connect, group, type TestClient, topics, until } from "./harness.ts";
import { ThinConsumer } from "./thin-consumer.ts";

const { OffsetFallback } = millrace.v1;
const PARTITIONS = 6;

describe("consumers of the real broker", () => {
  let embedded: EmbeddedBroker;
  let client: TestClient;
  let produced = 0;

  beforeEach(async () => {
    embedded = await startBroker({ memory: true });
    atEnd(() => embedded.close());
    client = connect(embedded);
    produced = 0;
    await client.call(topics.createTopic, { name: "t", partitionCount: PARTITIONS });
  });

  async function produce(records: number): Promise<void> {
    for (let i = 0; i < records; i++) {
      await embedded.broker.produce("t", i % PARTITIONS, batchOf(`v${i}`), undefined);
    }
    produced += records;
  }

  const consumer = (member: object = {}, more: object = {}) =>
    new ThinConsumer(client, {
      member: { group: "g", subscription: { topics: ["t"] }, ...member },
      ...more,
    });

  const names = (consumers: ThinConsumer[]) =>
    consumers.flatMap(({ records }) => records.map(({ partition, offset }) => `${partition}/${offset}`));

  /** Every record once, and nothing that must not be. */
  function expectAllOnce(...consumers: ThinConsumer[]): void {
    expect(consumers.flatMap(({ faults }) => faults)).toEqual([]);
    const all = names(consumers);
    expect(new Set(all).size).toBe(all.length);
    expect(all).toHaveLength(produced);
  }

  const total = (...consumers: ThinConsumer[]) => names(consumers).length;
  const lag = () => embedded.broker.groups.describe("g").partitions.reduce((sum, one) => sum + one.lag, 0);

  it("share the partitions, hand them on as members come and go, and read every record once", async () => {
    await produce(300);
    const a = consumer();
    await until(() => a.partitions.size === PARTITIONS);
    const b = consumer();
    await until(() => a.partitions.size === 3 && b.partitions.size === 3);
    await produce(300);
    const c = consumer();
    await until(() => [a, b, c].every(({ partitions }) => partitions.size === 2));
    await produce(300);
    await until(() => total(a, b, c) === produced && lag() === 0);
    await b.leave();
    expect(await b.stream.end).toBeUndefined();
    await until(() => a.partitions.size === 3 && c.partitions.size === 3);
    await produce(300);
    await until(() => total(a, b, c) === produced);
    await until(() => lag() === 0);
    expectAllOnce(a, b, c);
    expect(new Set([a, b, c].map(({ memberId }) => memberId)).size).toBe(3);
  });

  it("that are back within the session timeout go on from their last commit, and nobody else moves", async () => {
    await produce(120);
    const [a, b] = [consumer({ memberId: "a" }), consumer({ memberId: "b" })];
    await until(() => a.partitions.size === 3 && b.partitions.size === 3);
    await until(() => total(a, b) === produced);
    await until(() => lag() === 0);
    const [before, bEpoch] = [[...a.partitions].sort(), b.memberEpoch];
    a.stream.call.cancel();
    await until(() => embedded.broker.groups.describe("g").members[0]?.connected === false);
    await produce(120);
    const back = consumer({ memberId: "a", memberEpoch: a.memberEpoch });
    await until(() => back.partitions.size === 3);
    await until(() => total(a, b, back) === produced);
    expect([...back.partitions].sort()).toEqual(before);
    expect([b.partitions.size, b.memberEpoch]).toEqual([3, bEpoch]);
    expectAllOnce(a, b, back);
  });

  it("whose session is over are told so when they come back, and have lost what they had", async () => {
    const a = consumer({ memberId: "a", sessionTimeoutMs: 1_000 });
    await until(() => a.partitions.size === PARTITIONS);
    a.stream.call.cancel();
    const b = consumer({ memberId: "b" });
    await until(() => b.partitions.size === PARTITIONS);
    const back = consumer({ memberId: "a", memberEpoch: a.memberEpoch });
    expect(await back.stream.end).toMatchObject({ reason: "UNKNOWN_MEMBER", retry: "rejoin" });
  });

  it("that join under the name of another end its stream", async () => {
    const a = consumer({ memberId: "a", instanceId: "pod-1" });
    await until(() => a.partitions.size === PARTITIONS);
    const next = consumer({ memberId: "b", instanceId: "pod-1" });
    expect(await a.stream.end).toMatchObject({ reason: "MEMBER_FENCED", retry: "never" });
    await until(() => next.partitions.size === PARTITIONS);
  });

  it("read topics and partitions that come later", async () => {
    const subscription = { topicPattern: "t|later-.*" };
    const a = consumer({ subscription });
    await until(() => a.partitions.size === PARTITIONS);
    await client.call(topics.addPartitions, { name: "t", partitionCount: PARTITIONS + 1 });
    await client.call(topics.createTopic, { name: "later-on" });
    await until(() => a.partitions.size === PARTITIONS + 2);
    await embedded.broker.produce("later-on", 0, batchOf("x"), undefined);
    await until(() => a.records.some(({ topic }) => topic === "later-on"));
    expect(a.faults).toEqual([]);
  });

  it("learn what retention took from them, and go on by their policy", async () => {
    await produce(60);
    await client.call(group.commitOffsets, {
      group: "g",
      offsets: [{ topic: "t", partition: 0, offset: 3 }],
    });
    await client.call(topics.trimPartition, { topic: "t", partition: 0, beforeOffset: 8 });
    const failing = consumer();
    await until(() => failing.failures.length === 1);
    expect(failing.failures).toMatchObject([{ topic: "t", partition: 0 }]);
    await until(() => failing.records.length === 50);
    await failing.leave();
    const going = consumer({}, { onGap: OffsetFallback.OFFSET_FALLBACK_START });
    await until(() => going.records.length === 2);
    expect(going.gaps).toMatchObject([{ topic: "t", partition: 0, from: 3, to: 8, lost: 5 }]);
    expect(going.faults).toEqual([]);
  });
});
