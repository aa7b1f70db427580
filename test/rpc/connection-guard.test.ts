import { describe, expect, it } from "vitest";
import type { Clock } from "../../src/base/index.ts";
import { ConnectionGuard } from "../../src/rpc/connection-guard.ts";

function guardAt(limits: { open: number; perSecond: number; burst: number }) {
  let nowMs = 0;
  const clock: Clock = { nowMs: () => nowMs, monotonicMs: () => nowMs, schedule: () => ({ cancel() {} }) };
  const guard = new ConnectionGuard(clock, () => limits);
  return {
    guard,
    pass: (ms: number) => {
      nowMs += ms;
    },
  };
}

describe("ConnectionGuard", () => {
  it("admits a burst, then as many as the rate says", () => {
    const { guard, pass } = guardAt({ open: 100, perSecond: 20, burst: 3 });
    const admitted = (count: number) =>
      Array.from({ length: count }, () => guard.admit("a")).filter(Boolean).length;
    expect(admitted(10)).toBe(3);
    pass(50);
    expect(admitted(10)).toBe(1);
    pass(60_000);
    expect(admitted(10)).toBe(3);
  });

  it("counts each address for itself", () => {
    const { guard } = guardAt({ open: 1, perSecond: 20, burst: 5 });
    expect([guard.admit("a"), guard.admit("a"), guard.admit("b")]).toEqual([true, false, true]);
    guard.release("a");
    expect(guard.admit("a")).toBe(true);
  });

  it("does not take a token for a connection that it refuses for its number", () => {
    const { guard } = guardAt({ open: 1, perSecond: 0, burst: 2 });
    expect([guard.admit("a"), guard.admit("a"), guard.admit("a")]).toEqual([true, false, false]);
    guard.release("a");
    expect(guard.admit("a")).toBe(true);
  });

  it("forgets idle addresses instead of growing, and keeps those with connections", () => {
    const { guard, pass } = guardAt({ open: 1, perSecond: 20, burst: 1 });
    guard.admit("kept");
    for (let i = 0; i < 10_000; i++) {
      guard.admit(`${i}`);
      guard.release(`${i}`);
      pass(50);
    }
    expect(guard.addresses).toBeLessThanOrEqual(4_096);
    expect(guard.admit("kept")).toBe(false);
  });
});
