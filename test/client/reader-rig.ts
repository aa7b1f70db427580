/** A cluster with a topic "t" of records for each test of readers, and what these do with it. */
import { afterEach, beforeEach, expect } from "vitest";
import type { Client, Reader, ReaderOptions } from "../../src/client/index.ts";
import { TestCluster } from "./test-cluster.ts";

export let cluster: TestCluster;
export let client: Client;

beforeEach(async () => {
  cluster = await TestCluster.start();
  client = await cluster.connect();
  await client.admin().createTopic({ name: "t", partitionCount: 2 });
});

afterEach(() => cluster.close());

/** Timestamp of the record "0": recent, as retention by age is in force. */
export const EPOCH_MS = Date.now() - 3_600_000;

/** Appends records "from" to "to" − 1, in batches of ten, one second from record to record. */
export async function produce(from: number, to: number, partition = 0): Promise<void> {
  const producer = client.producer();
  for (let offset = from; offset < to; offset += 10) {
    for (let each = offset; each < Math.min(to, offset + 10); each++) {
      producer.write("t", { partition, value: `${each}`, timestampMs: EPOCH_MS + each * 1_000 });
    }
    await producer.flush();
  }
  await producer.close();
}

export async function readToEnd(reader: Reader): Promise<number[]> {
  const offsets: number[] = [];
  for await (const record of reader.records({ stopAtEnd: true })) {
    expect(String(record.value)).toBe(String(record.offset));
    offsets.push(record.offset);
  }
  return offsets;
}

export function range(from: number, to: number): number[] {
  return Array.from({ length: to - from }, (_, index) => from + index);
}

export async function readerAt(
  from: number | "start" | "end" | { timestampMs: number },
  options: ReaderOptions = {},
) {
  const reader = client.reader(options);
  await reader.assign([{ topic: "t", partition: 0, from }]);
  return reader;
}
