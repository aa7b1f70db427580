/** Patterns held against V8's own matcher, for sources that it can match in reasonable time. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { TopicPattern } from "../../src/group/topic-pattern.ts";

const literal = fc.constantFrom("a", "b", "c", "A", "0", "7", "_", "-", "\\.", "\\-", "\\x61", "\\u0062");
const charClass = fc.constantFrom(
  ".",
  "\\d",
  "\\w",
  "\\W",
  "\\S",
  "[a-c]",
  "[^a-c]",
  "[\\d_]",
  "[b-]",
  "[\\w-.]",
  "[^\\W]",
  "[]",
  "[^]",
  "[é-]",
);
const assertion = fc.constantFrom("^", "$", "\\b", "\\B");
const quantifier = fc.constantFrom(
  "",
  "",
  "*",
  "+",
  "?",
  "*?",
  "+?",
  "{2}",
  "{0,2}",
  "{1,}",
  "{0}",
  "{1,3}?",
);

const { source } = fc.letrec<{ source: string; term: string }>((tie) => ({
  term: fc.oneof(
    { maxDepth: 3, depthIdentifier: "pattern" },
    fc.tuple(fc.oneof(literal, literal, charClass), quantifier).map(([atom, times]) => atom + times),
    assertion,
    fc
      .tuple(fc.constantFrom("(", "(?:", "(?<n>"), tie("source"), quantifier)
      .map(([open, inside, times]) => `${open}${inside})${times}`),
  ),
  source: fc
    .array(fc.array(tie("term"), { maxLength: 3 }), { minLength: 1, maxLength: 3 })
    .map((options) => options.map((terms) => terms.join("")).join("|")),
}));
const name = fc.string({ unit: fc.constantFrom("a", "b", "c", "A", "0", "7", "_", "-", "."), maxLength: 6 });

function isValid(text: string): boolean {
  if (text.length > 100) return false;
  try {
    new RegExp(text);
    return true;
  } catch {
    return false;
  }
}

describe("a topic pattern", () => {
  it("matches the names that a JavaScript regular expression matches as a whole", () => {
    let matches = 0;
    fc.assert(
      fc.property(source.filter(isValid), fc.array(name, { minLength: 5, maxLength: 20 }), (text, names) => {
        const pattern = new TopicPattern(text);
        const whole = new RegExp(`^(?:${text})$`);
        for (const candidate of names) {
          const expected = whole.test(candidate);
          if (expected) matches++;
          expect(pattern.matches(candidate), `${text} on ${candidate}`).toBe(expected);
        }
      }),
      { numRuns: 1_000 },
    );
    expect(matches).toBeGreaterThan(100);
  });
});
