import { describe, expect, it } from "vitest";
import type { MillraceError, Reason } from "../../src/errors/index.ts";
import { type BatchLimits, checkBatch } from "../../src/record/index.ts";
import { type CraftedBatch, craftBatch, nullable, zigzag } from "./craft-batch.ts";
import { goldenBytes } from "./golden-batches.ts";

const LIMITS: BatchLimits = { batchBytesMax: 100_000, decompressedBytesMax: 100_000 };

function refusal(batch: Buffer, limits = LIMITS): MillraceError {
  try {
    checkBatch(batch, limits);
  } catch (error) {
    return error as MillraceError;
  }
  throw new Error("the batch passed");
}

type Lie = readonly [lie: string, field: string, batch: CraftedBatch];

const headerLies: readonly Lie[] = [
  ["a length one too small", "batch length", { batchLength: 75 }],
  ["a length one too large", "batch length", { batchLength: 77 }],
  ["a negative length", "batch length", { batchLength: -1 }],
  ["the largest length", "batch length", { batchLength: 0x7fffffff }],
  ["magic 1", "magic", { magic: 1 }],
  ["magic −1", "magic", { magic: -1 }],
  ["append time", "attributes", { attributes: 0x08 }],
  ["a transaction", "attributes", { attributes: 0x10 }],
  ["control records", "attributes", { attributes: 0x20 }],
  ["a delete horizon", "attributes", { attributes: 0x40 }],
  ["an unused attribute bit", "attributes", { attributes: 0x80 }],
  ["the highest attribute bit", "attributes", { attributes: -0x8000 }],
  ["no records", "record count", { records: [] }],
  ["a count of 0 before records", "record count", { recordCount: 0 }],
  ["a negative count", "record count", { recordCount: -3, lastOffsetDelta: -4 }],
  ["a count one too small", "record count", { recordCount: 2 }],
  ["a count one too large", "record count", { recordCount: 4 }],
  ["a last offset delta that leaves a gap", "record count", { lastOffsetDelta: 3 }],
  ["count and delta one too large", "length", { recordCount: 4, lastOffsetDelta: 3 }],
  ["count and delta far too large", "length", { recordCount: 0x7fffffff, lastOffsetDelta: 0x7ffffffe }],
  ["count and delta one too small", "records", { recordCount: 2, lastOffsetDelta: 1 }],
  ["a negative base timestamp", "base timestamp", { baseTimestamp: -1n, maxTimestamp: 0n }],
  ["a base timestamp beyond 2^53", "base timestamp", { baseTimestamp: 2n ** 53n, maxTimestamp: 2n ** 53n }],
  ["a negative max timestamp", "max timestamp", { maxTimestamp: -1n }],
  ["a max timestamp above all records", "max timestamp", { maxTimestamp: 1_001n }],
  ["a max timestamp below all records", "max timestamp", { maxTimestamp: 999n }],
  ["a producer id without epoch", "producer id", { producerId: 1n, baseSequence: 0 }],
  ["a producer id without sequence", "producer id", { producerId: 1n, producerEpoch: 0 }],
  ["a producer id beyond 2^53", "producer id", { producerId: 2n ** 60n, producerEpoch: 0, baseSequence: 0 }],
];

const recordLies: readonly Lie[] = [
  ["a record length one too small", "header count", { records: [{ length: 7 }] }],
  ["a record length one too large", "length", { records: [{ length: 9 }] }],
  ["a negative record length", "length", { records: [{ length: -1 }] }],
  ["a record length of 0", "length", { records: [{ length: 0 }] }],
  ["the largest record length", "length", { records: [{ length: 0x7fffffff }] }],
  ["a record length over two records", "header count", { records: [{ length: 17 }, {}] }],
  ["record attributes", "attributes", { records: [{ attributes: 1 }] }],
  ["offset deltas from 1", "offset delta", { records: [{ offsetDelta: 1 }, { offsetDelta: 2 }] }],
  ["a negative offset delta", "offset delta", { records: [{ offsetDelta: -1 }] }],
  ["an offset delta twice", "offset delta", { records: [{}, { offsetDelta: 0 }] }],
  ["a gap in the offset deltas", "offset delta", { records: [{}, { offsetDelta: 2 }] }],
  ["a timestamp below 0", "timestamp delta", { records: [{ timestampDelta: -1_001 }, {}] }],
  ["a timestamp delta beyond 2^53", "varint", { records: [{ timestampDelta: 2n ** 62n }] }],
  ["a timestamp beyond 2^53", "max timestamp", { records: [{ timestampDelta: 2 ** 53 - 1 }] }],
  ["a key length of −2", "key length", { records: [{ keyLength: -2 }] }],
  ["a key longer than its record", "key length", { records: [{ keyLength: 5 }, {}] }],
  ["the longest key", "key length", { records: [{ keyLength: 0x7fffffff }] }],
  ["a null key with bytes", "value length", { records: [{ keyLength: -1 }] }],
  ["a value length of −2", "value length", { records: [{ valueLength: -2 }] }],
  ["a value longer than its record", "value length", { records: [{ valueLength: 3 }, {}] }],
  ["a value up to the record's end", "header count", { records: [{ valueLength: 2 }, {}] }],
  ["a negative header count", "header count", { records: [{ headerCount: -1 }] }],
  ["headers that are not there", "header key length", { records: [{ headerCount: 1 }, {}] }],
  ["as many headers as there can be", "header count", { records: [{ headerCount: 0x7fffffff }, {}] }],
  ["headers that nobody counts", "header count", { records: [{ headers: nullable("h") }] }],
  ["bytes behind the record", "header count", { records: [{ extra: Buffer.from("x") }] }],
  ["a varint of six bytes", "varint", { payload: Buffer.from("808080808001", "hex"), records: [{}] }],
  ["a varint above 32 bits", "varint", { payload: Buffer.from("ffffffff7f", "hex"), records: [{}] }],
  ["a varint cut off", "varint", { payload: Buffer.from("8080", "hex"), records: [{}] }],
];

const header = (key: Buffer, value: Buffer) => ({ headerCount: 1, headers: Buffer.concat([key, value]) });
const x = nullable("x");
const long = nullable("n".repeat(32_768));
const headers = (count: number) => ({
  headerCount: count,
  headers: Buffer.alloc(2 * count, Buffer.from([0, 1])),
});
const headerOfRecordLies: readonly Lie[] = [
  ["more than a thousand headers", "header count", { records: [headers(1_001)] }],
  ["a null header name", "header key length", { records: [header(zigzag(-1), x)] }],
  ["a header name out of its record", "header key length", { records: [header(zigzag(9), x), {}] }],
  ["a header name of 32,768 bytes", "header key length", { records: [header(long, x)] }],
  ["a header name that is not UTF-8", "header key", { records: [header(Buffer.from([2, 0xff]), x)] }],
  ["a header name cut within a character", "header key", { records: [header(Buffer.from([2, 0xc3]), x)] }],
  ["a header value length of −2", "header value length", { records: [header(x, zigzag(-2))] }],
  ["a header value out of its record", "header value length", { records: [header(x, zigzag(9)), {}] }],
  ["a byte behind the headers", "headers", { records: [{ ...header(x, x), extra: Buffer.from("x") }] }],
  [
    "one header less than counted",
    "header key length",
    { records: [{ ...header(x, x), headerCount: 2 }, {}] },
  ],
  [
    "one header more than counted",
    "headers",
    { records: [{ headerCount: 1, headers: Buffer.concat([x, x, x, x]) }] },
  ],
];

describe("the check of a batch from a producer", () => {
  it("passes the crafted batch without lies", () => {
    expect(checkBatch(craftBatch(), LIMITS)).toMatchObject({ recordCount: 3, compression: "none" });
  });

  it.each([...headerLies, ...recordLies, ...headerOfRecordLies])("refuses %s", (_, field, lying) => {
    const error = refusal(craftBatch(lying));
    expect(error).toMatchObject({ reason: "INVALID_BATCH", details: { field } });
  });

  it("passes a thousand headers, and more if they were stored before", () => {
    expect(checkBatch(craftBatch({ records: [headers(1_000)] }), LIMITS).recordCount).toBe(1);
    const stored = { ...LIMITS, origin: "log" } as const;
    expect(checkBatch(craftBatch({ records: [headers(1_001)] }), stored).recordCount).toBe(1);
  });

  it("says in which record and at which byte the lie is", () => {
    const error = refusal(craftBatch({ records: [{}, { offsetDelta: 7 }] }));
    expect(error.details).toEqual({ field: "offset delta", record: "1", position: "79" });
    expect(error.message).toContain("offset delta in record 1 at byte 79: 7 instead of 1");
  });

  it("refuses a wrong CRC with both values", () => {
    const error = refusal(craftBatch({ crc: 0x0000beef }));
    expect(error.reason).toBe("CHECKSUM_MISMATCH");
    expect(error.details).toMatchObject({ expected: "0x0000beef", field: "crc" });
  });

  it.each([5, 6, 7])("refuses codec %s as unknown", (codec) => {
    expect(refusal(craftBatch({ attributes: codec })).reason).toBe(
      "UNSUPPORTED_COMPRESSION" satisfies Reason,
    );
  });

  it("takes a batch of exactly the most bytes and refuses one byte more", () => {
    const batch = craftBatch();
    expect(checkBatch(batch, { ...LIMITS, batchBytesMax: batch.length }).sizeInBytes).toBe(batch.length);
    const error = refusal(batch, { ...LIMITS, batchBytesMax: batch.length - 1 });
    expect(error.reason).toBe("BATCH_TOO_LARGE");
    expect(error.details).toEqual({ size: String(batch.length), max: String(batch.length - 1) });
  });

  it("refuses nothing but bytes, and two batches at once", () => {
    expect(refusal(Buffer.alloc(0)).reason).toBe("INVALID_BATCH");
    expect(refusal(Buffer.concat([craftBatch(), craftBatch()])).details.field).toBe("batch length");
  });

  it("refuses every truncation of a batch, with and without a mended length", () => {
    const whole = goldenBytes("headers");
    for (let length = 0; length < whole.length; length++) {
      expect(refusal(Buffer.from(whole.subarray(0, length))).reason).toBe("INVALID_BATCH");
      if (length < 61) continue;
      const payload = whole.subarray(61, length);
      const mended = craftBatch({ payload, records: [{}, {}], baseTimestamp: 0n, maxTimestamp: 0n });
      expect(refusal(mended).reason, `cut at ${length}`).toBe("INVALID_BATCH");
    }
  });

  it("takes offsets and leader epochs as they come, because the leader stamps both", () => {
    const batch = craftBatch({ baseOffset: -5n });
    batch.writeInt32BE(77, 12);
    expect(checkBatch(batch, LIMITS).recordCount).toBe(3);
  });

  it("takes epoch and sequence without producer id for nothing, as some clients fill them", () => {
    const header = checkBatch(craftBatch({ producerEpoch: 0, baseSequence: 0 }), LIMITS);
    expect(header).toMatchObject({
      producerId: undefined,
      producerEpoch: undefined,
      baseSequence: undefined,
    });
  });

  it("takes varints that are padded, as Kafka does", () => {
    const payload = Buffer.from("8e800000000002610000", "hex"); // length 7 in three bytes
    expect(checkBatch(craftBatch({ payload, records: [{}] }), LIMITS).recordCount).toBe(1);
  });

  it("goes on after a refusal as if nothing had been", () => {
    refusal(craftBatch({ records: [{ length: 9 }] }));
    expect(checkBatch(craftBatch(), LIMITS).recordCount).toBe(3);
  });
});

describe("the check of a batch from a log", () => {
  const fromLog: BatchLimits = { ...LIMITS, origin: "log" };

  it("takes gaps that compaction left, at both ends too", () => {
    const records = [{ offsetDelta: 2 }, { offsetDelta: 5 }];
    expect(checkBatch(craftBatch({ records, lastOffsetDelta: 9 }), fromLog).recordCount).toBe(2);
  });

  it("takes a batch that compaction emptied", () => {
    expect(checkBatch(craftBatch({ records: [], lastOffsetDelta: 4 }), fromLog).recordCount).toBe(0);
  });

  it.each<Lie>([
    ["offset deltas that fall", "offset delta", { records: [{ offsetDelta: 1 }, { offsetDelta: 0 }] }],
    [
      "an offset delta beyond the last",
      "offset delta",
      { records: [{ offsetDelta: 1 }], lastOffsetDelta: 0 },
    ],
    ["more records than offsets", "record count", { lastOffsetDelta: 1 }],
    ["a max timestamp below a record's", "max timestamp", { maxTimestamp: 999n }],
    ["an unused attribute bit", "attributes", { attributes: 0x80 }],
  ])("refuses %s", (_, field, lying) => {
    expect(refusal(craftBatch(lying), fromLog).details.field).toBe(field);
  });
});
