/** What callers of any language get of a compacted topic as structured records. */
import { beforeEach, describe, expect, it } from "vitest";
import { type EmbeddedBroker, startBroker } from "../../src/embedded.ts";
import type { millrace } from "../../src/gen/millrace.js";
import { keyed, keyedBatch } from "../log/compaction-rig.ts";
import { atEnd, connect, group, log, type TestClient, topics, until } from "./harness.ts";

const ROUNDS = 40;
const END = 3 * ROUNDS;

describe("a compacted topic as structured records", () => {
  let broker: EmbeddedBroker;
  let client: TestClient;
  /** Offset and value of what is left. */
  let left: readonly (readonly [number, string])[];

  beforeEach(async () => {
    broker = await startBroker({ memory: true, cacheBytes: 0, cleanerIntervalMs: 5, cleanerTimeShareMax: 1 });
    atEnd(() => broker.close());
    client = connect(broker);
    const configs = {
      "cleanup.policy": "compact",
      "segment.bytes": "1024",
      "min.cleanable.dirty.ratio": "0",
    };
    await client.call(topics.createTopic, { name: "t", partitionCount: 1, configs });
    for (let i = 0; i < ROUNDS; i++) {
      await broker.broker.produce("t", 0, keyedBatch(keyed(`k${i % 3}=1`, `a=${i}`, "b=2")), undefined);
    }
    const bytes = () => broker.broker.describeTopic("t").partitions[0]!.bytes;
    await until(() => bytes() < 1_600);
    left = await fetched(0);
    expect(left.length).toBeLessThan(END / 2);
  });

  async function fetched(from: number): Promise<(readonly [number, string])[]> {
    const found: (readonly [number, string])[] = [];
    for (let offset = from; offset < END; ) {
      const { partitions } = await client.call(log.fetch, {
        positions: [{ topic: "t", partition: 0, offset, maxBytes: 100 }],
      });
      const { records, nextOffset } = partitions![0]!;
      expect(Number(nextOffset)).toBeGreaterThan(offset);
      found.push(...pairsOf(records));
      offset = Number(nextOffset);
    }
    return found;
  }

  it("is fetched from any offset", async () => {
    for (let from = 0; from < END; from += 5) {
      expect(await fetched(from)).toEqual(left.filter(([offset]) => offset >= from));
    }
  });

  it("is delivered for the credit of what is left, to its end", async () => {
    for (const from of [0, 1, 50, left[1]![0]]) {
      const stream = client.stream(log.subscribe);
      stream.send({ start: { maxBytes: 100 } });
      stream.send({ assign: { topic: "t", partition: 0, offset: from, assignmentId: 1 } });
      const wanted = left.filter(([offset]) => offset >= from);
      stream.send({ credit: { records: wanted.length, bytes: 1e6 } });
      const found: (readonly [number, string])[] = [];
      let charged = 0;
      for (let offset = from; offset < END; ) {
        const { delivery } = (await stream.next())!;
        expect(Number(delivery!.nextOffset)).toBeGreaterThan(offset);
        offset = Number(delivery!.nextOffset);
        found.push(...pairsOf(delivery!.records));
        expect(delivery!.chargedBytes).toBeGreaterThan(0);
        charged += delivery!.chargedRecords ?? 0;
      }
      expect([found, charged]).toEqual([wanted, wanted.length]);
      stream.send({ credit: { records: 1, bytes: 0 } });
      expect((await stream.next())!.caughtUp).toMatchObject({ highWatermark: END });
      stream.call.cancel();
    }
  });
});

it("a consumer commits up to the end of a gap that compaction left", async () => {
  const broker = await startBroker({
    memory: true,
    cacheBytes: 0,
    cleanerIntervalMs: 5,
    cleanerTimeShareMax: 1,
  });
  atEnd(() => broker.close());
  const client = connect(broker);
  const configs = {
    "cleanup.policy": "compact",
    "min.cleanable.dirty.ratio": "0",
    "max.compaction.lag.ms": "1",
    "delete.retention.ms": "0",
  };
  await client.call(topics.createTopic, { name: "t", partitionCount: 1, configs });
  const produce = (text: string) => broker.broker.produce("t", 0, keyedBatch(keyed(text)), undefined);
  /** Waits until only the records at these offsets are left. */
  const left = async (...offsets: number[]) => {
    for (;;) {
      const { partitions } = await client.call(log.fetch, { positions: [{ topic: "t", partition: 0 }] });
      const found = partitions![0]!.records!.map(({ offset }) => Number(offset));
      if (String(found) === String(offsets)) return;
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  };
  for (const text of ["kept=1", "gone=2", "gone"]) await produce(text);
  await left(0, 2);
  // The tombstone goes with the next cleaning.
  await produce("kept too=3");
  await left(0, 3);

  const stream = client.stream(group.consume);
  stream.send({ join: { member: { group: "g", subscription: { topics: ["t"] } }, maxBytes: 1 } });
  stream.send({ credit: { records: 10, bytes: 1 } });
  const [, first] = await stream.take(2);
  stream.send({ credit: { records: 0, bytes: first!.delivery!.chargedBytes! } });
  const gap = (await stream.next())!.delivery!;
  expect([pairsOf(first!.delivery!.records), pairsOf(gap.records)]).toEqual([[[0, "1"]], []]);
  expect(gap).toMatchObject({ nextOffset: 3, chargedRecords: 0 });
  const committed = { results: [{ topic: "t", partition: 0, offset: 3 }] };
  stream.send({ commit: { commitId: 1 } });
  expect((await stream.next())!.committed).toMatchObject(committed);
  // By name too, as a client does that commits what it has worked on.
  stream.send({ commit: { commitId: 2, offsets: committed.results } });
  expect((await stream.next())!.committed).toMatchObject(committed);
  const { partitions } = await client.call(group.describeGroup, { group: "g" });
  expect(partitions).toMatchObject([{ lag: 1, committed: { offset: 3 } }]);
  stream.call.cancel();
});

function pairsOf(records: readonly millrace.v1.Record.$Properties[] | null | undefined) {
  return (records ?? []).map(({ offset, value }) => [Number(offset), String(value)] as const);
}
