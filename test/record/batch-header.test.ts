import { describe, expect, it } from "vitest";
import {
  iterateBatches,
  readBaseOffset,
  readBatchHeader,
  readBatchSize,
  readLastOffset,
  readMaxTimestamp,
  readRecordCount,
  stampAppendTime,
  stampBatch,
} from "../../src/record/index.ts";
import { craftBatch } from "./craft-batch.ts";
import { goldenBytes } from "./golden-batches.ts";

describe("the readers of single fields", () => {
  it("agree with the whole header at any position", () => {
    const chunk = Buffer.concat([Buffer.alloc(7), goldenBytes("stamped-by-a-leader")]);
    const header = readBatchHeader(chunk, 7);
    expect(readBaseOffset(chunk, 7)).toBe(header.baseOffset);
    expect(readBatchSize(chunk, 7)).toBe(header.sizeInBytes);
    expect(readLastOffset(chunk, 7)).toBe(header.baseOffset + header.lastOffsetDelta);
    expect(readRecordCount(chunk, 7)).toBe(header.recordCount);
    expect(readMaxTimestamp(chunk, 7)).toBe(header.maxTimestampMs);
  });

  it("know no size before twelve bytes are there", () => {
    const batch = craftBatch();
    expect(readBatchSize(batch.subarray(0, 11), 0)).toBeUndefined();
    expect(readBatchSize(batch.subarray(0, 12), 0)).toBe(batch.length);
    expect(readBatchSize(batch, batch.length)).toBeUndefined();
  });

  it("give absent fields as undefined", () => {
    const header = readBatchHeader(craftBatch());
    const { leaderEpoch, producerId, producerEpoch, baseSequence } = header;
    expect([leaderEpoch, producerId, producerEpoch, baseSequence]).toEqual(Array(4).fill(undefined));
    expect(readBatchHeader(craftBatch({ attributes: 7 })).compression).toBeUndefined();
  });

  it("refuse a header that is cut off", () => {
    expect(() => readBatchHeader(craftBatch().subarray(0, 60))).toThrow(/60 of 61 header bytes/);
    expect(() => readBatchHeader(craftBatch(), 30)).toThrow(/header bytes/);
  });
});

describe("stamping", () => {
  it("writes offset and epoch of the batch at a position, and nothing else", () => {
    const batch = craftBatch();
    const chunk = Buffer.concat([batch, batch]);
    stampBatch(chunk, batch.length, 2 ** 52 + 1, 0x7fffffff);
    expect(chunk.subarray(0, batch.length).equals(batch)).toBe(true);
    const { baseOffset, leaderEpoch } = readBatchHeader(chunk, batch.length);
    expect([baseOffset, leaderEpoch]).toEqual([2 ** 52 + 1, 0x7fffffff]);
    const changed = [...chunk.keys()].filter((at) => chunk[at] !== batch[at % batch.length]);
    expect(changed.map((at) => at - batch.length).every((at) => at < 8 || (at >= 12 && at < 16))).toBe(true);
  });

  it("of the append time gives what Kafka gives", () => {
    const golden = goldenBytes("append-time");
    const created = Buffer.from(golden);
    created.writeInt16BE(0, 21);
    created.writeBigInt64BE(1_700_000_000_005n, 35);
    stampAppendTime(created, 0, readMaxTimestamp(golden, 0));
    expect(created.toString("hex")).toBe(golden.toString("hex"));
  });
});

describe("walking the batches of a chunk", () => {
  const first = craftBatch();
  const second = goldenBytes("several");
  const third = goldenBytes("many-zstd");
  const whole = Buffer.concat([first, second, third]);
  const positions = [0, first.length, first.length + second.length];

  it("visits each whole batch once, in order", () => {
    expect([...iterateBatches(whole)]).toEqual(positions);
  });

  it.each([1, 12, 61, 100])("leaves out a batch of which only %s bytes are there", (bytes) => {
    const cut = whole.subarray(0, positions[2]! + bytes);
    expect([...iterateBatches(cut)]).toEqual(positions.slice(0, 2));
  });

  it("finds nothing in nothing", () => {
    expect([...iterateBatches(Buffer.alloc(0))]).toEqual([]);
  });

  it.each([48, 0, -1, -0x80000000])(
    "refuses a length field of %s instead of going in circles",
    (batchLength) => {
      const chunk = Buffer.concat([first, craftBatch({ batchLength })]);
      expect(() => [...iterateBatches(chunk)]).toThrow(expect.objectContaining({ reason: "INVALID_BATCH" }));
    },
  );
});
