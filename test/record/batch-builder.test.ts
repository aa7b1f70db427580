import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { BATCH_BYTES_MAX, HEADER_KEY_BYTES_MAX } from "../../src/base/index.ts";
import {
  BATCH_HEADER_BYTES,
  BatchBuilder,
  checkBatch,
  readBatchHeader,
  recordSizeMax,
} from "../../src/record/index.ts";
import { arbitraryRecord } from "./arbitrary-records.ts";
import { readRecords } from "./read-records.ts";

const LIMITS = { batchBytesMax: BATCH_BYTES_MAX, decompressedBytesMax: BATCH_BYTES_MAX } as const;

function values(batch: Buffer): (string | undefined)[] {
  checkBatch(batch, LIMITS);
  return readRecords(batch).map(({ value }) => value?.toString());
}

describe("a batch builder", () => {
  it("counts records and bytes as they come", () => {
    const builder = new BatchBuilder({ bytesMax: 1_000 });
    expect([builder.recordCount, builder.sizeInBytes]).toEqual([0, BATCH_HEADER_BYTES]);
    builder.append(null, "v", 1);
    expect([builder.recordCount, builder.sizeInBytes]).toEqual([1, BATCH_HEADER_BYTES + 8]);
    expect(builder.build()).toHaveLength(builder.sizeInBytes);
  });

  it("is filled to the last byte and says no to what does not fit, which changes nothing", () => {
    const builder = new BatchBuilder({ bytesMax: BATCH_HEADER_BYTES + 16 });
    expect(builder.append(null, "a", 1)).toBe(true);
    expect(builder.append(null, "bc", 1)).toBe(false);
    expect(builder.append(null, "b", 1)).toBe(true);
    expect(builder.sizeInBytes).toBe(BATCH_HEADER_BYTES + 16);
    expect(builder.append(null, null, 1)).toBe(false);
    expect(values(builder.build())).toEqual(["a", "b"]);
  });

  it("refuses a record that no batch of its size can hold, and goes on", () => {
    const builder = new BatchBuilder({ bytesMax: 100 });
    expect(() => builder.append(null, "x".repeat(40), 1)).toThrow(
      expect.objectContaining({ reason: "BATCH_TOO_LARGE", details: { size: "108", max: "100" } }),
    );
    expect(builder.append(null, "small", 1)).toBe(true);
    expect(values(builder.build())).toEqual(["small"]);
  });

  it("grows from small to large with all records in their places", () => {
    const builder = new BatchBuilder({ bytesMax: 1_000_000 });
    const expected = Array.from({ length: 900 }, (_, index) => "v".repeat(index));
    for (const value of expected) expect(builder.append(null, value, 1)).toBe(true);
    expect(values(builder.build())).toEqual(expected);
  });

  it("takes a record of a megabyte at once", () => {
    const builder = new BatchBuilder({ bytesMax: 1_100_000 });
    const value = Buffer.alloc(1_048_576, "v");
    expect(builder.append("key", value, 1)).toBe(true);
    expect(readRecords(builder.build())[0]!.value!.equals(value)).toBe(true);
  });

  it("leaves a batch alone that it has handed out", () => {
    const builder = new BatchBuilder({ bytesMax: 1_000 });
    builder.append(null, "first", 1);
    const first = builder.build();
    builder.reset();
    builder.append(null, "other", 2);
    const second = builder.build();
    expect([values(first), values(second)]).toEqual([["first"], ["other"]]);
  });

  it("builds in the buffer it is given, within its own limit, and grows out of a small one", () => {
    const builder = new BatchBuilder({ bytesMax: 200 });
    const pooled = Buffer.alloc(4_096);
    builder.reset(pooled);
    while (builder.append(null, "0123456789", 1));
    const batch = builder.build();
    expect(batch.buffer).toBe(pooled.buffer);
    expect(batch.length).toBeLessThanOrEqual(200);
    const found = values(batch);
    builder.reset(Buffer.alloc(0));
    while (builder.append(null, "0123456789", 1));
    expect(values(builder.build())).toEqual(found);
  });

  it("builds again for another producer epoch with the same records", () => {
    const builder = new BatchBuilder({ bytesMax: 1_000 });
    builder.append("k", "v", 1);
    const header = (epoch: number) =>
      checkBatch(builder.build({ producerId: 7, producerEpoch: epoch, baseSequence: 3 }), LIMITS);
    expect(header(0)).toMatchObject({ producerId: 7, producerEpoch: 0, baseSequence: 3 });
    expect(header(1)).toMatchObject({ producerId: 7, producerEpoch: 1, baseSequence: 3 });
  });

  it("compresses where that helps and leaves it where it does not", () => {
    const builder = new BatchBuilder({ bytesMax: 10_000, compression: "gzip" });
    builder.append(null, "x", 1);
    const tiny = builder.build();
    expect(readBatchHeader(tiny).compression).toBe("none");
    expect(tiny).toHaveLength(builder.sizeInBytes);
    builder.append(null, "x".repeat(5_000), 1);
    const large = builder.build();
    expect(readBatchHeader(large).compression).toBe("gzip");
    expect(large.length).toBeLessThan(200);
    expect(values(large)).toHaveLength(2);
    expect(values(tiny)).toEqual(["x"]);
  });

  it("encodes text as UTF-8, lone surrogates as U+FFFD", () => {
    const texts = [
      "",
      "ascii",
      "größe",
      "粉".repeat(30),
      "é".repeat(16),
      "\u{1F33E}",
      "half \ud83c",
      "a".repeat(500),
    ];
    const builder = new BatchBuilder({ bytesMax: 10_000 });
    for (const text of texts) builder.append(text, text, 1, [{ key: text, value: null }]);
    const records = readRecords(builder.build());
    const expected = texts.map((text) => Buffer.from(text).toString());
    expect(records.map(({ key }) => key!.toString())).toEqual(expected);
    expect(records.map(({ value }) => value!.toString())).toEqual(expected);
    expect(records.map(({ headers }) => headers[0]!.key)).toEqual(expected);
  });

  it.each([-1, 0.5, 2 ** 53, Number.NaN, Number.POSITIVE_INFINITY])("refuses timestamp %s", (timestampMs) => {
    const builder = new BatchBuilder({ bytesMax: 1_000 });
    expect(() => builder.append(null, null, timestampMs)).toThrow(
      expect.objectContaining({ reason: "INVALID_REQUEST" }),
    );
    expect(builder.recordCount).toBe(0);
  });

  it("refuses more headers than a broker takes", () => {
    const builder = new BatchBuilder({ bytesMax: 1_000_000 });
    const headers = (count: number) => new Array(count).fill({ key: "", value: null });
    expect(builder.append(null, null, 1, headers(1_000))).toBe(true);
    expect(() => builder.append(null, null, 1, headers(1_001))).toThrow(/1001 headers, at most 1000/);
    expect(checkBatch(builder.build(), LIMITS).recordCount).toBe(1);
  });

  it("refuses a header name longer than the format's limit, by its bytes", () => {
    const builder = new BatchBuilder({ bytesMax: 1_000_000 });
    const named = (key: string) => [{ key, value: null }];
    expect(builder.append(null, null, 1, named("n".repeat(HEADER_KEY_BYTES_MAX)))).toBe(true);
    for (const key of ["n".repeat(HEADER_KEY_BYTES_MAX + 1), "ä".repeat(HEADER_KEY_BYTES_MAX / 2 + 1)]) {
      expect(() => builder.append(null, null, 1, named(key))).toThrow(/32767 are allowed/);
    }
    expect(checkBatch(builder.build(), LIMITS).recordCount).toBe(1);
  });

  it("takes it as a programmer's mistake to build without records or outside the walls", () => {
    expect(() => new BatchBuilder({ bytesMax: 1_000 }).build()).toThrow(TypeError);
    for (const bytesMax of [BATCH_HEADER_BYTES, BATCH_BYTES_MAX + 1, Number.NaN]) {
      expect(() => new BatchBuilder({ bytesMax })).toThrow(TypeError);
    }
  });
});

describe("the most bytes of a record", () => {
  it("are never less than it takes, first or later in a batch", () => {
    fc.assert(
      fc.property(arbitraryRecord, arbitraryRecord, (before, { key, value, timestampMs, headers }) => {
        const builder = new BatchBuilder({ bytesMax: 200_000 });
        builder.append(before.key, before.value, before.timestampMs, before.headers);
        const start = builder.sizeInBytes;
        builder.append(key, value, timestampMs, headers);
        expect(builder.sizeInBytes - start).toBeLessThanOrEqual(recordSizeMax(key, value, headers));
      }),
    );
  });
});
