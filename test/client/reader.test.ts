import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { CaughtUp, Client, PositionReset, Reader, ReaderOptions } from "../../src/client/index.ts";
import { MillraceError } from "../../src/errors/index.ts";
import { TestCluster } from "./test-cluster.ts";

let cluster: TestCluster;
let client: Client;

beforeEach(async () => {
  cluster = await TestCluster.start();
  client = await cluster.connect();
  await client.admin().createTopic({ name: "t", partitionCount: 2 });
});

afterEach(() => cluster.close());

/** Timestamp of the record "0": recent, as retention by age is in force. */
const EPOCH_MS = Date.now() - 3_600_000;

/** Appends records "from" to "to" − 1, in batches of ten, one second from record to record. */
async function produce(from: number, to: number, partition = 0): Promise<void> {
  const producer = client.producer();
  for (let offset = from; offset < to; offset += 10) {
    for (let each = offset; each < Math.min(to, offset + 10); each++) {
      producer.write("t", { partition, value: `${each}`, timestampMs: EPOCH_MS + each * 1_000 });
    }
    await producer.flush();
  }
  await producer.close();
}

async function readToEnd(reader: Reader): Promise<number[]> {
  const offsets: number[] = [];
  for await (const record of reader.records({ stopAtEnd: true })) {
    expect(String(record.value)).toBe(String(record.offset));
    offsets.push(record.offset);
  }
  return offsets;
}

function range(from: number, to: number): number[] {
  return Array.from({ length: to - from }, (_, index) => from + index);
}

async function readerAt(
  from: number | "start" | "end" | { timestampMs: number },
  options: ReaderOptions = {},
) {
  const reader = client.reader(options);
  await reader.assign([{ topic: "t", partition: 0, from }]);
  return reader;
}

describe("reading", () => {
  it("a topic that was deleted and created again is an error, not a jump over its first records", async () => {
    await produce(0, 5);
    const reader = await readerAt("start");
    expect(await readToEnd(reader)).toEqual(range(0, 5));
    await client.admin().deleteTopic("t");
    await client.admin().createTopic({ name: "t", partitionCount: 2 });
    await produce(0, 8);
    const goOn = async () => {
      for await (const record of reader.records()) return record.offset;
      return undefined;
    };
    await expect(goOn()).rejects.toMatchObject({ reason: "OFFSET_OUT_OF_RANGE" });
  });

  it("from beyond the end is an error, also when it is to stop at the end", async () => {
    await produce(0, 10);
    await expect(readToEnd(await readerAt(999))).rejects.toMatchObject({ reason: "OFFSET_OUT_OF_RANGE" });
  });

  it("begins at the start, the end, an offset or a timestamp", async () => {
    await produce(0, 100);
    expect(await readToEnd(await readerAt("start"))).toEqual(range(0, 100));
    expect(await readToEnd(await readerAt(57))).toEqual(range(57, 100));
    expect(await readToEnd(await readerAt({ timestampMs: EPOCH_MS + 41_500 }))).toEqual(range(42, 100));
    expect(await readToEnd(await readerAt("end"))).toEqual([]);
    expect(await readToEnd(await readerAt({ timestampMs: EPOCH_MS + 100_000_000 }))).toEqual([]);
  });

  it("hands out records as they are appended", async () => {
    const reader = await readerAt("end");
    const iteration = reader.records();
    const first = iteration.next();
    await produce(0, 3);
    expect((await first).value.offset).toBe(0);
    expect((await iteration.next()).value.offset).toBe(1);
    expect((await iteration.next()).value.offset).toBe(2);
  });

  it("tells of every batch where it begins and ends and how many records it has", async () => {
    await produce(0, 100);
    const reader = await readerAt(5);
    const seen: number[] = [];
    for await (const batch of reader.batches({ stopAtEnd: true })) {
      expect(batch.firstOffset).toBe(seen.length + 5);
      expect(batch.highWatermark).toBe(100);
      expect(batch.toArray()).toHaveLength(batch.recordCount);
      const cursor = batch.records();
      while (cursor.next()) {
        expect(cursor.key).toBeNull();
        expect(cursor.timestampMs).toBe(EPOCH_MS + cursor.offset * 1_000);
        seen.push(cursor.offset);
      }
      expect(batch.nextOffset).toBe(seen.length + 5);
      expect(reader.position("t", 0)).toBe(batch.nextOffset);
    }
    expect(seen).toEqual(range(5, 100));
  });

  it("reads all partitions of a topic if none is named", async () => {
    await produce(0, 30, 0);
    await produce(0, 20, 1);
    const reader = client.reader();
    await reader.assign([{ topic: "t" }]);
    expect(await readToEnd(reader)).toHaveLength(50);
    expect(reader.assignments().map(({ partition, position }) => [partition, position])).toEqual([
      [0, 30],
      [1, 20],
    ]);
    expect(reader.isCaughtUp()).toBe(true);
  });

  it("goes on after a left loop with the record that follows, in the middle of a batch too", async () => {
    await produce(0, 50);
    const reader = await readerAt("start");
    for await (const record of reader) if (record.offset === 13) break;
    expect(reader.position("t", 0)).toBe(14);
    for await (const batch of reader.batches()) {
      expect(batch.firstOffset).toBe(14);
      break;
    }
    const position = reader.position("t", 0)!;
    expect(await readToEnd(reader)).toEqual(range(position, 50));
  });

  it("refuses a second iteration while one is under way, and takes it when that has ended", async () => {
    await produce(0, 30);
    const reader = await readerAt("start", { deliveryBytes: 1_024 });
    const first = reader.batches();
    const [, second] = [reader.records(), reader.records()]; // made, not begun: in nobody's way
    const seen = (await first.next()).value.toArray().map(({ offset }: { offset: number }) => offset);
    await expect(second.next()).rejects.toThrow(TypeError);
    await expect(second.next()).rejects.toThrow("another iteration of this reader is under way");
    while (seen.length < 30) for (const { offset } of (await first.next()).value) seen.push(offset);
    expect(seen).toEqual(range(0, 30));
    const waiting = first.next();
    await expect(first.next()).rejects.toThrow("before the one before it had settled");
    await first.return!();
    const next = second.next();
    expect(await waiting).toEqual({ done: true, value: undefined });
    await produce(30, 31);
    expect((await next).value.offset).toBe(30);
    await expect(reader.batches().next()).rejects.toThrow(TypeError);
    await second.return!();
    expect(await readToEnd(reader)).toEqual([]);
  });

  it("goes on with another iteration after one that failed", async () => {
    await produce(0, 10, 1);
    const reader = client.reader();
    await reader.assign([{ topic: "t", partition: 0, from: 5 }]);
    await expect(reader.records().next()).rejects.toMatchObject({ reason: "OFFSET_OUT_OF_RANGE" });
    await reader.assign([{ topic: "t", partition: 1 }]);
    expect(await readToEnd(reader)).toEqual(range(0, 10));
  });

  it("seeks to and fro, and nothing of before is handed out afterwards", async () => {
    await produce(0, 200);
    const reader = await readerAt("start", { deliveryBytes: 1_024 });
    const iteration = reader.records();
    expect((await iteration.next()).value.offset).toBe(0);
    await reader.seek({ topic: "t", partition: 0 }, 150);
    expect((await iteration.next()).value.offset).toBe(150);
    await reader.seek({ topic: "t", partition: 0 }, "start");
    expect((await iteration.next()).value.offset).toBe(0);
    await reader.seek({ topic: "t", partition: 0 }, { timestampMs: EPOCH_MS + 199_000 });
    expect((await iteration.next()).value.offset).toBe(199);
  });

  it("hands out nothing of a paused partition and loses nothing by it", async () => {
    await produce(0, 40, 0);
    await produce(0, 40, 1);
    const reader = client.reader();
    await reader.assign([{ topic: "t" }]);
    reader.pause([{ topic: "t", partition: 0 }]);
    const first: number[] = [];
    for await (const record of reader.records({ stopAtEnd: true })) first.push(record.partition);
    expect(new Set(first)).toEqual(new Set([1]));
    expect(first).toHaveLength(40);
    reader.resume();
    expect(await readToEnd(reader)).toEqual(range(0, 40));
  });

  it("tells in step with the iteration that it has caught up, each time", async () => {
    await produce(0, 20);
    const marks: CaughtUp[] = [];
    const reader = await readerAt("start", { onCaughtUp: (mark) => marks.push(mark) });
    expect(reader.isCaughtUp()).toBe(false);
    expect(await readToEnd(reader)).toEqual(range(0, 20));
    expect(reader.isCaughtUp({ topic: "t", partition: 0 })).toBe(true);
    const iteration = reader.records();
    const next = iteration.next();
    await produce(20, 21);
    expect((await next).value.offset).toBe(20);
    const last = iteration.next();
    await expect.poll(() => marks.at(-1)).toEqual({ topic: "t", partition: 0, highWatermark: 21 });
    expect(marks[0]).toEqual({ topic: "t", partition: 0, highWatermark: 20 });
    await reader.close();
    expect(await last).toEqual({ done: true, value: undefined });
  });

  it("fetches no more ahead than prefetchBytes, and everything in the end", async () => {
    const producer = client.producer({ batchBytes: 16_384 });
    for (let sent = 0; sent < 2_000; sent++) {
      const value = Buffer.alloc(1_000);
      if (!producer.write("t", { partition: 0, value })) await producer.ready();
    }
    await producer.flush();
    const subscribed: number[] = [];
    const subscribe = cluster.broker.subscribe.bind(cluster.broker);
    cluster.broker.subscribe = (sink, options) =>
      subscribe(
        {
          room: sink.room,
          deliver: (assignment, read) => {
            subscribed.push(read.bytes);
            return sink.deliver(assignment, read);
          },
          caughtUp: (assignment, mark) => sink.caughtUp(assignment, mark),
          failed: (assignment, error) => sink.failed(assignment, error),
        },
        options,
      );
    const reader = await readerAt("start", { prefetchBytes: 65_536, deliveryBytes: 16_384 });
    const iteration = reader.batches({ stopAtEnd: true });
    let records = (await iteration.next()).value.recordCount;
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(subscribed.reduce((sum, bytes) => sum + bytes)).toBeLessThan(65_536 + 2 * 16_384 + 16_384);
    for await (const batch of iteration) records += batch.recordCount;
    expect(records).toBe(2_000);
  });

  it("ends at once if everything was read, or nothing is assigned", async () => {
    const reader = client.reader();
    expect(await readToEnd(reader)).toEqual([]);
    await reader.assign([{ topic: "t" }]);
    expect(await readToEnd(reader)).toEqual([]);
    expect(await readToEnd(reader)).toEqual([]);
  });
});

describe("bytes damaged on the way", () => {
  /** Changes a byte of every delivery, at `position`. */
  function damage(position: number): void {
    const subscribe = cluster.broker.subscribe.bind(cluster.broker);
    cluster.broker.subscribe = (sink, options) =>
      subscribe(
        {
          room: sink.room,
          deliver: (assignment, read) => {
            const chunks = [Buffer.concat(read.chunks)];
            chunks[0]![position]! ^= 1;
            return sink.deliver(assignment, { ...read, chunks });
          },
          caughtUp: (assignment, mark) => sink.caughtUp(assignment, mark),
          failed: (assignment, error) => sink.failed(assignment, error),
        },
        options,
      );
  }

  it("are told by their checksum, with partition and offset, before a record is handed out", async () => {
    await produce(0, 10);
    damage(80);
    const reader = await readerAt(4);
    await expect(readToEnd(reader)).rejects.toMatchObject({
      reason: "CHECKSUM_MISMATCH",
      details: { topic: "t", partition: "0", offset: "4" },
    });
    expect(reader.assignments()).toEqual([]);
  });

  it("are told by their frames even without checksums", async () => {
    await produce(0, 10);
    damage(9); // the length of the batch
    const reader = await readerAt("start", { verifyChecksums: false });
    await expect(readToEnd(reader)).rejects.toMatchObject({ reason: "INVALID_BATCH" });
  });
});

describe("partitions that are offline", () => {
  /** Reads to the end, over and over, and tells what each iteration brought and threw. */
  async function iterations(reader: Reader): Promise<string[]> {
    const told: string[] = [];
    for (let isOver = false; !isOver; ) {
      let records = 0;
      try {
        for await (const batch of reader.batches({ stopAtEnd: true })) records += batch.recordCount;
        isOver = true;
        told.push(`${records}`);
      } catch (thrown) {
        const { reason, message } = MillraceError.from(thrown);
        told.push(`${records} ${reason} ${/t-\d/.exec(message)}`);
      }
    }
    return told;
  }

  beforeEach(async () => {
    await client.admin().addPartitions("t", 4);
    for (const partition of [0, 1, 2, 3]) await produce(0, 30, partition);
    await cluster.restart({ lost: ["t-0", "t-2"] });
  });

  it.each([
    ["from their starts", [{ topic: "t" }]],
    ["from offsets", [0, 1, 2, 3].map((partition) => ({ topic: "t", partition, from: 0 }))],
  ])("keep no other from being read to its end, %s, and are told one by one", async (_, assignments) => {
    const reader = client.reader({ deliveryBytes: 1_024 });
    await reader.assign(assignments);
    expect(await iterations(reader)).toEqual(["60 LOG_CORRUPT t-0", "0 LOG_CORRUPT t-2", "0"]);
    expect(reader.assignments().map(({ partition }) => partition)).toEqual([1, 3]);
  });

  it("are told at once if reading has no end", async () => {
    const reader = client.reader();
    await reader.assign([{ topic: "t" }]);
    await expect(reader.records().next()).rejects.toMatchObject({ reason: "LOG_CORRUPT" });
  });

  it("are told by assign where nothing else could be read", async () => {
    const assigned = client.reader().assign([{ topic: "t", partition: 2 }]);
    await expect(assigned).rejects.toMatchObject({ reason: "LOG_CORRUPT" });
  });

  it("are forgotten when everything is unassigned", async () => {
    const reader = client.reader();
    await reader.assign([{ topic: "t" }]);
    reader.unassign();
    await reader.assign([{ topic: "t", partition: 3 }]);
    expect(await iterations(reader)).toEqual(["30"]);
  });

  it("are forgotten when they are unassigned, by themselves or with others", async () => {
    const reader = client.reader();
    await reader.assign([{ topic: "t" }]);
    reader.unassign([
      { topic: "t", partition: 0 },
      { topic: "t", partition: 1 },
    ]);
    expect(await iterations(reader)).toEqual(["30 LOG_CORRUPT t-2", "0"]);
    await reader.assign([{ topic: "t" }]);
    reader.unassign([{ topic: "t", partition: 0 }]);
    reader.unassign([{ topic: "t", partition: 2 }]);
    expect(await iterations(reader)).toEqual(["60"]);
    expect(() => reader.unassign([{ topic: "t", partition: 2 }])).toThrow("not assigned");
  });

  it("are not forgotten by an unassign that is refused", async () => {
    const reader = client.reader();
    await reader.assign([{ topic: "t" }]);
    expect(() => reader.unassign([2, 1, 4].map((partition) => ({ topic: "t", partition })))).toThrow(
      expect.objectContaining({ reason: "INVALID_REQUEST", details: { topic: "t", partition: "4" } }),
    );
    expect(await iterations(reader)).toEqual(["60 LOG_CORRUPT t-0", "0 LOG_CORRUPT t-2", "0"]);
  });
});

describe("an offset outside the log", () => {
  it("is an error unless declared otherwise, and the other partitions go on", async () => {
    await produce(0, 20, 0);
    await produce(0, 20, 1);
    const reader = client.reader();
    await reader.assign([
      { topic: "t", partition: 0, from: 21 },
      { topic: "t", partition: 1 },
    ]);
    await expect(readToEnd(reader)).rejects.toMatchObject({
      reason: "OFFSET_OUT_OF_RANGE",
      details: { high_watermark: "20", log_start_offset: "0" },
    });
    expect(reader.position("t", 0)).toBeUndefined();
    await reader.seek({ topic: "t", partition: 1 }, "start");
    expect(await readToEnd(reader)).toEqual(range(0, 20));
  });

  it.each([
    ["start", 10],
    ["end", 20],
  ] as const)("moves to the %s if that is declared, and says so", async (onOutOfRange, to) => {
    await produce(0, 20);
    await client.admin().trimPartition({ topic: "t", partition: 0, beforeOffset: 10 });
    const resets: PositionReset[] = [];
    const reader = await readerAt(3, { onOutOfRange, onReset: (reset) => resets.push(reset) });
    expect(await readToEnd(reader)).toEqual(range(to, 20));
    expect(resets).toMatchObject([{ topic: "t", partition: 0, from: 3, to }]);
    expect(resets[0]!.error.reason).toBe("OFFSET_OUT_OF_RANGE");
  });

  it("is not moved in silence", () => {
    expect(() => client.reader({ onOutOfRange: "start" })).toThrow("onReset");
  });

  it("is refused if it is none", async () => {
    await expect(readerAt(-1)).rejects.toMatchObject({ reason: "INVALID_REQUEST" });
    await expect(readerAt(0.5)).rejects.toMatchObject({ reason: "INVALID_REQUEST" });
  });
});

describe("a reader in trouble", () => {
  it("goes on where it was after the connection broke", async () => {
    await produce(0, 500);
    const retries: string[] = [];
    const reader = await readerAt("start", {
      deliveryBytes: 1_024,
      prefetchBytes: 65_536,
      onRetry: (error) => retries.push(error.reason),
    });
    const offsets: number[] = [];
    for await (const record of reader.records({ stopAtEnd: true })) {
      offsets.push(record.offset);
      if (record.offset % 150 === 20) cluster.proxy.cut();
    }
    expect(offsets).toEqual(range(0, 500));
    await produce(500, 510);
    expect(await readToEnd(reader)).toEqual(range(500, 510));
    expect(retries).toContain("DISCONNECTED");
  });

  it("waits for a broker that restarts", async () => {
    await produce(0, 30);
    const reader = await readerAt("start");
    expect(await readToEnd(reader)).toEqual(range(0, 30));
    const iteration = reader.records();
    const next = iteration.next();
    await cluster.restart();
    await produce(30, 31);
    expect((await next).value.offset).toBe(30);
  });

  it("throws the last failure when no broker comes back within retryTimeoutMs", async () => {
    await produce(0, 10);
    const reader = await readerAt("start", { retryTimeoutMs: 200 });
    expect(await readToEnd(reader)).toEqual(range(0, 10));
    const next = reader.records().next();
    cluster.proxy.partition();
    await expect(next).rejects.toMatchObject({ reason: "DISCONNECTED" });
    cluster.proxy.heal();
  });

  it("throws when a topic is deleted under it", async () => {
    await produce(0, 10);
    const reader = await readerAt("start");
    expect(await readToEnd(reader)).toEqual(range(0, 10));
    const next = reader.records().next();
    await client.admin().deleteTopic("t");
    await expect(next).rejects.toMatchObject({ reason: "TOPIC_NOT_FOUND" });
  });

  it("refuses what the cluster does not have", async () => {
    const reader = client.reader();
    const missing = reader.assign([{ topic: "none" }]);
    await expect(missing).rejects.toMatchObject({ reason: "TOPIC_NOT_FOUND" });
    const beyond = reader.assign([{ topic: "t", partition: 2 }]);
    await expect(beyond).rejects.toMatchObject({ reason: "PARTITION_NOT_FOUND" });
    expect(() => reader.pause([{ topic: "t", partition: 0 }])).toThrow("not assigned");
  });
});
