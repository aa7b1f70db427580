import { describe, expect, it } from "vitest";
import { seededRandom } from "../../src/base/index.ts";
import { TailCache } from "../../src/log/index.ts";
import type { LogTail } from "../../src/log/tail-cache.ts";

/** Adds a batch of so many records behind the last. */
function adder(tail: LogTail) {
  let next = 0;
  return (recordCount: number, bytes: number): number => {
    next += recordCount;
    tail.add(Buffer.alloc(bytes, next % 256), next - 1, recordCount);
    return next;
  };
}

describe("a tail cache", () => {
  it("finds the batch of every offset it holds, and of no other", () => {
    const tail = new TailCache(1_000_000).tail();
    const add = adder(tail);
    const ends = [3, 1, 4, 1, 5].map((count) => add(count, 100));
    for (let offset = 0; offset < ends.at(-1)!; offset++) {
      const batch = tail.batch(tail.indexOf(offset)!)!;
      expect(offset).toBeLessThanOrEqual(batch.lastOffset);
      expect(offset).toBeGreaterThan(batch.lastOffset - batch.recordCount);
    }
    expect(tail.indexOf(ends.at(-1)!)).toBeUndefined();
    expect(tail.indexOf(-1)).toBeUndefined();
    expect(tail.batch(5)).toBeUndefined();
  });

  it("drops the oldest of all logs beyond its bytes, and keeps the rest of each without gaps", () => {
    const cache = new TailCache(5_000);
    const random = seededRandom(3);
    const tails = Array.from({ length: 4 }, () => {
      const tail = cache.tail();
      return { tail, add: adder(tail), end: 0 };
    });
    for (let i = 0; i < 5_000; i++) {
      const chosen = tails[Math.floor(random.fraction() * 4)]!;
      const count = 1 + Math.floor(random.fraction() * 3);
      chosen.end = chosen.add(count, 1 + Math.floor(random.fraction() * 600));
      if (i % 997 === 0) tails[i % 4]!.tail.clear();
      expect(cache.bytes).toBeLessThanOrEqual(5_000);
      for (const { tail, end } of tails) {
        let offset = end - 1;
        while (offset >= 0 && tail.indexOf(offset) !== undefined) offset--;
        // Everything below the first miss is gone as well.
        if (offset > 0) expect(tail.indexOf(Math.floor(random.fraction() * offset))).toBeUndefined();
      }
    }
    expect(tails.some(({ tail, end }) => tail.indexOf(end - 1) !== undefined)).toBe(true);
    for (const { tail } of tails) tail.clear();
    expect(cache.bytes).toBe(0);
  });

  it("holds nothing with no budget, and not what is larger than it", () => {
    const cache = new TailCache(1_000);
    const tail = cache.tail();
    const add = adder(tail);
    add(1, 800);
    expect(tail.indexOf(0)).toBeDefined();
    add(1, 2_000);
    expect(tail.indexOf(0)).toBeUndefined();
    expect(tail.indexOf(1)).toBeUndefined();
    expect(cache.bytes).toBe(0);
    add(1, 800);
    expect(tail.indexOf(2)).toBeDefined();
  });

  it("holds nothing of a log that nobody read since it appended what the cache holds, until somebody does", () => {
    const cache = new TailCache(1_000);
    const [unread, other] = [cache.tail(), cache.tail()];
    const add = adder(unread);
    adder(other)(1, 100);
    for (let i = 0; i < 10; i++) add(1, 100);
    expect(cache.bytes).toBeGreaterThan(300);
    add(1, 100);
    expect(unread.batch(10)).toBeUndefined();
    const kept = cache.bytes;
    for (let i = 0; i < 100; i++) add(1, 100);
    expect(cache.bytes).toBe(kept);
    expect(unread.indexOf(110)).toBeUndefined();
    add(2, 100);
    expect(unread.batch(unread.indexOf(112)!)).toMatchObject({ lastOffset: 112, recordCount: 2 });
  });

  it("gives back the bytes that it was given, however often the ring went round", () => {
    const cache = new TailCache(5_000);
    const random = seededRandom(7);
    const tails = [cache.tail(), cache.tail()] as const;
    const added: Buffer[][] = [[], []];
    for (let i = 0; i < 2_000; i++) {
      const which = Math.floor(random.fraction() * 2) as 0 | 1;
      const batch = Buffer.alloc(1 + Math.floor(random.fraction() * 900), i % 251);
      tails[which].add(batch, added[which]!.length, 1);
      batch.fill(255); // the buffer is the caller's again
      added[which]!.push(Buffer.alloc(batch.length, i % 251));
      for (const [index, tail] of tails.entries()) {
        const batches = added[index]!;
        const first = batches.findIndex((_, offset) => tail.indexOf(offset) !== undefined);
        if (first < 0) continue;
        const expected = Buffer.concat(batches.slice(first));
        const copied = Buffer.alloc(expected.length);
        tail.copy(tail.indexOf(first)!, tail.indexOf(batches.length - 1)! + 1, copied);
        expect(copied.equals(expected)).toBe(true);
      }
    }
    expect(added[0]!.length).toBeGreaterThan(100);
  });
});
