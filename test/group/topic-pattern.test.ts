import { describe, expect, it } from "vitest";
import { MillraceError } from "../../src/errors/index.ts";
import { TopicPattern } from "../../src/group/machine/topic-pattern.ts";

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
