import { describe, expect, it } from "vitest";
import { isTopicName } from "../../src/base/index.ts";
import { checkTopicName } from "../../src/broker/topic-name.ts";
import { topicName } from "../../src/rpc/request-checks.ts";

/** Whether it passes. */
function passes(check: (name: string) => unknown, name: string): boolean {
  try {
    check(name);
    return true;
  } catch {
    return false;
  }
}

describe("a topic name", () => {
  it.each(["a", "orders", "A-Z_0.9", "...", "-", "t".repeat(249)])("may be %j", (name) => {
    expect(isTopicName(name)).toBe(true);
  });

  it.each(["", ".", "..", "a/b", "a b", "ä", "a\n", "\0", "t".repeat(250)])("may not be %j", (name) => {
    expect(isTopicName(name)).toBe(false);
  });

  it("is the same at the edge and in the broker, for every single character and some names", () => {
    const names = Array.from({ length: 512 }, (_, code) => String.fromCharCode(code));
    for (const name of [...names, "", "..", "...", "a\n", "t".repeat(249), "t".repeat(250)]) {
      const allowed = isTopicName(name);
      expect([passes(topicName, name), passes(checkTopicName, name)], JSON.stringify(name)).toEqual([
        allowed,
        allowed,
      ]);
    }
  });
});
