import { describe, expect, it } from "vitest";
import type { CaughtUp } from "../../src/client/index.ts";
import { cluster, client, EPOCH_MS, produce, readToEnd, range, readerAt } from "./reader-rig.ts";

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
