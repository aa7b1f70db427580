/** What cleaning keeps, removes and leaves alone, case by case; compaction.prop.test.ts has the rules as a model. */
import { describe, expect, it } from "vitest";
import { type BatchHeader, iterateBatches, readBatchHeader } from "../../src/record/index.ts";
import type { PartitionLog } from "../../src/log/index.ts";
import { turn } from "../support/turns.ts";
import { append, clean, COMPACTED, keyed, keyedBatch, offsetMap, seal, textsOf } from "./compaction-rig.ts";
import { logsOf, openLog } from "./log-rig.ts";

/** The headers of all batches. */
async function headersOf(log: PartitionLog): Promise<BatchHeader[]> {
  const headers: BatchHeader[] = [];
  for (let offset = log.logStartOffset; offset < log.highWatermark; ) {
    const { chunks, nextOffset } = await log.read(offset, 1_000_000);
    for (const chunk of chunks)
      for (const at of iterateBatches(chunk)) headers.push(readBatchHeader(chunk, at));
    offset = nextOffset;
  }
  return headers;
}

describe("cleaning a log", () => {
  it("keeps the newest record of each key, at its offset", async () => {
    const { rig, log } = await openLog(COMPACTED);
    await append(log, "a=1", "b=1", "a=2");
    await append(log, "c=1", "b=2");
    await seal(rig, log);
    expect(await clean(log)).toMatchObject({ firstDirtyOffset: 5, removedRecords: 2 });
    const kept = ["2:a=2", "3:c=1", "4:b=2", "5:seal=x"];
    expect(await textsOf(log)).toEqual(kept);
    await log.close();
    expect(await textsOf(await rig.open())).toEqual(kept);
  });

  it("leaves one batch without records where none is left, and readers go over it", async () => {
    const { rig, log } = await openLog(COMPACTED);
    for (let i = 0; i < 30; i++) await append(log, "a=1", "b=2");
    await append(log, "a=9", "b=9");
    await seal(rig, log);
    await clean(log);
    expect(await textsOf(log)).toEqual(["60:a=9", "61:b=9", "62:seal=x"]);
    const [first] = await headersOf(log);
    expect(first).toMatchObject({
      baseOffset: 0,
      lastOffsetDelta: 59,
      recordCount: 0,
      producerId: undefined,
    });
    for (const offset of [0, 17, 59]) {
      expect(await log.read(offset, 1)).toMatchObject({ nextOffset: 60, recordCount: 0, bytes: 61 });
    }
    expect(await logsOf(rig)).toHaveLength(2);
  });

  it("keeps the fields of a batch whose records it takes", async () => {
    const { rig, log } = await openLog(COMPACTED);
    const producer = { producerId: 7, producerEpoch: 2, baseSequence: 30 };
    const records = keyed("a=1", "b=1", "c=1").map((record, index) => ({
      ...record,
      timestampMs: 100 - index,
    }));
    await log.append(keyedBatch(records, { producer, compression: "gzip" }), undefined);
    const [before] = await headersOf(log);
    await append(log, "a=2", "c=2");
    await seal(rig, log);
    await clean(log);
    const [after] = await headersOf(log);
    const {
      sizeInBytes: _size,
      crc: _crc,
      recordCount,
      compression: _codec,
      attributes: _bits,
      ...rest
    } = after!;
    expect(recordCount).toBe(1);
    expect(before).toMatchObject(rest);
  });

  it("does not span two leader epochs with one batch", async () => {
    const { rig, log } = await openLog(COMPACTED);
    await append(log, "a=1");
    await append(log, "a=2");
    await log.close();
    const second = await rig.open();
    await append(second, "a=3");
    await append(second, "a=4");
    await append(second, "a=5");
    await seal(rig, second);
    await clean(second);
    const gaps = (await headersOf(second)).map((h) => [
      h.baseOffset,
      h.lastOffsetDelta,
      h.leaderEpoch,
      h.recordCount,
    ]);
    expect(gaps).toEqual([
      [0, 1, 0, 0],
      [2, 1, 1, 0],
      [4, 0, 1, 1],
      [5, 0, 1, 1],
    ]);
    await second.close();
    await rig.replace("leader-epoch-checkpoint", Buffer.from("lost"));
    await (await rig.open()).close();
    expect(String(await rig.bytes("leader-epoch-checkpoint"))).toBe("0\n2\n0 0\n1 2\n");
  });

  it("keeps the newest batch of each producer, without records if need be", async () => {
    const { rig, log } = await openLog({ ...COMPACTED, segmentBytes: 100_000 });
    const batch = (baseSequence: number) =>
      keyedBatch(keyed("a=1"), { producer: { producerId: 9, producerEpoch: 0, baseSequence } });
    for (let sequence = 0; sequence < 4; sequence++) await log.append(batch(sequence), undefined);
    await append(log, "a=2");
    await seal(rig, log);
    await clean(log);
    const kept = (await headersOf(log)).map((h) => [
      h.baseOffset,
      h.lastOffsetDelta,
      h.baseSequence,
      h.recordCount,
    ]);
    expect(kept.slice(0, 3)).toEqual([
      [0, 2, undefined, 0],
      [3, 0, 3, 0],
      [4, 0, undefined, 1],
    ]);
    await log.close();
    for (const name of await rig.names())
      if (name.endsWith(".snapshot")) await rig.fs.remove(`${rig.folder}/${name}`);
    const again = await rig.open();
    expect(await again.append(batch(3), undefined)).toMatchObject({ baseOffset: 3, duplicate: true });
    await expect(again.append(batch(2), undefined)).rejects.toMatchObject({
      reason: "OUT_OF_ORDER_SEQUENCE",
    });
    expect(await again.append(batch(4), undefined)).toMatchObject({ baseOffset: 6, duplicate: false });
  });

  it("keeps records without a key that came before the topic was compacted", async () => {
    const { rig, log } = await openLog({ ...COMPACTED, compacts: false });
    await append(log, "=none", "a=1", "=nor this");
    log.reconfigure({ ...log.config, compacts: true });
    await append(log, "a=2");
    await seal(rig, log);
    await clean(log);
    expect(await textsOf(log)).toEqual(["0:=none", "2:=nor this", "3:a=2", "4:seal=x"]);
  });

  it("merges segments up to segment.bytes", async () => {
    const { rig, log } = await openLog({ ...COMPACTED, segmentBytes: 600 });
    for (let i = 0; i < 40; i++) await append(log, `key${i}=1`, `same=${"v".repeat(100)}`);
    await seal(rig, log);
    const before = (await logsOf(rig)).length;
    await clean(log);
    rig.clock.advance(10_000);
    await turn();
    const after = await logsOf(rig);
    expect(after.length).toBeLessThan(before);
    for (const name of after) expect((await rig.bytes(name)).length).toBeLessThanOrEqual(600);
    expect((await rig.names()).filter((name) => /cleaned|swap|deleted/.test(name))).toEqual([]);
  });

  it("merges no more segments at once than can be renamed between two writes", async () => {
    const { rig, log } = await openLog({ ...COMPACTED, segmentBytes: 200 });
    for (let i = 0; i < 150; i++) await append(log, `a=${"v".repeat(100)}`);
    log.reconfigure({ ...log.config, segmentBytes: 1_000_000 });
    await seal(rig, log);
    await clean(log);
    expect((await logsOf(rig)).map((name) => Number(name.slice(0, 20)))).toEqual([0, 64, 128, 150]);
    expect(await textsOf(log)).toHaveLength(2);
  });

  it("writes nothing anew where nothing changes", async () => {
    const { rig, log } = await openLog({ ...COMPACTED, segmentBytes: 300 });
    for (let i = 0; i < 20; i++) await append(log, `key${i}=${"v".repeat(100)}`);
    await seal(rig, log);
    const before = await rig.snapshot();
    const report = await clean(log);
    expect(report).toMatchObject({ removedRecords: 0, bytesBefore: report!.bytesAfter });
    expect(await rig.snapshot()).toEqual(before);
    expect(await clean(log)).toBeUndefined();
  });
});

describe("a tombstone", () => {
  it("is kept for delete.retention.ms after it was met, and the timestamps of its batch stay", async () => {
    const { rig, log } = await openLog({ ...COMPACTED, deleteRetentionMs: 1_000 });
    await append(log, "a=1", "b=1", "c=1");
    const dated = keyed("a", "b=2", "c").map((record, index) => ({
      ...record,
      timestampMs: 500 + 100 * index,
    }));
    await log.append(keyedBatch(dated), undefined);
    await seal(rig, log);
    const metMs = rig.clock.nowMs();
    await clean(log);
    const [, met] = await headersOf(log);
    expect(met).toMatchObject({
      deleteHorizonMs: metMs + 1_000,
      baseTimestampMs: metMs + 1_000,
      maxTimestampMs: 700,
    });
    expect(await log.findByTimestamp(600)).toEqual({ offset: 4, timestampMs: 600 });
    rig.clock.advance(900);
    await seal(rig, log);
    await clean(log);
    expect((await textsOf(log)).slice(0, 3)).toEqual(["3:a", "4:b=2", "5:c"]);
    rig.clock.advance(200);
    await seal(rig, log);
    await clean(log);
    expect((await textsOf(log)).slice(0, 1)).toEqual(["4:b=2"]);
    expect(await log.findByTimestamp(600)).toEqual({ offset: 4, timestampMs: 600 });
  });

  it("does not outlive what it deletes where the offset map has little room", async () => {
    const { rig, log } = await openLog({ ...COMPACTED, deleteRetentionMs: 0 });
    await append(log, "gone=1");
    for (let i = 0; i < 60; i++) await append(log, `key${i}=1`);
    await append(log, "gone");
    await seal(rig, log);
    const rounds: number[] = [];
    for (let round = 0; round < 10; round++) {
      const report = await clean(log, offsetMap(48));
      const texts = await textsOf(log);
      expect(texts.includes("61:gone") || !texts.includes("0:gone=1")).toBe(true);
      if (report !== undefined) rounds.push(report.firstDirtyOffset);
    }
    expect(rounds).toEqual([48, 62]);
    rig.clock.advance(1);
    await seal(rig, log);
    await clean(log);
    expect(await textsOf(log)).not.toContain("61:gone");
  });
});

describe("what may be cleaned", () => {
  it("is never the active segment, and nothing of a log that is not compacted", async () => {
    const { log } = await openLog({ ...COMPACTED, segmentBytes: 100_000 });
    await append(log, "a=1", "a=2");
    expect([await log.cleaner.due(), await clean(log)]).toEqual([undefined, undefined]);
    const { rig, log: other } = await openLog({ ...COMPACTED, compacts: false });
    await append(other, "a=1", "a=2");
    await seal(rig, other);
    expect([await other.cleaner.due(), await clean(other)]).toEqual([undefined, undefined]);
  });

  it("ends where records are younger than min.compaction.lag.ms", async () => {
    const { rig, log } = await openLog({ ...COMPACTED, compactionLagMinMs: 5_000 });
    const at = (timestampMs: number) => keyed("a=1", "a=2").map((record) => ({ ...record, timestampMs }));
    const nowMs = rig.clock.nowMs();
    await log.append(keyedBatch(at(nowMs - 9_000)), undefined);
    await seal(rig, log);
    await seal(rig, log);
    await log.append(keyedBatch(at(nowMs)), undefined);
    await seal(rig, log);
    expect(await clean(log)).toMatchObject({ firstDirtyOffset: 3 });
    rig.clock.advance(6_000);
    expect(await clean(log)).toMatchObject({ firstDirtyOffset: 6 });
  });

  it("is due by its share of dirty bytes", async () => {
    const { rig, log } = await openLog({ ...COMPACTED, dirtyRatioMin: 0.5, segmentBytes: 100_000 });
    const big = "v".repeat(1_000);
    await append(log, `a=${big}`, `b=${big}`);
    await seal(rig, log);
    expect(await log.cleaner.due()).toBe(1);
    await clean(log);
    expect(await log.cleaner.due()).toBeUndefined();
    await append(log, `c=${big}`);
    await seal(rig, log);
    expect(await log.cleaner.due()).toBeUndefined();
    await append(log, `d=${big}`, `e=${big}`);
    await seal(rig, log);
    expect(await log.cleaner.due()).toBeGreaterThan(0.5);
  });

  it("is due when max.compaction.lag.ms has passed, for which the active segment is sealed", async () => {
    const config = { ...COMPACTED, dirtyRatioMin: 1, compactionLagMaxMs: 60_000, segmentBytes: 100_000 };
    const { rig, log } = await openLog(config);
    await append(log, "a=1", "a=2");
    rig.clock.advance(59_000);
    expect(await log.cleaner.due()).toBeUndefined();
    rig.clock.advance(2_000);
    expect(await log.cleaner.due()).toBe(1);
    expect(await clean(log)).toMatchObject({ firstDirtyOffset: 2, removedRecords: 1 });
    expect(await textsOf(log)).toEqual(["1:a=2"]);
    expect(await log.cleaner.due()).toBeUndefined();
  });

  it("begins where a restart says that cleaning ended, and at 0 if it does not say", async () => {
    const { rig, log } = await openLog(COMPACTED);
    await append(log, "a=1", "a=2");
    await seal(rig, log);
    await clean(log);
    const { firstDirtyOffset } = log.cleaner;
    await log.close();
    const told = await rig.open({ isClean: true, firstDirtyOffset });
    expect(await told.cleaner.due()).toBeUndefined();
    await told.close();
    expect(await (await rig.open({ isClean: true })).cleaner.due()).toBe(1);
  });
});

describe("a compacted topic", () => {
  it("refuses a record without a key before anything is written", async () => {
    const { log } = await openLog(COMPACTED);
    await expect(append(log, "a=1", "=2")).rejects.toMatchObject({
      reason: "INVALID_BATCH",
      effect: "none",
      details: { field: "key", record: "1" },
    });
    expect([log.logEndOffset, log.sizeBytes]).toEqual([0, 0]);
  });

  it("is not shortened by age or size unless it deletes too, and trimmed in any case", async () => {
    const config = { ...COMPACTED, segmentBytes: 200, retentionMs: 1_000, retentionBytes: 100 };
    const { rig, log } = await openLog(config);
    for (let i = 0; i < 20; i++) await append(log, `key${i}=1`);
    rig.clock.advance(100_000);
    expect(await log.applyRetention(rig.clock.nowMs())).toBe(0);
    await log.trim(7);
    expect([log.logStartOffset, (await textsOf(log))[0]]).toEqual([7, "7:key7=1"]);
    log.reconfigure({ ...log.config, deletes: true });
    expect(await log.applyRetention(rig.clock.nowMs())).toBeGreaterThan(5);
  });
});
