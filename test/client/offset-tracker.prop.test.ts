import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { OffsetTracker } from "../../src/client/consumer/offset-tracker.ts";

describe("the offsets of a partition that are done", () => {
  it("are committed up to the first record that is not, whatever is done in whichever order", () => {
    const gaps = fc.array(fc.integer({ min: 0, max: 3 }), { maxLength: 60 });
    const order = fc.array(fc.nat(), { minLength: 60, maxLength: 60 });
    fc.assert(
      fc.property(fc.nat(1_000), gaps, order, fc.nat(60), (begin, holes, picks, kept) => {
        const tracker = new OffsetTracker(begin);
        const open: number[] = [];
        let offset = begin;
        for (const hole of holes) {
          offset += hole;
          tracker.started(offset);
          open.push(offset++);
        }
        for (const pick of picks.slice(0, Math.min(kept, open.length))) {
          const [finished] = open.splice(pick % open.length, 1);
          tracker.finished(finished!);
          expect(tracker.watermark).toBe(open[0] ?? offset);
          tracker.finished(finished!);
          expect(tracker.watermark).toBe(open[0] ?? offset);
        }
        expect(tracker.end).toBe(offset);
      }),
    );
  });

  it("go on behind what was passed over once all before is done", () => {
    const tracker = new OffsetTracker(5);
    tracker.passed(7);
    expect(tracker.watermark).toBe(7);
    tracker.started(9);
    tracker.passed(20);
    expect([tracker.watermark, tracker.end, tracker.size]).toEqual([9, 20, 1]);
    tracker.finished(9);
    expect([tracker.watermark, tracker.size]).toEqual([20, 0]);
    tracker.passed(3);
    expect(tracker.watermark).toBe(20);
  });

  it("are not moved by what was never handed out", () => {
    const tracker = new OffsetTracker(5);
    tracker.started(5);
    tracker.started(6);
    tracker.finished(4);
    tracker.finished(7);
    expect(tracker.watermark).toBe(5);
    tracker.finished(5);
    expect(tracker.watermark).toBe(6);
    expect(() => tracker.started(6)).toThrow(TypeError);
  });

  it("take no more room than what lies above the watermark", () => {
    const tracker = new OffsetTracker(0);
    tracker.started(0);
    for (let offset = 1; offset < 5_000; offset++) {
      tracker.started(offset);
      tracker.finished(offset - 1);
    }
    expect([tracker.size, tracker.watermark]).toEqual([1, 4_999]);
  });
});
