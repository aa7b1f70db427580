import { describe, expect, it } from "vitest";
import { readBatchHeader } from "../../src/record/index.ts";
import { clean, COMPACTED, keyed, keyedBatch, seal, textsOf } from "./compaction-rig.ts";
import { logsOf, openLog } from "./log-rig.ts";

describe("cleaning a log", () => {
  it("keeps the newest record of each key, at its offset", async () => {
    const { rig, log } = await openLog(COMPACTED);
    await log.append(keyedBatch(keyed("a=1", "b=1", "a=2")), undefined);
    await log.append(keyedBatch(keyed("c=1", "b=2")), undefined);
    await seal(rig, log);
    const report = await clean(log);
    expect(report).toMatchObject({ firstDirtyOffset: 5, removedRecords: 2 });
    expect(await textsOf(log)).toEqual(["2:a=2", "3:c=1", "4:b=2", "5:seal=x"]);
    for (let from = 0; from <= 6; from++) {
      const expected = (await textsOf(log)).filter((text) => Number(text.split(":")[0]) >= from);
      expect(await textsOf(log, from)).toEqual(expected);
    }
    const again = await rig.movedTo(rig.fs).open();
    expect(await textsOf(again)).toEqual(await textsOf(log));
    expect(await logsOf(rig)).toHaveLength(2);
  });

  it("leaves one empty batch where nothing is left", async () => {
    const { rig, log } = await openLog(COMPACTED);
    for (let i = 0; i < 30; i++) await log.append(keyedBatch(keyed("a=1", "b=2")), undefined);
    await log.append(keyedBatch(keyed("a=9", "b=9")), undefined);
    await seal(rig, log);
    await clean(log);
    expect(await textsOf(log)).toEqual(["60:a=9", "61:b=9", "62:seal=x"]);
    const first = await log.read(0, 1);
    expect(first).toMatchObject({ nextOffset: 60, recordCount: 0, bytes: 61 });
    expect(readBatchHeader(first.chunks[0]!)).toMatchObject({
      baseOffset: 0,
      lastOffsetDelta: 59,
      recordCount: 0,
    });
    expect((await log.read(17, 1)).nextOffset).toBe(60);
    const again = await rig.movedTo(rig.fs).open();
    expect(await textsOf(again)).toEqual(await textsOf(log));
  });
});
