import { describe, expect, it } from "vitest";
import { LruBudget } from "../../src/log/index.ts";
import { ProducerState } from "../../src/log/producer-state.ts";
import { type BatchHeader, readBatchHeader } from "../../src/record/index.ts";
import { batchOf } from "./batches.ts";

const SEQUENCE_MAX = 2 ** 31 - 1;
const DAY_MS = 86_400_000;

/** The header of a batch of so many records. */
function header(baseSequence: number, count = 1, producerEpoch = 0, producerId = 1): BatchHeader {
  return readBatchHeader(
    batchOf(Array(count).fill("v"), { producer: { producerId, producerEpoch, baseSequence } }),
  );
}

/** Appends what is right, and returns the offset at which a duplicate was first. */
class Log {
  readonly state: ProducerState;
  #offset = 0;

  constructor(budget = new LruBudget(1_000_000)) {
    this.state = new ProducerState(budget, DAY_MS);
  }

  append(batch: BatchHeader): number | undefined {
    const verdict = this.state.check(batch, 5);
    if (verdict !== undefined) return verdict.duplicateOf.baseOffset;
    this.state.stage(batch, this.#offset, 5);
    this.state.commit();
    this.#offset += batch.recordCount;
    return undefined;
  }
}

describe("sequences of a producer", () => {
  it("follow one another", () => {
    const log = new Log();
    expect([header(0, 3), header(3, 2), header(5)].map((batch) => log.append(batch))).toEqual([
      undefined,
      undefined,
      undefined,
    ]);
  });

  it("may begin anywhere for a producer that is not known", () => {
    expect(new Log().append(header(17))).toBeUndefined();
  });

  it("that were seen are answered with their first offsets, up to the thirty-second batch back", () => {
    const log = new Log();
    for (let sequence = 0; sequence < 33; sequence++) log.append(header(2 * sequence, 2));
    for (let sequence = 1; sequence < 33; sequence++)
      expect(log.append(header(2 * sequence, 2))).toBe(2 * sequence);
    expect(() => log.append(header(0, 2))).toThrow(
      expect.objectContaining({ reason: "OUT_OF_ORDER_SEQUENCE" }),
    );
  });

  it("with a gap, an overlap or another length are refused, and change nothing", () => {
    const log = new Log();
    log.append(header(0, 3));
    for (const wrong of [header(4), header(2), header(0, 2), header(1, 2), header(0, 4)]) {
      expect(() => log.append(wrong)).toThrow(
        expect.objectContaining({
          reason: "OUT_OF_ORDER_SEQUENCE",
          details: { producer_id: "1", expected: "3", actual: String(wrong.baseSequence) },
        }),
      );
    }
    expect(log.append(header(3))).toBeUndefined();
  });

  it("wrap from 2^31 − 1 to 0, between batches and within one", () => {
    const between = new Log();
    between.append(header(SEQUENCE_MAX - 1, 2));
    expect(between.append(header(0, 2))).toBeUndefined();
    expect(between.append(header(SEQUENCE_MAX - 1, 2))).toBe(0);
    const within = new Log();
    within.append(header(SEQUENCE_MAX - 1, 4));
    expect(() => within.append(header(0))).toThrow(
      expect.objectContaining({ reason: "OUT_OF_ORDER_SEQUENCE" }),
    );
    expect(within.append(header(2))).toBeUndefined();
    expect(within.append(header(SEQUENCE_MAX - 1, 4))).toBe(0);
  });

  it("begin at 0 under a new epoch, and an older epoch is fenced", () => {
    const log = new Log();
    log.append(header(0, 3, 1));
    expect(() => log.append(header(3, 1, 2))).toThrow(
      expect.objectContaining({ reason: "OUT_OF_ORDER_SEQUENCE" }),
    );
    expect(log.append(header(0, 1, 2))).toBeUndefined();
    expect(() => log.append(header(3, 1, 1))).toThrow(
      expect.objectContaining({
        reason: "PRODUCER_FENCED",
        details: { producer_id: "1", expected: "2", actual: "1" },
      }),
    );
    expect(() => log.append(header(0, 3, 1))).toThrow(expect.objectContaining({ reason: "PRODUCER_FENCED" }));
  });

  it("of several producers, and of none, do not mix", () => {
    const log = new Log();
    log.append(header(0, 1, 0, 1));
    log.append(header(8, 1, 0, 2));
    expect(log.append(readBatchHeader(batchOf(["v"])))).toBeUndefined();
    expect(log.append(readBatchHeader(batchOf(["v"])))).toBeUndefined();
    expect(log.append(header(1, 1, 0, 1))).toBeUndefined();
    expect(log.append(header(9, 1, 0, 2))).toBeUndefined();
    expect(log.state.producerCount).toBe(2);
  });
});

describe("what is staged", () => {
  it("counts for what comes after it in the same write", () => {
    const state = new ProducerState(new LruBudget(1_000_000), DAY_MS);
    state.stage(header(0, 2), 0, 5);
    expect(state.check(header(0, 2), 5)?.duplicateOf.baseOffset).toBe(0);
    expect(state.check(header(2), 5)).toBeUndefined();
    expect(() => state.check(header(3), 5)).toThrow(
      expect.objectContaining({ reason: "OUT_OF_ORDER_SEQUENCE" }),
    );
  });

  it("never was if the write failed", () => {
    const state = new ProducerState(new LruBudget(1_000_000), DAY_MS);
    state.stage(header(0), 0, 5);
    state.commit();
    state.stage(header(1), 1, 5);
    state.discard();
    expect(state.check(header(1), 5)).toBeUndefined();
    expect(() => state.check(header(2), 5)).toThrow(
      expect.objectContaining({ reason: "OUT_OF_ORDER_SEQUENCE" }),
    );
  });
});

describe("the producers known", () => {
  it("fit a budget that logs share; those idle for longest are forgotten, whichever log they wrote to", () => {
    const producers = 20;
    const budget = new LruBudget(producers * 352);
    const logs = [new Log(budget), new Log(budget)] as const;
    for (let id = 0; id < producers; id++) logs[id % 2]!.append(header(0, 1, 0, id));
    logs[0].append(header(1, 1, 0, 0)); // in use again, and a batch more: producer 1 has to go
    logs[1].append(header(0, 1, 0, 100)); // and now producer 2
    expect(logs[0].state.producerCount + logs[1].state.producerCount).toBe(producers - 1);
    expect(() => logs[0].append(header(7, 1, 0, 0))).toThrow(
      expect.objectContaining({ reason: "OUT_OF_ORDER_SEQUENCE" }),
    );
    expect(logs[1].append(header(7, 1, 0, 1))).toBeUndefined();
    expect(logs[0].append(header(7, 1, 0, 2))).toBeUndefined();
  });

  it("are forgotten after as much idle time as is set, and not before", () => {
    const state = new ProducerState(new LruBudget(1_000_000), 1_000);
    state.stage(header(0), 0, 5);
    state.commit();
    expect(() => state.check(header(7), 1_004)).toThrow(
      expect.objectContaining({ reason: "OUT_OF_ORDER_SEQUENCE" }),
    );
    expect(state.check(header(7), 1_005)).toBeUndefined();
  });

  it("leave the budget to others when their log is closed", () => {
    const budget = new LruBudget(2 * 352);
    const [closed, open] = [new Log(budget), new Log(budget)];
    closed.append(header(0));
    open.append(header(0));
    closed.state.clear();
    expect(closed.state.producerCount).toBe(0);
    open.append(header(0, 1, 0, 2));
    expect(open.state.producerCount).toBe(2);
  });
});
