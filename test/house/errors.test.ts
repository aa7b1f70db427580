/** One table of reasons: errors.proto, the registry and the README of src/errors tell the same. */
import { describe, expect, it } from "vitest";
import { disagreements, errorsTable, type ProtoReason, protoReasons } from "./errors-table.ts";
import { generatedPage, withGenerated } from "./generated-page.ts";
import { readText } from "./source-tree.ts";

const reasons = protoReasons(readText("proto/millrace/v1/errors.proto"));

/** The reasons with the comment of one changed. */
function changed(name: string, change: (reason: ProtoReason) => ProtoReason): ProtoReason[] {
  return reasons.map((reason) => (reason.name === name ? change(reason) : reason));
}

describe("the reasons", () => {
  it("are the same in errors.proto and in the registry, with code, retry, effect and order", () => {
    expect(reasons.length).toBeGreaterThan(20);
    expect(disagreements(reasons)).toEqual([]);
  });

  it("are compared word by word: each change of a comment is found", () => {
    const comments: [RegExp, string][] = [
      [/^NOT_FOUND/, "INTERNAL"],
      [/retry after refreshing metadata/, "retry never"],
      [/retry after refreshing metadata/, "perhaps"],
      [/effect none/, "effect unknown"],
      [/effect none/, ""],
      [/$/, " With RetryInfo."],
    ];
    for (const [words, others] of comments) {
      const lie = changed("TOPIC_NOT_FOUND", (reason) => ({
        ...reason,
        comment: reason.comment.replace(words, others),
      }));
      expect(disagreements(lie)).toHaveLength(1);
    }
    expect(disagreements(changed("INTERNAL", (reason) => ({ ...reason, number: 99 })))).toHaveLength(1);
    expect(disagreements(reasons.slice(1))).toHaveLength(1);
  });

  it("stand in the README of src/errors as generated (MILLRACE_UPDATE=1 writes them)", () => {
    const { actual, expected } = generatedPage("src/errors/README.md", errorsTable(reasons));
    expect(actual).toBe(expected);
  });
});

describe("a generated page", () => {
  it("keeps what stands around its markers, and is refused without them", () => {
    const page = "a\n<!-- generated: begin -->\nold\n<!-- generated: end -->\nb\n";
    expect(withGenerated(page, "new")).toBe(page.replace("old", "new"));
    expect(() => withGenerated("a\nb\n", "new")).toThrow("markers");
  });
});
