/** The bytes of a compacted segment: those that FORMAT.md draws. */
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { DECOMPRESSED_BYTES_MAX } from "../../src/base/index.ts";
import { checkBatch } from "../../src/record/index.ts";
import { clean, COMPACTED, keyedBatch, seal } from "./compaction-rig.ts";
import { LogRig, logName } from "./log-rig.ts";

const page = readFileSync(new URL("../../src/log/FORMAT.md", import.meta.url), "utf8");

/** The log of the example, cleaned at 1700000000000. */
async function cleanedSegment(): Promise<Buffer> {
  const rig = new LogRig({ config: { ...COMPACTED, deleteRetentionMs: 86_400_000 } });
  rig.clock.jump(-10);
  const log = await rig.open();
  const record = (key: string, value: string | null, timestampMs: number) => ({ key, value, timestampMs });
  await log.append(keyedBatch([record("a", "1", 1_000), record("b", "1", 1_000)]), undefined);
  await log.append(keyedBatch([record("a", "2", 2_000)]), undefined);
  const last = [record("c", "1", 3_000), record("b", null, 3_500), record("a", "3", 4_000)];
  const producer = { producerId: 7, producerEpoch: 1, baseSequence: 20 };
  await log.append(keyedBatch(last, { producer }), undefined);
  await log.append(keyedBatch([record("c", "2", 5_000)]), undefined);
  await seal(rig, log);
  await clean(log);
  return rig.bytes(logName(0));
}

describe("a compacted segment", () => {
  it("has the bytes that FORMAT.md draws", async () => {
    const from = page.indexOf("```\n", page.indexOf("### A compacted `.log`")) + 4;
    const block = page.slice(from, page.indexOf("```", from));
    const lines = [...block.matchAll(/^ *(\d+) {2}((?:[0-9a-f]{2} )+) *(\S.*)$/gm)];
    expect(lines).toHaveLength(block.trimEnd().split("\n").length);
    const bytes = await cleanedSegment();
    let position = 0;
    for (const [, at, hex, text] of lines) {
      const drawn = Buffer.from(hex!.replaceAll(" ", ""), "hex");
      expect([Number(at), text]).toEqual([position, text]);
      expect(bytes.subarray(position, position + drawn.length).toString("hex"), text).toBe(
        drawn.toString("hex"),
      );
      position += drawn.length;
    }
    expect(position).toBe(149);
  });

  it("is made of batches that pass every check of stored ones, and none that a producer may send", async () => {
    const bytes = await cleanedSegment();
    const limits = { batchBytesMax: 1_000_000, decompressedBytesMax: DECOMPRESSED_BYTES_MAX };
    for (const [at, end] of [
      [0, 61],
      [61, 149],
    ] as const) {
      const batch = bytes.subarray(at, end);
      expect(checkBatch(batch, { ...limits, origin: "log" }).sizeInBytes).toBe(end - at);
      expect(() => checkBatch(batch, limits)).toThrow(/INVALID_BATCH|attributes|record count/);
    }
  });
});
