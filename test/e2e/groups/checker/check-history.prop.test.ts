import fc from "fast-check";
import { expect, it } from "vitest";
import { seededRandom } from "../../../../src/base/index.ts";
import { checkHistory } from "./check-history.ts";
import { describeFinding, type FindingKind } from "./finding.ts";
import { simulateHistory } from "./history-simulator.ts";
import { PLANTS } from "./planted-faults.ts";

const SEEDS = fc.integer({ min: 0, max: 2 ** 31 });
const STEPS = fc.integer({ min: 500, max: 2_000 });
/** Histories are judged for what they show, however little happened. */
const ANYTHING = { moves: 0, membersKilled: 0 };

it("the checker finds nothing in histories of a correct broker", () => {
  fc.assert(
    fc.property(SEEDS, STEPS, (seed, steps) => {
      const { findings } = checkHistory(simulateHistory(seed, steps), ANYTHING);
      expect(findings.map(describeFinding).join("\n")).toBe("");
    }),
    { numRuns: 200 },
  );
});

it.each(Object.keys(PLANTS) as FindingKind[])("the checker finds a planted fault: %s", (kind) => {
  fc.assert(
    fc.property(SEEDS, STEPS, (seed, steps) => {
      const faulty = PLANTS[kind](simulateHistory(seed, steps), seededRandom(seed));
      fc.pre(faulty !== undefined);
      const kinds = checkHistory(faulty!, ANYTHING).findings.map((finding) => finding.kind);
      expect(kinds).toContain(kind);
    }),
    { numRuns: 50 },
  );
});
