import { describe, expect, it } from "vitest";
import { parseSeekPlace } from "../../cli/arguments/seek-place.ts";

const NOW_MS = Date.parse("2026-01-31T12:00:00Z");

describe("a place to seek to", () => {
  it("is an end, an offset, a distance from the committed offset, or a time", () => {
    const cases: [string, unknown][] = [
      ["start", "start"],
      ["end", "end"],
      ["0", 0],
      ["120000", 120_000],
      ["+10", { shift: 10 }],
      ["-10", { shift: -10 }],
      ["+0", { shift: 0 }],
      ["@2026-01-31T11:00:00Z", { timestampMs: NOW_MS - 3_600_000 }],
      ["@1769860800000", { timestampMs: 1_769_860_800_000 }],
      ["@-15m", { timestampMs: NOW_MS - 900_000 }],
    ];
    for (const [text, place] of cases) expect(parseSeekPlace(text, NOW_MS), text).toEqual(place);
  });

  it("is nothing else", () => {
    const wrong = ["", "begin", "1.5", "+", "--1", "12345678901234567", "9999999999999999", "@", "@soon"];
    for (const text of wrong) {
      expect(() => parseSeekPlace(text, NOW_MS), text).toThrow(
        'Allowed are "start", "end", an offset, "+N" or "-N"',
      );
    }
    expect(() => parseSeekPlace("@-15x", NOW_MS)).toThrow("a duration such as");
  });
});
