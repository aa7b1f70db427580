/** A batch that its producer compressed better than we do, so that what is left of it may be too large to be written. */
import zlib from "node:zlib";
import { describe, expect, it } from "vitest";
import { seededRandom } from "../../src/base/index.ts";
import { craftBatch, craftRecord } from "../record/craft-batch.ts";
import { clean, COMPACTED, keyed, keyedBatch, seal, textsOf } from "./compaction-rig.ts";
import { openLog } from "./log-rig.ts";

describe("a batch that cannot be written anew", () => {
  it("stays as it was, and so do the tombstones that delete what is in it", async () => {
    const { rig, log } = await openLog({ ...COMPACTED, segmentBytes: 10_000_000, deleteRetentionMs: 0 });
    // All comes twice, 4 MB apart; by default zstd looks back 2 MiB, so that 2.1 MB become 4.2.
    const random = seededRandom(1);
    const values = Array.from({ length: 7 }, () =>
      Array.from({ length: 25_000 }, () => random.id()).join(""),
    );
    const records = [...values, ...values].map((value, index) => ({
      key: `b${index}`,
      value,
      offsetDelta: index + 1,
    }));
    const all = [{ key: "gone", value: "1" }, ...records];
    const params = {
      [zlib.constants.ZSTD_c_windowLog]: 23,
      [zlib.constants.ZSTD_c_enableLongDistanceMatching]: 1,
    };
    const payload = zlib.zstdCompressSync(Buffer.concat(all.map(craftRecord)), { params });
    const attributes = 4;
    await log.append(craftBatch({ records: all, payload, attributes }), undefined);
    await log.append(keyedBatch(keyed("gone", "other=1")), undefined);
    await log.append(keyedBatch(keyed("other")), undefined);
    for (let round = 0; round < 3; round++) {
      rig.clock.advance(10_000);
      await seal(rig, log);
      expect(await clean(log)).toMatchObject({ firstDirtyOffset: 18 + round });
      const texts = (await textsOf(log)).filter((text) => /gone|other/.test(text));
      expect(texts).toEqual(["0:gone=1", "15:gone", "17:other"]);
    }
    expect(rig.line("left a batch")?.fields).toMatchObject({ offset: 0 });
  });
});
