import { describe, expect, it } from "vitest";
import { countExpired } from "../../src/log/retention.ts";
import { Segment } from "../../src/log/segment.ts";
import { LogRig, QUIET_CONFIG } from "./log-rig.ts";

const { env, folder } = new LogRig();

/** Segments of ten records each, by their bytes and the newest timestamp in them; the last is the active one. */
function segmentsOf(
  ...segments: readonly (readonly [bytes: number, newestMs: number | undefined])[]
): Segment[] {
  return segments.map(([bytes, newestMs], number) => {
    const segment = new Segment(env, folder, 10 * number, () => 4_096);
    segment.sizeBytes = bytes;
    segment.nextOffset = bytes === 0 ? segment.baseOffset : 10 * number + 10;
    segment.largest = newestMs === undefined ? undefined : { timestampMs: newestMs, offset: 10 * number + 9 };
    return segment;
  });
}

const three = segmentsOf([100, 1_000], [100, 2_000], [100, 3_000]);

describe("the segments that have expired", () => {
  it.each([
    ["none without limits", three, {}, 0],
    ["none younger than retention.ms", three, { retentionMs: 9_000 }, 0],
    ["those whose newest record is older than retention.ms", three, { retentionMs: 8_500 }, 1],
    ["not one exactly as old as retention.ms", three, { retentionMs: 8_000 }, 1],
    ["by age the active one too", three, { retentionMs: 100 }, 3],
    [
      "only up to the first that is young",
      segmentsOf([100, 9_000], [100, 1], [100, 1]),
      { retentionMs: 5_000 },
      0,
    ],
    [
      "by age none with a timestamp in the future",
      segmentsOf([100, 99_999], [100, 1]),
      { retentionMs: 1 },
      0,
    ],
    ["none that is needed for retention.bytes", three, { retentionBytes: 201 }, 0],
    ["those beyond retention.bytes", three, { retentionBytes: 200 }, 1],
    ["all sealed ones for retention.bytes 0, never the active one", three, { retentionBytes: 0 }, 2],
    ["by either limit", three, { retentionMs: 8_500, retentionBytes: 100 }, 2],
    [
      "not an empty active one",
      segmentsOf([100, 1], [0, undefined]),
      { retentionMs: 1, retentionBytes: 0 },
      1,
    ],
    ["nothing of an empty log", segmentsOf([0, undefined]), { retentionMs: 1, retentionBytes: 0 }, 0],
  ] as const)("are %s", (_title, segments, limits, expected) => {
    const highWatermark = segments.at(-1)!.nextOffset;
    const config = { ...QUIET_CONFIG, ...limits };
    expect(countExpired({ segments, config, nowMs: 10_000, logStartOffset: 0, highWatermark })).toBe(
      expected,
    );
  });

  it.each([
    [0, 0],
    [9, 0],
    [10, 1],
    [19, 1],
    [20, 2],
    [30, 2],
  ])("are, with a log start of %i, the sealed ones wholly below it: %i", (logStartOffset, expected) => {
    expect(
      countExpired({ segments: three, config: QUIET_CONFIG, nowMs: 0, logStartOffset, highWatermark: 30 }),
    ).toBe(expected);
  });

  it.each([
    [30, 3],
    [29, 2],
    [20, 2],
    [5, 0],
  ])("are never above the high watermark (%i): %i", (highWatermark, expected) => {
    const config = { ...QUIET_CONFIG, retentionMs: 1 };
    expect(countExpired({ segments: three, config, nowMs: 10_000, logStartOffset: 0, highWatermark })).toBe(
      expected,
    );
  });
});
