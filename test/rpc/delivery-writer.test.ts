import { describe, expect, it } from "vitest";
import type { BidiStream } from "../../src/rpc/bidi-stream.ts";
import { DeliveryWriter } from "../../src/rpc/delivery-writer.ts";
import { SendBudget } from "../../src/rpc/send-budget.ts";
import { ManualClock } from "../support/manual-clock.ts";

const clock = new ManualClock();

/** A writer to a stream that takes each write when the test says so. */
function writerUnder(budget: SendBudget) {
  const written: (() => void)[] = [];
  const told: boolean[] = [];
  const stream = {
    ended: false,
    write: (_response: string, taken: () => void) => void written.push(taken),
    fail: () => {},
  };
  const writer = new DeliveryWriter<string>(stream as unknown as BidiStream<never, string>, {
    clock,
    budget,
    reset: () => {},
    blocked: (blocked) => void told.push(blocked),
  });
  return { writer, written, told, stream };
}

describe("a delivery writer", () => {
  it("says that it is blocked while it waits for the budget that others spent", async () => {
    const budget = new SendBudget({ clock, bytesMax: 100, stallTimeoutMs: 30_000 });
    const others = budget.hold(100, () => {});
    const { writer, written, told } = writerUnder(budget);
    const write = writer.write("a", 50);
    expect(told).toEqual([true]);
    others.release();
    await write;
    expect(told).toEqual([true, false]);
    expect(written).toHaveLength(1);
  });

  it("stays blocked if its client has to take the bytes first", async () => {
    const budget = new SendBudget({ clock, bytesMax: 4_000_000, stallTimeoutMs: 30_000 });
    const others = budget.hold(4_000_000, () => {});
    const { writer, written, told } = writerUnder(budget);
    const write = writer.write("a", 2_000_000);
    others.release();
    await new Promise((resolve) => setImmediate(resolve));
    expect(told.at(-1)).toBe(true);
    expect(told).not.toContain(false);
    written[0]!();
    await write;
    expect(told.at(-1)).toBe(false);
  });

  it("has no room to read in for a stream that has ended", async () => {
    const budget = new SendBudget({ clock, bytesMax: 100, stallTimeoutMs: 30_000 });
    const { writer, stream } = writerUnder(budget);
    stream.ended = true;
    await expect(writer.room.take(10)).rejects.toMatchObject({ reason: "CANCELLED" });
    expect(budget.bytes).toBe(0);
  });

  it("gives the room back that it has or waits for when the stream is gone", async () => {
    const budget = new SendBudget({ clock, bytesMax: 100, stallTimeoutMs: 30_000 });
    const [reading, waiting] = [writerUnder(budget).writer, writerUnder(budget).writer];
    await reading.room.take(80);
    const waits = waiting.room.take(80);
    waiting.gone();
    await waits;
    expect(budget.bytes).toBe(80);
    reading.gone();
    expect(budget.bytes).toBe(0);
  });

  it("gives the room back if the stream ends between the read and the delivery", async () => {
    const budget = new SendBudget({ clock, bytesMax: 100, stallTimeoutMs: 30_000 });
    const { writer, stream } = writerUnder(budget);
    await writer.room.take(80);
    stream.ended = true;
    await writer.write("a", 50);
    expect(budget.bytes).toBe(0);
  });

  it("is never blocked while there is room", async () => {
    const budget = new SendBudget({ clock, bytesMax: 100, stallTimeoutMs: 30_000 });
    const { writer, told } = writerUnder(budget);
    await writer.write("a", 50);
    expect(told).toEqual([]);
  });
});
