import { describe, expect, it } from "vitest";
import {
  BatchBuilder,
  checkBatch,
  probeBatch,
  readBatchHeader,
  readLastOffset,
  stampAppendTime,
  stampBatch,
} from "../../src/record/index.ts";
import { type GoldenBatch, goldenBatches } from "./golden-batches.ts";
import { readRecords } from "./read-records.ts";

const LIMITS = { batchBytesMax: 1_048_588, decompressedBytesMax: 1_048_576 } as const;

function encode(golden: GoldenBatch): Buffer {
  const builder = new BatchBuilder({ bytesMax: 1_048_588, compression: golden.compression });
  for (const { key, value, timestampMs, headers } of golden.records!) {
    expect(builder.append(key, value, timestampMs, headers)).toBe(true);
  }
  const { producerId, producerEpoch, baseSequence } = golden;
  const batch = builder.build(producerId < 0 ? {} : { producerId, producerEpoch, baseSequence });
  stampBatch(batch, 0, golden.baseOffset, golden.leaderEpoch);
  if (golden.timestampType === "LogAppendTime") stampAppendTime(batch, 0, golden.maxTimestampMs);
  return batch;
}

function absentIfNegative(value: number): number | undefined {
  return value < 0 ? undefined : value;
}

type Row = readonly [string, GoldenBatch];
const rows = goldenBatches.map((golden): Row => [golden.name, golden]);

/** What a producer may send: the others have append time, transactions or control records. */
function isFromProducer([, golden]: Row): boolean {
  return golden.timestampType === "CreateTime" && !golden.isTransactional && !golden.isControl;
}

describe("the batches that Kafka's client encoded", () => {
  it.each(rows)("%s is whole and its header says what Kafka says", (_, golden) => {
    expect(probeBatch(golden.bytes, 0)).toEqual({ ok: true, header: readBatchHeader(golden.bytes, 0) });
    expect(readBatchHeader(golden.bytes)).toMatchObject({
      baseOffset: golden.baseOffset,
      sizeInBytes: golden.bytes.length,
      leaderEpoch: absentIfNegative(golden.leaderEpoch),
      crc: golden.crc,
      compression: golden.compression,
      timestampType: golden.timestampType === "CreateTime" ? "create" : "append",
      maxTimestampMs: golden.maxTimestampMs,
      producerId: absentIfNegative(golden.producerId),
      producerEpoch: absentIfNegative(golden.producerEpoch),
      baseSequence: absentIfNegative(golden.baseSequence),
      recordCount: golden.recordCount,
      isTransactional: golden.isTransactional,
      isControl: golden.isControl,
    });
    expect(readLastOffset(golden.bytes, 0)).toBe(golden.lastOffset);
  });

  it.each(rows)("%s passes the check of what is in a log", (_, golden) => {
    expect(checkBatch(golden.bytes, { ...LIMITS, origin: "log" }).recordCount).toBe(golden.recordCount);
  });

  it.each(rows.filter(isFromProducer))("%s passes the check of what a producer sends", (_, golden) => {
    expect(checkBatch(golden.bytes, LIMITS).recordCount).toBe(golden.recordCount);
  });

  it.each(rows.filter((row) => !isFromProducer(row)))("%s is refused from a producer", (_, golden) => {
    expect(() => checkBatch(golden.bytes, LIMITS)).toThrow(/attributes/);
  });

  it.each(rows.filter(([, golden]) => golden.records))("%s gives the records that went in", (_, golden) => {
    const isAppendTime = golden.timestampType === "LogAppendTime";
    const expected = golden.records!.map((record, index) => ({
      offset: golden.baseOffset + index,
      timestampMs: isAppendTime ? golden.maxTimestampMs : record.timestampMs,
      key: record.key,
      value: record.value,
      headers: record.headers,
    }));
    expect(readRecords(golden.bytes)).toEqual(expected);
  });
});

describe("our encoder, given the same records", () => {
  const ours = rows.filter(([, golden]) => golden.records && !golden.isTransactional);

  it.each(ours.filter(([, golden]) => golden.compression === "none"))(
    "makes %s byte for byte",
    (_, golden) => {
      expect(encode(golden).toString("hex")).toBe(golden.bytes.toString("hex"));
    },
  );

  it.each(ours.filter(([, golden]) => golden.compression !== "none"))(
    "makes %s so that it reads back the same",
    (_, golden) => {
      expect(readRecords(encode(golden))).toEqual(readRecords(golden.bytes));
    },
  );
});
