/** Reading a compacted topic over the network: offsets without records are gone over, and nothing waits for them. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { MillraceError } from "../../src/errors/index.ts";
import { connect, type Client } from "../../src/client/index.ts";
import { type EmbeddedBroker, startBroker } from "../../src/embedded.ts";
import { keyed, keyedBatch, keyedIn, textOf } from "../log/compaction-rig.ts";

const ROUNDS = 60;

let server: EmbeddedBroker;
let client: Client;
/** What compaction leaves. */
let texts: readonly string[];

/** What is stored now. */
async function stored(): Promise<string[]> {
  const found: string[] = [];
  for (let offset = 0; ; ) {
    const position = { topic: "t", partition: 0, offset, maxBytes: 1_000_000 };
    const [part] = await server.broker.fetch([position], { minBytes: 1, maxWaitMs: 0, maxBytes: 1_000_000 });
    if (part === undefined || part instanceof MillraceError) throw part;
    if (part.nextOffset === offset) return found;
    found.push(...keyedIn(part.chunks).map(textOf));
    offset = part.nextOffset;
  }
}

beforeAll(async () => {
  server = await startBroker({ memory: true, cacheBytes: 0, cleanerIntervalMs: 5, cleanerTimeShareMax: 1 });
  client = await connect({ brokers: server.endpoint });
  const configs = { "cleanup.policy": "compact", "segment.bytes": "1024", "min.cleanable.dirty.ratio": "0" };
  await client.admin().createTopic({ name: "t", partitionCount: 1, configs });
  for (let i = 0; i < ROUNDS; i++) {
    await server.broker.produce("t", 0, keyedBatch(keyed(`k${i % 4}=1`, `a=${i}`, "b=2", "c=3")), undefined);
  }
  do {
    await new Promise((resolve) => setTimeout(resolve, 10));
    texts = await stored();
  } while (texts.length > ROUNDS);
});

afterAll(async () => {
  await client.close();
  await server.close();
});

describe("a reader of a compacted topic", () => {
  it("is handed out every record that is left, from any offset, and stops at the end", async () => {
    expect(texts.length).toBeGreaterThan(6);
    for (let from = 0; from <= 4 * ROUNDS; from += 7) {
      const reader = client.reader();
      await reader.assign([{ topic: "t", partition: 0, from }]);
      const seen: string[] = [];
      for await (const { offset, key, value } of reader.records({ stopAtEnd: true })) {
        seen.push(textOf({ offset, key: String(key), value: String(value), timestampMs: 0 }));
      }
      expect(seen).toEqual(texts.filter((text) => Number(text.split(":")[0]) >= from));
      expect(reader.position("t", 0)).toBe(4 * ROUNDS);
      expect(reader.isCaughtUp()).toBe(true);
      await reader.close();
    }
  });

  it("with little credit gets on, and is told the records that there are", async () => {
    for (const from of [0, 3, 50]) {
      const reader = client.reader({ prefetchRecords: 1, deliveryBytes: 1_024 });
      await reader.assign([{ topic: "t", partition: 0, from }]);
      let count = 0;
      for await (const batch of reader.batches({ stopAtEnd: true })) {
        expect(batch.toArray()).toHaveLength(batch.recordCount);
        count += batch.recordCount;
      }
      expect(count).toBe(texts.filter((text) => Number(text.split(":")[0]) >= from).length);
      await reader.close();
    }
  });
});
