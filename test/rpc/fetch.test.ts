import zlib from "node:zlib";
import { beforeEach, describe, expect, it, vi } from "vitest";
import { millrace } from "../../src/gen/millrace.js";
import { BatchBuilder } from "../../src/record/index.ts";
import type { RpcServer } from "../../src/rpc/index.ts";
import { messageToError } from "../../src/wire/index.ts";
import { FakeBroker } from "./fake-broker.ts";
import { atEnd, batchOf, connect, log, startServer, type TestClient, until } from "./harness.ts";
import { unfoldingBatch } from "./unfolding-batch.ts";

const format = millrace.v1.RecordFormat.RECORD_FORMAT_BATCHES;
type Request = millrace.v1.FetchRequest.$Properties;

describe("Fetch", () => {
  let broker: FakeBroker;
  let server: RpcServer;
  let client: TestClient;
  const position = (offset = 0, partition = 0) => ({ topic: "t", partition, offset });
  const put = (...values: string[]) => broker.produce("t", 0, batchOf(...values), undefined);

  beforeEach(async () => {
    broker = new FakeBroker();
    await broker.createTopic({ name: "t", partitionCount: 2 });
    server = await startServer(broker);
    client = connect(server);
  });

  it("returns stored batches as they are, one part for each position", async () => {
    await put("a", "b");
    await put("c");
    const positions = [position(0, 1), position(1)];
    const { partitions } = await client.call(log.fetch, { positions, format });
    expect(partitions!.map(({ partition, nextOffset }) => [partition, nextOffset])).toEqual([
      [1, 0],
      [0, 3],
    ]);
    expect(partitions![0]!.batches).toHaveLength(0);
    expect(partitions![1]).toMatchObject({ topic: "t", highWatermark: 3 });
    expect(partitions![1]!.batches).toEqual(Buffer.concat(broker.topics.get("t")!.partitions[0]!));
  });

  it("returns structured records from the offset asked for, by default", async () => {
    const records = [
      {
        key: Buffer.from("k"),
        headers: [{ key: "h", value: Buffer.alloc(0) }, { key: "h" }],
        timestampMs: 3,
      },
      { value: Buffer.from("v"), timestampMs: 0 },
      { key: Buffer.alloc(0), value: Buffer.alloc(0), timestampMs: 9 },
    ];
    await client.call(log.produce, { topic: "t", partition: 0, records: { records } });
    const all = await client.call(log.fetch, { positions: [position()] });
    // The decoder sets what was on the wire and leaves the rest to the prototype: own fields tell absent from null.
    const own = all.partitions![0]!.records!.map((record) => ({
      ...record,
      headers: record.headers?.map((header) => ({ ...header })),
    }));
    const plain = own.map(({ headers, ...rest }) => (headers?.length ? { ...rest, headers } : rest));
    expect(plain).toEqual(
      records
        .map((record, offset) => ({ ...record, offset }))
        .map(({ offset, ...record }) =>
          // proto3 has no presence for an offset of 0
          offset === 0 ? record : { ...record, offset },
        ),
    );
    const later = await client.call(log.fetch, { positions: [position(2)] });
    expect(later.partitions![0]!.records!.map(({ offset }) => offset)).toEqual([2]);
    expect(later.partitions![0]!.nextOffset).toBe(3);
  });

  it("stops structured records at 3 MiB and says where to go on", async () => {
    await broker.produce("t", 0, batchOf(Buffer.alloc(100_000), Buffer.alloc(900_000)), undefined);
    const { partitions } = await client.call(log.fetch, { positions: new Array(5).fill(position()) });
    const counts = partitions!.map(({ records, nextOffset }) => [records!.length, nextOffset]);
    expect(counts).toEqual([
      [2, 2],
      [2, 2],
      [2, 2],
      [1, 1],
      [0, 0],
    ]);
    expect(partitions![4]!.error).toBeNull();
  });

  it("stops decompressing for a few records of many positions, and says where to go on", async () => {
    const builder = new BatchBuilder({ bytesMax: 3 * 1_048_576, compression: "gzip" });
    builder.append(null, Buffer.alloc(2_600_000), 1);
    builder.append(null, "last", 1);
    await broker.produce("t", 0, Buffer.from(builder.build()), undefined);
    const gunzip = vi.spyOn(zlib, "gunzipSync");
    atEnd(() => gunzip.mockRestore());
    const { partitions } = await client.call(log.fetch, { positions: new Array(60).fill(position(1)) });
    expect(gunzip).toHaveBeenCalledTimes(4);
    const nextOffsets = partitions!.map(({ nextOffset }) => nextOffset);
    expect(nextOffsets).toEqual([2, 2, 2, 2, ...new Array(56).fill(1)]);
  });

  it("decompresses nothing for positions that come after a full answer", async () => {
    await broker.produce("t", 0, unfoldingBatch(2_000_000), undefined);
    const gunzip = vi.spyOn(zlib, "gunzipSync");
    atEnd(() => gunzip.mockRestore());
    const { partitions } = await client.call(log.fetch, { positions: new Array(60).fill(position()) });
    expect(partitions!.map(({ nextOffset }) => nextOffset)).toEqual([1, ...new Array(59).fill(0)]);
    expect(gunzip).toHaveBeenCalledTimes(2);
  });

  it("fails one partition and serves the other", async () => {
    await put("a");
    const positions = [{ topic: "gone", partition: 0 }, position(7), position()];
    for (const form of [format, 0]) {
      const { partitions } = await client.call(log.fetch, { positions, format: form });
      const reasons = partitions!.map(({ error }) =>
        error == null ? undefined : messageToError(error).reason,
      );
      expect(reasons).toEqual(["TOPIC_NOT_FOUND", "OFFSET_OUT_OF_RANGE", undefined]);
      expect(partitions![2]!.nextOffset).toBe(1);
    }
  });

  it("refuses a record that structured form cannot carry, and gives it as a batch", async () => {
    await broker.produce("t", 0, unfoldingBatch(3 * 1_048_576), undefined);
    const { partitions } = await client.call(log.fetch, { positions: [position()] });
    expect(messageToError(partitions![0]!.error!)).toMatchObject({
      reason: "INVALID_REQUEST",
      details: { allowed: "RECORD_FORMAT_BATCHES" },
    });
    const batches = await client.call(log.fetch, { positions: [position()], format });
    expect(batches.partitions![0]!.nextOffset).toBe(1);
  });

  it("waits for data and answers when it comes", async () => {
    const answer = client.call(log.fetch, { positions: [position()], maxWaitMs: 30_000 });
    await new Promise((resolve) => setTimeout(resolve, 20));
    await put("late");
    expect((await answer).partitions![0]!.nextOffset).toBe(1);
  });

  it("answers with nothing when the wait is over", async () => {
    const { partitions } = await client.call(log.fetch, { positions: [position()], maxWaitMs: 10 });
    expect(partitions![0]).toMatchObject({ nextOffset: 0 });
    expect(partitions![0]!.error).toBeNull();
  });

  it("stops waiting when the client cancels", async () => {
    const gaveUp = new AbortController();
    const request = { positions: [position()], maxWaitMs: 30_000 };
    const failure = client.failure(log.fetch, request, { signal: gaveUp.signal });
    await new Promise((resolve) => setTimeout(resolve, 20));
    gaveUp.abort();
    expect((await failure).reason).toBe("CANCELLED");
    await until(() => broker.abortedFetches === 1);
  });

  it("stops waiting at the client's deadline", async () => {
    const request = { positions: [position()], maxWaitMs: 30_000 };
    const error = await client.failure(log.fetch, request, { deadline: Date.now() + 50 });
    expect(error).toMatchObject({ reason: "DEADLINE_EXCEEDED", effect: "unknown" });
    await until(() => broker.abortedFetches === 1);
  });

  const refused: [string, Request, string][] = [
    ["no positions", { positions: [] }, "the number of positions"],
    ["257 positions", { positions: new Array(257).fill(position()) }, "the number of positions"],
    ["a bad topic", { positions: [{ topic: "" }] }, "positions[0].topic"],
    ["a negative partition", { positions: [position(0, -1)] }, "positions[0].partition"],
    ["a negative offset", { positions: [position(), position(-1)] }, "positions[1].offset"],
    ["negative position bytes", { positions: [{ ...position(), maxBytes: -1 }] }, "positions[0].max_bytes"],
    [
      "too many position bytes",
      { positions: [{ ...position(), maxBytes: 1_048_577 }] },
      "positions[0].max_bytes",
    ],
    ["negative min bytes", { positions: [position()], minBytes: -1 }, "min_bytes"],
    ["too many min bytes", { positions: [position()], minBytes: 1_048_577 }, "min_bytes"],
    ["a negative wait", { positions: [position()], maxWaitMs: -1 }, "max_wait_ms"],
    ["too long a wait", { positions: [position()], maxWaitMs: 30_001 }, "max_wait_ms"],
    ["negative bytes", { positions: [position()], maxBytes: -1 }, "max_bytes"],
    ["too many bytes", { positions: [position()], maxBytes: 2_097_153 }, "max_bytes"],
    ["an unknown format", { positions: [position()], format: 4 as millrace.v1.RecordFormat }, "format"],
  ];
  it.each(refused)("refuses %s", async (_, request, field) => {
    expect(await client.failure(log.fetch, request)).toMatchObject({
      reason: "INVALID_REQUEST",
      details: { field },
    });
  });

  it("refuses an offset beyond 2^53, bytes that are no request, and requests without bound", async () => {
    const raw = { ...log.fetch, requestSerialize: (bytes: Buffer) => bytes };
    const offset = [0x18, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f];
    for (const bytes of [
      [0x0a, offset.length, ...offset],
      [0x0a, 0xff],
    ]) {
      const error = await client.failure(raw, Buffer.from(bytes));
      expect(error).toMatchObject({ reason: "INVALID_REQUEST", details: { field: "request" } });
    }
    const tiny = Buffer.alloc(1_000_000, Buffer.from([0x0a, 0]));
    expect((await client.failure(raw, tiny)).details).toMatchObject({ allowed: "at most 262144 bytes" });
  });

  it("ignores fields that it does not know", async () => {
    await put("a");
    const known = Buffer.from(millrace.v1.FetchRequest.encode({ positions: [position()] }).finish());
    const raw = { ...log.fetch, requestSerialize: (bytes: Buffer) => bytes };
    const { partitions } = await client.call(raw, Buffer.concat([known, Buffer.from([0xf2, 0x3f, 2, 1, 2])]));
    expect(partitions![0]!.records).toHaveLength(1);
  });
});
