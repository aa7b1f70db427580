import { beforeEach, describe, expect, it } from "vitest";
import type { PositionReset, Reader } from "../../src/client/index.ts";
import { MillraceError } from "../../src/errors/index.ts";
import { cluster, client, produce, readToEnd, range, readerAt } from "./reader-rig.ts";

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
