import fc from "fast-check";
import { RE2JS } from "re2js";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { MillraceError } from "../../src/errors/index.ts";
import { unfoldedSize } from "../../src/group/machine/pattern-size.ts";
import { TopicPattern } from "../../src/group/machine/topic-pattern.ts";

/** All that could be mistaken for something else: brackets and braces that are characters, and flags. */
const TOKENS = [
  ...["a", ".", "|", "*", "+", "?", "^", "$", "\\b", "{", "}", "\\pL", "\\p{Greek}", "\\x{41}", "\\d"],
  ...["(", ")", "(?:", "(?i)", "(?i:", "(?P<n>", "[ab]", "[)]", "[(]", "[]a]", "[^]a{9}]", "[[:alpha:](]"],
  ...["\\(", "\\)", "\\\\", "\\Q(\\E", "\\Qab){3}\\E", "[a\\]b(]", "[\\Q]\\E]"],
  ...["{2}", "{3,}", "{2,5}", "{0,7}", "{20}"],
];

/** Instructions; undefined for what is no pattern. */
function sizeOf(source: string): number | undefined {
  try {
    return RE2JS.compile(source).programSize();
  } catch {
    return undefined;
  }
}

function refusalOf(source: string): MillraceError {
  try {
    new TopicPattern(source);
  } catch (error) {
    if (error instanceof MillraceError) return error;
    throw error;
  }
  throw new Error(`${source} was taken`);
}

describe("a topic pattern", () => {
  it("must match the whole name", () => {
    const pattern = new TopicPattern("orders|orders-.*");
    const names = ["orders", "orders-eu", "my-orders", "orders2"];
    expect(names.map((name) => pattern.matches(name))).toEqual([true, true, false, false]);
  });

  it("is refused if it is no regular expression, and the reason says why", () => {
    const refusal = refusalOf("orders(");
    expect(refusal.reason).toBe("INVALID_REQUEST");
    expect(refusal.details.field).toBe("topic_pattern");
    expect(refusal.message).toContain("missing closing )");
  });

  it.each(["(a)\\1", "(?=a).*", "(?!a).*", "(?<=a)b", "(?<!a)b", "(?<n>a)\\k<n>"])(
    "is refused with what no automaton can follow: %s",
    (source) => expect(refusalOf(source).reason).toBe("INVALID_REQUEST"),
  );

  it("is refused above 249 characters", () => {
    expect(refusalOf("a".repeat(250)).message).toContain("250 characters, at most 249");
    expect(new TopicPattern("a".repeat(249)).matches("a".repeat(249))).toBe(true);
  });

  it.each(["((a{100}){100}){100}", "(?:(?:(?:){999}){999}){999}", "a{0,99999999}", "a{99999999}"])(
    "is refused if it repeats too much: %s",
    (source) => expect(refusalOf(source).message).toContain("repeat"),
  );

  it.each([
    ["many bounds of their own", `${"((.?){1000}|(.*){900}|(\\w*){1000}).*".repeat(6)}z`],
    ["one after the other", "(.{1,1000})".repeat(20)],
    ["one in the other", "((((a{4}){4}){4}){4}){4}"],
    ["behind flags", "a{100}(?i){0,9}"],
    ["after a bracket that is a character", "([(]a{60}[)]){20}"],
    ["after a quotation", "(\\Q)(\\Ea{60}){20}"],
  ])("is refused before it is unfolded if it repeats too much in sum: %s", (_, source) => {
    const compile = vi.spyOn(RE2JS, "compile");
    onTestFinished(() => compile.mockRestore());
    expect(refusalOf(source).message).toMatch(/repeats it takes [0-9]+ steps, at most/);
    expect(compile).not.toHaveBeenCalled();
  });

  it("may repeat what names have", () => {
    const hex = "[0-9a-f]";
    const pattern = new TopicPattern(`orders-${hex}{8}(-${hex}{4}){3}-${hex}{12}`);
    expect(pattern.matches("orders-01234567-89ab-cdef-0123-456789abcdef")).toBe(true);
    expect(new TopicPattern(`${".".repeat(240)}{0,9}`).instructions).toBeLessThan(500);
  });

  it("is known to be large before it is compiled", () => {
    const token = fc.constantFrom(...TOKENS);
    const source = fc.array(token, { minLength: 1, maxLength: 30 }).map((tokens) => tokens.join(""));
    fc.assert(
      fc.property(source, (pattern) => {
        fc.pre(unfoldedSize(pattern) <= 2_000);
        const compiled = sizeOf(pattern);
        if (compiled !== undefined) expect(compiled).toBeLessThanOrEqual(3 + 2 * unfoldedSize(pattern));
      }),
      { numRuns: 2_000 },
    );
  });

  it("may repeat what repeats as often as it likes", () => {
    const nested = `${"(".repeat(60)}a${"+)".repeat(60)}`;
    expect(new TopicPattern(nested).matches("aaa")).toBe(true);
  });

  it.each([
    ["(a+)+b", "a".repeat(249)],
    ["(a|a)*b", "a".repeat(249)],
    [".*.*.*.*.*.*.*.*x", "a".repeat(249)],
    ["(a?){60}a{60}", "a".repeat(100)],
  ])("that V8 would try for ever is answered: %s", (source, name) => {
    const pattern = new TopicPattern(source);
    expect(pattern.matches(name)).toBe(source.startsWith("(a?)"));
  });
});
