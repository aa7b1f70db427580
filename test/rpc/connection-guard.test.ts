import { describe, expect, it } from "vitest";
import type { Clock } from "../../src/base/index.ts";
import { networkOf } from "../../src/rpc/address-network.ts";
import { ConnectionGuard } from "../../src/rpc/connection-guard.ts";
import { CONNECTION_LIMITS, connectionLimits } from "../../src/rpc/index.ts";

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

  it("counts a /64 of IPv6 as one address: a client has all of it", () => {
    const { guard } = guardAt({ open: 2, perSecond: 0, burst: 2 });
    const sameNetwork = ["2001:db8:1:2::1", "2001:db8:1:2:aaaa:bbbb:cccc:dddd", "2001:db8:1:2::ff"];
    expect(sameNetwork.map((address) => guard.admit(address))).toEqual([true, true, false]);
    expect(guard.addresses).toBe(1);
    guard.release(sameNetwork[0]!);
    expect(guard.admit("2001:db8:1:3::1")).toBe(true);
    expect(guard.addresses).toBe(2);
  });

  it.each([
    ["10.1.2.3", "10.1.2.3"],
    ["::ffff:10.1.2.3", "10.1.2.3"],
    ["::1", "::1"],
    ["2001:db8::1", "2001:db8:0:0::/64"],
    ["2001:db8:0:1:2:3:4:5", "2001:db8:0:1::/64"],
    ["1::2:3:4:5:6:7", "1:0:2:3::/64"],
    ["::2:3:4:5:6:7:8", "0:2:3:4::/64"],
    ["fe80::1%eth0", "fe80:0:0:0::/64"],
  ])("counts %s as %s", (address, network) => {
    expect(networkOf(address)).toBe(network);
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

describe("limits for other numbers of connections", () => {
  it("let an address open as many as it may have, and keep the usual pace below the usual number", () => {
    const { perAddress } = CONNECTION_LIMITS;
    expect(connectionLimits(CONNECTION_LIMITS.open, perAddress.open)).toEqual(CONNECTION_LIMITS);
    const more = connectionLimits(5_000, 10 * perAddress.open);
    expect(more).toMatchObject({ open: 5_000, perLoopbackAddress: { open: 5_000 } });
    expect(more.perAddress).toEqual({
      open: 10 * perAddress.open,
      perSecond: 10 * perAddress.perSecond,
      burst: 10 * perAddress.burst,
    });
    expect(connectionLimits(5_000, 5).perAddress).toEqual({ ...perAddress, open: 5 });
  });
});
