import fc from "fast-check";
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

  it("keeps the order of use, whatever is touched and forgotten", () => {
    const step = fc.record({
      holder: fc.nat({ max: 9 }),
      bytes: fc.nat({ max: 60 }),
      isForgotten: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
        const cache = new LruBudget(100);
        /** In the order of use, as a map keeps it. */
        const model = new Map<Holder, number>();
        const holders = Array.from({ length: 10 }, () => new Holder());
        const sum = () => [...model.values()].reduce((total, bytes) => total + bytes, 0);
        for (const { holder: number, bytes, isForgotten } of steps) {
          const holder = holders[number]!;
          model.delete(holder);
          if (isForgotten) cache.forget(holder);
          else {
            holder.isDropped = false;
            model.set(holder, bytes);
            while (sum() > 100 && model.size > 1) {
              const [oldest] = model.keys();
              model.delete(oldest!);
            }
            cache.touch(holder, bytes);
            for (const each of model.keys()) expect(each.isDropped).toBe(false);
          }
          expect(cache.bytes).toBe(sum());
        }
      }),
    );
  });
});
