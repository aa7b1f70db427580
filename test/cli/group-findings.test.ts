import { describe, expect, it } from "vitest";
import { groupFindings } from "../../cli/output/group-findings.ts";
import type { GroupDescription, PartitionProgress } from "../../src/index.ts";
import { committed, group, member, NOW_MS, partition } from "./described-groups.ts";

const LOOK = { nowMs: NOW_MS, topic: undefined };
const SECOND = "77c0ffee-0000-4000-8000-000000000002";

/** Why, and the command, of each finding. */
function told(description: GroupDescription): string[] {
  return groupFindings(description, LOOK).map(({ cause, partitions, why, command }) => {
    const numbers = partitions.map(({ topic, partition: number }) => `${topic}/${number}`).join(" ");
    return `${cause} [${numbers}] ${why}${command === undefined ? "" : ` > ${command}`}`;
  });
}

const withProgress = (progress: PartitionProgress, changes = {}) =>
  told(group({ partitions: [partition({ progress, ...changes })] }));

describe("a group that waits", () => {
  it("is told nothing about while it reads and commits", () => {
    expect(told(group())).toEqual([]);
  });

  it("is told why, and what mends it, for each progress of a partition", () => {
    expect(withProgress("at-end", { lag: 0, committed: committed(100) })).toEqual([
      "at-end [orders/0] everything is read and committed; new records are read as they come",
    ]);
    const alone = { members: [], partitions: [partition({ progress: "no-member", memberId: undefined })] };
    expect(told(group(alone))).toEqual([
      "no-member [orders/0] the group has no members, so nobody reads; 10 records wait > millrace consume orders -g billing",
    ]);
    expect(withProgress("not-subscribed", { memberId: undefined, lag: 1 })).toEqual([
      "not-subscribed [orders/0] no member subscribes to this topic any more; 1 record waits. Read it, or forget how far it was read > millrace group delete-offsets billing --topic orders",
    ]);
    expect(withProgress("paused")).toEqual([
      "paused [orders/0] paused by member 3f2a9c1e (billing-app), until that program resumes; 10 records wait",
    ]);
    expect(withProgress("member-gone")).toEqual([
      expect.stringMatching(
        /member 3f2a9c1e \(billing-app\) has lost its connection; others take over .*session timeout.* > millrace group describe billing --watch/,
      ),
    ]);
    expect(withProgress("unassigned", { memberId: undefined })).toEqual([
      expect.stringMatching(/waiting for the assignment, which takes moments; 10 records wait/),
    ]);
    expect(withProgress("offline")).toEqual([
      "offline [orders/0] offline: the broker cannot read them > millrace topic describe orders",
    ]);
  });

  it("is told which member keeps a partition that another is to have", () => {
    const holder = member({
      memberId: SECOND,
      instanceId: "billing-2",
      revoking: [{ topic: "orders", partition: 1 }],
    });
    const description = group({
      state: "reconciling",
      members: [member(), holder],
      partitions: [1, 2].map((number) =>
        partition({ partition: number, progress: "unassigned", memberId: undefined }),
      ),
    });
    expect(told(description)).toEqual([
      expect.stringMatching(/^unassigned \[orders\/1\] member 77c0ffee \(billing-2\) has not given up/),
      expect.stringMatching(/^unassigned \[orders\/2\] waiting for the assignment/),
    ]);
  });

  it("is told how its committed offset left the log, and to where it may be moved", () => {
    const outside = (changes: object) => withProgress("out-of-range", { logStartOffset: 95, ...changes })[0];
    const seek = "> millrace group seek billing --topic orders --partition 0 --to";
    expect(outside({})).toMatch(`5 records after the committed offset were deleted unread`);
    expect(outside({})).toMatch(`${seek} start`);
    expect(outside({ committed: committed(101) })).toMatch("beyond the end of the log");
    expect(outside({ committed: committed(101) })).toMatch(`${seek} end`);
    const expired = outside({ committed: committed(97, { isExpired: true }) });
    expect(expired).toMatch("empty for longer than the offsets retention");
    expect(expired).toContain(`${seek} +0`);
  });

  it("is told of a member that reads and does not commit", () => {
    const quiet = { committed: committed(90, { committedAtMs: NOW_MS - 300_000 }) };
    expect(withProgress("reading", quiet)).toEqual([
      expect.stringMatching(
        /^not-committing .*member 3f2a9c1e .* has committed nothing for 5 min 0 s with 10/,
      ),
    ]);
    expect(withProgress("reading", { committed: undefined })[0]).toMatch("has committed nothing yet");
    expect(withProgress("reading", { ...quiet, lag: 0 })).toEqual([]);
  });

  it("is told together what is true of many partitions, the gravest first", () => {
    const partitions = [
      ...[0, 1, 2].map((number) => partition({ partition: number, progress: "at-end", lag: 0 })),
      ...[3, 4].map((number) => partition({ partition: number, progress: "paused", memberId: SECOND })),
      partition({ partition: 5, progress: "paused" }),
      partition({ partition: 6, progress: "offline" }),
    ];
    const found = groupFindings(
      group({ members: [member(), member({ memberId: SECOND })], partitions }),
      LOOK,
    );
    expect(found.map(({ cause, partitions: where }) => [cause, where.map((each) => each.partition)])).toEqual(
      [
        ["offline", [6]],
        ["paused", [3, 4]],
        ["paused", [5]],
        ["at-end", [0, 1, 2]],
      ],
    );
  });

  it("is told what no partition shows: missing topics, idle members, nothing at all", () => {
    const wants = (topics: string[], topicPattern?: string) =>
      member({ subscription: { topics, topicPattern }, assigned: [], target: [] });
    expect(told(group({ members: [wants(["orders", "ordrs"])] }))).toContainEqual(
      'no-topic [] members subscribe to "ordrs": no such topic exists yet > millrace topic list',
    );
    expect(told(group({ members: [wants([], "x.*")], partitions: [] }))).toEqual([
      "no-topic [] no topic matches what its members subscribe to > millrace topic list",
    ]);
    const idle = { ...wants(["orders"]), memberId: SECOND };
    expect(told(group({ members: [member(), idle] }))).toEqual([
      expect.stringMatching(
        /^no-partition \[\] member 77c0ffee .* has nothing to read: there are more members/,
      ),
    ]);
    const nothing = group({ members: [], partitions: [] });
    expect(told(nothing)).toEqual(["nothing-committed [] the group has no members and no committed offsets"]);
    expect(groupFindings(nothing, { ...LOOK, topic: "orders" })).toEqual([]);
  });
});
