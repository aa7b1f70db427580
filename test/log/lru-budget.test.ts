import { describe, expect, it } from "vitest";
import { LruBudget } from "../../src/log/index.ts";

describe("a budget", () => {
  class Holder {
    isDropped = false;
    evict(): void {
      this.isDropped = true;
    }
  }

  it("drops those unused for longest beyond its bytes, never the one just used", () => {
    const cache = new LruBudget(100);
    const holders = [new Holder(), new Holder(), new Holder(), new Holder()] as const;
    cache.touch(holders[0], 40);
    cache.touch(holders[1], 40);
    cache.touch(holders[0], 40);
    cache.touch(holders[2], 40);
    expect(holders.map(({ isDropped }) => isDropped)).toEqual([false, true, false, false]);
    cache.touch(holders[3], 500);
    expect(holders.map(({ isDropped }) => isDropped)).toEqual([true, true, true, false]);
    cache.forget(holders[3]);
    holders[0].isDropped = false;
    cache.touch(holders[0], 100);
    expect(holders[0].isDropped).toBe(false);
  });
});
