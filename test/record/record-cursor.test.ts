import { describe, expect, it } from "vitest";
import { BatchBuilder, RecordCursor, stampBatch } from "../../src/record/index.ts";
import { craftBatch, nullable } from "./craft-batch.ts";
import { goldenBytes } from "./golden-batches.ts";
import { readRecords } from "./read-records.ts";

function offsets(cursor: RecordCursor): number[] {
  const found: number[] = [];
  while (cursor.next()) found.push(cursor.offset);
  return found;
}

describe("a record cursor", () => {
  it("stands before the first record and stays behind the last", () => {
    const cursor = new RecordCursor();
    cursor.reset(craftBatch());
    expect(cursor.recordCount).toBe(3);
    expect(offsets(cursor)).toEqual([0, 1, 2]);
    expect([cursor.next(), cursor.next()]).toEqual([false, false]);
  });

  it("has no records before its first reset", () => {
    expect(new RecordCursor().next()).toBe(false);
  });

  it("reads one batch of many, by position, whatever stands before and behind", () => {
    const chunk = Buffer.concat([
      goldenBytes("several"),
      craftBatch({ baseOffset: 500n }),
      Buffer.from("rest"),
    ]);
    const cursor = new RecordCursor();
    cursor.reset(chunk, goldenBytes("several").length);
    expect(offsets(cursor)).toEqual([500, 501, 502]);
  });

  it("is used again for the next batch, also from the middle of one, also after a refusal", () => {
    const cursor = new RecordCursor();
    cursor.reset(goldenBytes("many-lz4"));
    cursor.next();
    cursor.reset(craftBatch({ records: [{ keyLength: -2 }] }));
    expect(() => cursor.next()).toThrow(/key length/);
    expect(() => cursor.reset(Buffer.alloc(10))).toThrow(/header bytes/);
    expect(cursor.next()).toBe(false);
    cursor.reset(craftBatch({ baseOffset: 9n }));
    expect(offsets(cursor)).toEqual([9, 10, 11]);
  });

  it("tells null from empty by value and by length", () => {
    const cursor = new RecordCursor();
    cursor.reset(goldenBytes("nulls-and-empties"));
    const found: unknown[] = [];
    while (cursor.next()) {
      found.push([cursor.keyLength, cursor.key?.toString(), cursor.valueLength, cursor.value?.toString()]);
    }
    expect(found).toEqual([
      [undefined, undefined, 1, "v"],
      [1, "k", undefined, undefined],
      [undefined, undefined, undefined, undefined],
      [0, "", 0, ""],
      [0, "", undefined, undefined],
      [undefined, undefined, 0, ""],
    ]);
    cursor.reset(craftBatch({ records: [{ key: null, value: null }] }));
    cursor.next();
    expect([cursor.key, cursor.value]).toEqual([null, null]);
  });

  it("gives views of the batch, which outlive the cursor's next step", () => {
    const batch = goldenBytes("example");
    const cursor = new RecordCursor();
    cursor.reset(batch);
    cursor.next();
    const { value } = cursor;
    const headers = cursor.headers;
    cursor.next();
    expect(value!.buffer).toBe(batch.buffer);
    expect([value!.toString(), headers[0]!.value!.toString()]).toEqual(["value", "x"]);
    batch.write("V", 70);
    expect(value!.toString()).toBe("Value");
  });

  it("decodes headers as often as asked, in any order with the rest", () => {
    const cursor = new RecordCursor();
    cursor.reset(goldenBytes("headers"));
    cursor.next();
    expect(cursor.headerCount).toBe(5);
    const first = cursor.headers;
    expect(cursor.key!.toString()).toBe("k");
    expect(cursor.headers).toEqual(first);
    expect(cursor.next()).toBe(true);
    expect(cursor.headers.map(({ key }) => key)).toEqual(["long"]);
    expect(cursor.next()).toBe(false);
  });

  it("looks into headers only when asked", () => {
    const lying = { headerCount: 1, headers: Buffer.concat([nullable("x", 77), nullable("y")]) };
    const cursor = new RecordCursor();
    cursor.reset(craftBatch({ records: [lying, {}] }));
    expect(offsets(cursor)).toEqual([0, 1]);
    cursor.reset(craftBatch({ records: [lying, {}] }));
    cursor.next();
    expect(() => cursor.headers).toThrow(/header key length in record 0/);
  });

  it("gives the offsets that compaction left", () => {
    const cursor = new RecordCursor();
    const records = [{ offsetDelta: 2 }, { offsetDelta: 7 }];
    cursor.reset(craftBatch({ records, lastOffsetDelta: 9, baseOffset: 100n }));
    expect(offsets(cursor)).toEqual([102, 107]);
  });

  it("keeps offsets and timestamps exact up to 2^53 − 1", () => {
    const builder = new BatchBuilder({ bytesMax: 1_000 });
    builder.append(null, null, Number.MAX_SAFE_INTEGER);
    builder.append(null, null, 0);
    const batch = builder.build();
    stampBatch(batch, 0, Number.MAX_SAFE_INTEGER - 1, 0);
    expect(readRecords(batch)).toMatchObject([
      { offset: Number.MAX_SAFE_INTEGER - 1, timestampMs: Number.MAX_SAFE_INTEGER },
      { offset: Number.MAX_SAFE_INTEGER, timestampMs: 0 },
    ]);
  });

  it.each([
    ["magic", craftBatch({ magic: 1 })],
    ["batch length", craftBatch({ batchLength: 48 })],
    ["batch length", craftBatch({ batchLength: 1_000 })],
    ["record count", craftBatch({ recordCount: -1 })],
    ["header", Buffer.alloc(60)],
  ])("refuses to stand before a batch with a wrong %s", (field, batch) => {
    expect(() => new RecordCursor().reset(batch)).toThrow(
      expect.objectContaining({ reason: "INVALID_BATCH", details: expect.objectContaining({ field }) }),
    );
  });

  it.each([
    ["fewer records than counted", craftBatch({ recordCount: 4, lastOffsetDelta: 3 })],
    ["more records than counted", craftBatch({ recordCount: 2 })],
    ["offsets that fall", craftBatch({ records: [{ offsetDelta: 1 }, { offsetDelta: 0 }] })],
    ["offsets beyond the last", craftBatch({ records: [{ offsetDelta: 1 }], lastOffsetDelta: 0 })],
    ["negative offsets", craftBatch({ records: [{ offsetDelta: -1 }] })],
  ])("refuses %s on its way", (_, batch) => {
    const cursor = new RecordCursor();
    cursor.reset(batch);
    expect(() => offsets(cursor)).toThrow(expect.objectContaining({ reason: "INVALID_BATCH" }));
  });

  it("refuses to unfold a batch beyond the bound it is given", () => {
    expect(() => new RecordCursor().reset(goldenBytes("many-gzip"), 0, 1_000)).toThrow(
      expect.objectContaining({ reason: "BATCH_TOO_LARGE" }),
    );
  });
});
