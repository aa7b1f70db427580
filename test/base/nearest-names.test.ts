import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { nearestNames } from "../../src/base/nearest-names.ts";

/** Names, and how many of them were taken. */
function counted(count: number, nameOf: (index: number) => string) {
  const seen = { names: 0 };
  function* names() {
    for (let index = 0; index < count; index++) {
      seen.names++;
      yield nameOf(index);
    }
  }
  return { seen, names: names() };
}

/** Levenshtein distance by its definition. */
function distance(a: string, b: string): number {
  if (a === "" || b === "") return a.length + b.length;
  const replaced = distance(a.slice(1), b.slice(1)) + (a[0] === b[0] ? 0 : 1);
  return Math.min(replaced, distance(a.slice(1), b) + 1, distance(a, b.slice(1)) + 1);
}

describe("the names nearest to a mistyped one", () => {
  it("are at most three, nearest first, whatever their case", () => {
    const names = ["flights", "flight", "fights", "Flihgts", "orders", "flightsabc"];
    expect(nearestNames("flightz", names)).toEqual(["flight", "flights", "fights"]);
    expect(nearestNames("FLIGHTS", names)[0]).toBe("flights");
    expect(nearestNames("payments", names)).toEqual([]);
  });

  it("are exactly those within the distance that its length allows", () => {
    const word = fc.string({ unit: fc.constantFrom("a", "b", "c"), minLength: 1, maxLength: 7 });
    fc.assert(
      fc.property(word, word, (name, candidate) => {
        const limit = Math.min(3, Math.max(1, Math.floor(name.length / 3)));
        expect(nearestNames(name, [candidate])).toEqual(
          distance(name, candidate) <= limit ? [candidate] : [],
        );
      }),
    );
  });

  it("are looked for among a thousand names of its length, however many there are", () => {
    const { seen, names } = counted(100_000, (index) => `topic-${100_000 + index}`);
    nearestNames("topic-xxxxxx", names);
    expect(seen.names).toBe(1_001);
  });

  it("are looked for among all names if few are of its length", () => {
    const { seen, names } = counted(5_000, (index) => (index === 4_999 ? "orders" : "x".repeat(60)));
    expect(nearestNames("order", names)).toEqual(["orders"]);
    expect(seen.names).toBe(5_000);
  });

  it("are not looked for if it is longer than anyone types", () => {
    const { seen, names } = counted(10, () => "x".repeat(65));
    expect(nearestNames("x".repeat(65), names)).toEqual([]);
    expect(seen.names).toBe(0);
  });
});
