import { describe, expect, it } from "vitest";
import { BATCH_BYTES_MAX } from "../../src/base/index.ts";
import { type BatchFault, probeBatch } from "../../src/record/index.ts";
import { type CraftedBatch, craftBatch } from "./craft-batch.ts";
import { goldenBytes } from "./golden-batches.ts";

describe("probing for a batch", () => {
  it("finds one by position, with others before and behind", () => {
    const batch = craftBatch({ baseOffset: 12n });
    const chunk = Buffer.concat([batch, batch, batch]);
    const probe = probeBatch(chunk, batch.length);
    expect(probe).toMatchObject({ ok: true, header: { baseOffset: 12, sizeInBytes: batch.length } });
  });

  it("does not look behind the end it is given", () => {
    const batch = craftBatch();
    expect(probeBatch(batch, 0, batch.length - 1)).toMatchObject({ ok: false, fault: "short-body" });
    expect(probeBatch(batch, 0, 60)).toMatchObject({ ok: false, fault: "short-header" });
  });

  it("finds no batch in one that is torn at any byte", () => {
    const whole = goldenBytes("headers");
    for (let length = 0; length < whole.length; length++) {
      const fault = length < 61 ? "short-header" : "short-body";
      expect(probeBatch(whole, 0, length)).toMatchObject({ ok: false, fault });
      const zeroed = Buffer.concat([whole.subarray(0, length), Buffer.alloc(whole.length - length)]);
      const isSame = zeroed.equals(whole);
      expect(probeBatch(zeroed, 0).ok, `zeros from byte ${length}`).toBe(isSame);
    }
  });

  it.each<[BatchFault, CraftedBatch]>([
    ["bad-size", { batchLength: 48 }],
    ["bad-size", { batchLength: -12 }],
    ["bad-size", { batchLength: BATCH_BYTES_MAX - 11 }],
    ["bad-size", { batchLength: 0x7fffffff }],
    ["short-body", { batchLength: BATCH_BYTES_MAX - 12 }],
    ["bad-magic", { magic: 1 }],
    ["bad-magic", { magic: 0 }],
    ["bad-crc", { crc: 1 }],
    ["bad-offset", { baseOffset: -1n }],
    ["bad-offset", { baseOffset: 2n ** 53n - 2n }],
    ["bad-offset", { baseOffset: 2n ** 62n }],
    ["bad-count", { recordCount: -1 }],
    ["bad-count", { recordCount: 4 }],
    ["bad-count", { lastOffsetDelta: -1, recordCount: 0 }],
  ])("says %s of %o", (fault, lying) => {
    const probe = probeBatch(craftBatch(lying), 0);
    expect(probe).toMatchObject({ ok: false, fault });
    expect(probe.ok || probe.problem).not.toBe("");
  });

  it("says how long a batch means to be as soon as that can be believed", () => {
    const batch = craftBatch();
    expect(probeBatch(batch, 0, 61)).toMatchObject({ fault: "short-body", sizeInBytes: batch.length });
    expect(probeBatch(craftBatch({ crc: 1 }), 0)).toMatchObject({ sizeInBytes: batch.length });
    expect(probeBatch(craftBatch({ batchLength: 0 }), 0)).toMatchObject({ sizeInBytes: undefined });
  });

  it("finds nothing in zeros, in nothing and beyond the end", () => {
    expect(probeBatch(Buffer.alloc(4_096), 0)).toMatchObject({ fault: "bad-size" });
    expect(probeBatch(Buffer.alloc(0), 0)).toMatchObject({ fault: "short-header" });
    expect(probeBatch(Buffer.alloc(100), 200)).toMatchObject({ fault: "short-header" });
  });
});
