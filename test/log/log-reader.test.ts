import { describe, expect, it } from "vitest";
import { batchOf, recordsIn } from "./batches.ts";
import { openLog, logName } from "./log-rig.ts";

describe("a read", () => {
  it.each([0, 10_000_000])(
    "takes whole batches up to maxBytes, and always one (cache of %i bytes)",
    async (cacheBytes) => {
      const { log } = await openLog({ indexIntervalBytes: 0 }, cacheBytes);
      const size = batchOf(["a0", "b0"]).length;
      for (let i = 0; i < 9; i++) await log.append(batchOf([`a${i}`, `b${i}`]), undefined);
      for (const [maxBytes, batches] of [
        [0, 1],
        [1, 1],
        [11, 1],
        [60, 1],
        [size, 1],
        [2 * size, 2],
        [3 * size - 1, 2],
      ] as const) {
        for (const offset of [0, 1, 7]) {
          const read = await log.read(offset, maxBytes);
          expect(read.bytes, `maxBytes ${maxBytes}`).toBe(batches * size);
          expect(read.nextOffset).toBe(2 * (Math.floor(offset / 2) + batches));
          expect(read.recordCount).toBe(read.nextOffset - offset);
        }
      }
    },
  );

  it.each([0, 100_000_000])(
    "takes a batch larger than a chunk alone (cache of %i bytes)",
    async (cacheBytes) => {
      const { log } = await openLog({ segmentBytes: 2 ** 30, indexIntervalBytes: 100_000_000 }, cacheBytes);
      const values = ["small", "x".repeat(2_500_000), "y".repeat(1_200_000), "z"];
      for (const value of values) await log.append(batchOf([value]), undefined);
      for (const [offset, value] of values.entries()) {
        const { chunks, nextOffset } = await log.read(offset, 1_000_000_000);
        expect(nextOffset).toBe(offset + 1);
        expect(recordsIn(chunks, offset).map((record) => record.value)).toEqual([value]);
      }
    },
  );

  it("takes at most 1 MiB of several batches", async () => {
    const { log } = await openLog({ segmentBytes: 2 ** 30 });
    for (let i = 0; i < 5; i++) await log.append(batchOf(["x".repeat(400_000)]), undefined);
    expect(await log.read(0, 1_000_000_000)).toMatchObject({ nextOffset: 2 });
  });

  it("serves what is good before and behind a damaged batch, and refuses only that", async () => {
    const { rig, log } = await openLog();
    for (const value of ["a", "b", "c", "d", "e"]) await log.append(batchOf([value]), undefined);
    const size = batchOf(["a"]).length;
    const file = await rig.fs.open(`${rig.folder}/${logName(0)}`, "read-write");
    await file.write([Buffer.from([0xff])], 3 * size - 2);
    await file.close();
    const from = async (offset: number) => recordsIn((await log.read(offset, 1_048_576)).chunks, offset);
    expect((await from(0)).map(({ value }) => value)).toEqual(["a", "b"]);
    await expect(from(2)).rejects.toMatchObject({
      reason: "LOG_CORRUPT",
      details: { position: String(2 * size) },
    });
    await expect(from(2)).rejects.toThrow();
    expect(rig.lines.filter(({ text }) => text === "a reader met damage")).toHaveLength(1);
    expect((await from(3)).map(({ value }) => value)).toEqual(["d", "e"]);
    expect((await from(4)).map(({ value }) => value)).toEqual(["e"]);
  });

  it("at the end returns nothing, and outside the log the bounds of it", async () => {
    const { log } = await openLog();
    await log.append(batchOf(["a", "b"]), undefined);
    expect(await log.read(2, 100)).toMatchObject({
      chunks: [],
      bytes: 0,
      recordCount: 0,
      nextOffset: 2,
      highWatermark: 2,
    });
    await log.trim(1);
    for (const offset of [-1, 0, 3]) {
      await expect(log.read(offset, 100)).rejects.toMatchObject({
        reason: "OFFSET_OUT_OF_RANGE",
        details: { offset: String(offset), log_start_offset: "1", high_watermark: "2" },
      });
    }
    expect(recordsIn((await log.read(1, 100)).chunks, 1).map(({ value }) => value)).toEqual(["b"]);
  });

  it("is the same from the cache and from the file", async () => {
    const { log: cached } = await openLog({ segmentBytes: 300 }, 10_000);
    const { log: read } = await openLog({ segmentBytes: 300 });
    for (let i = 0; i < 20; i++) {
      for (const log of [cached, read]) await log.append(batchOf([`v${i}`]), undefined);
    }
    for (let offset = 0; offset <= 20; offset++) {
      const [fromCache, fromFile] = [await cached.read(offset, 200), await read.read(offset, 200)];
      const bytes = Buffer.concat(fromFile.chunks);
      expect(Buffer.concat(fromCache.chunks).subarray(0, bytes.length)).toEqual(bytes);
    }
  });
});
