import { describe, expect, it } from "vitest";
import { groupFindings } from "../../cli/output/group-findings.ts";
import { groupListText, groupText, soughtText } from "../../cli/output/group-tables.ts";
import { shortIdLength } from "../../cli/output/member-names.ts";
import { partitionsText, rangesText } from "../../cli/output/partition-lists.ts";
import { OutputStream } from "../../cli/output/output-stream.ts";
import { Screen } from "../../cli/output/screen.ts";
import { PassThrough } from "node:stream";
import type { GroupDescription } from "../../src/index.ts";
import { committed, group, member, NOW_MS, partition } from "./described-groups.ts";

const PLAIN = { hasColors: false };

function described(description: GroupDescription): string {
  const lag = description.partitions.reduce((sum, each) => sum + each.lag, 0);
  const findings = groupFindings(description, { nowMs: NOW_MS, topic: undefined });
  return groupText({ timestamp: NOW_MS, ...description, lag, findings }, PLAIN);
}

describe("the description of a group", () => {
  it("shows members, offsets, lag and why it waits", () => {
    const partitions = [
      partition({ lag: 1_200, committed: committed(90, { committedAtMs: NOW_MS - 4_000 }) }),
      partition({ partition: 1, lag: 0, progress: "at-end", committed: committed(100) }),
      partition({ partition: 2, progress: "unassigned", memberId: undefined, committed: undefined }),
    ];
    expect(described(group({ partitions }))).toBe(`\
billing  stable, 1 member, epoch 3, assignor uniform, lag 1,210

MEMBER                                CLIENT       EPOCH  STATE      HAS
3f2a9c1e-0000-4000-8000-000000000001  billing-app      3  connected  orders 0

TOPIC   PARTITION  COMMITTED  START  END    LAG  LAST COMMIT  MEMBER    PROGRESS
orders          0         90      0  100  1,200      4 s ago  3f2a9c1e  reading
orders          1        100      0  100      0      1 s ago  3f2a9c1e  at end
orders          2          -      0  100     10            -  -         unassigned

Why it waits
  orders 2: waiting for the assignment, which takes moments; 10 records wait
    millrace group describe billing --watch
  orders 1: everything is read and committed; new records are read as they come
`);
  });

  it("shows what moves only while something does", () => {
    const [zero, one] = [0, 1].map((number) => ({ topic: "orders", partition: number }));
    const moving = member({ assigned: [zero!], revoking: [zero!], target: [one!], instanceId: "b1" });
    expect(described(group({ members: [moving] }))).toMatch(
      /^MEMBER +INSTANCE +CLIENT .* HAS +GIVES UP +GETS\n\S+ +b1 +\S+ +3 +connected +orders 0 +orders 0 +orders 1\n/m,
    );
    expect(described(group())).not.toMatch(/INSTANCE|GIVES UP|GETS/);
  });

  it("shows neither zeros for what an offline partition cannot tell nor times ahead of now", () => {
    const offline = partition({ progress: "offline", highWatermark: 0, lag: 0 });
    expect(described(group({ partitions: [offline] }))).toMatch(/orders +0 +90 +- +- +- +1 s ago/);
    const ahead = partition({ committed: committed(1, { committedAtMs: NOW_MS + 5_000 }) });
    expect(described(group({ partitions: [ahead] }))).toContain("0 ms ago");
  });

  it("shows no control characters of a client's name", () => {
    const text = described(
      group({ members: [member({ clientId: "\x1b[2Jx" })], partitions: [partition({ progress: "paused" })] }),
    );
    expect(text).not.toContain("\x1b");
    expect(text).toContain("\\x1b[2Jx");
  });
});

it("the list of groups shows each in a row", () => {
  expect(groupListText([group(), group({ group: "idle", state: "empty", memberCount: 0 })], PLAIN)).toBe(
    "NAME     STATE   MEMBERS  EPOCH  ASSIGNOR\n" +
      "billing  stable        1      3  uniform\n" +
      "idle     empty         0      3  uniform\n",
  );
});

it("a seek shows what it means for each partition", () => {
  const sought = (before: number | undefined, after: number, isClamped = false) => ({
    topic: "orders",
    partition: 0,
    before,
    after,
    isClamped,
  });
  const rows = [sought(10, 1_010), sought(50, 8), sought(5, 5), sought(undefined, 3), sought(9, 4, true)];
  const effects = soughtText(rows, PLAIN)
    .split("\n")
    .slice(1, -1)
    .map((line) => line.replace(/^orders +0 +/, "").replaceAll(/ +/g, " "));
  expect(effects).toEqual([
    "10 1,010 skips 1,000",
    "50 8 reads 42 again",
    "5 5 stays",
    "- 3 begins here",
    "9 4 reads 5 again (the place asked for is outside the log)",
  ]);
});

describe("many partitions", () => {
  it("are ranges by topic, cut where they are too long", () => {
    expect(rangesText([0, 1, 2, 5, 7, 8])).toBe("0-2,5,7-8");
    const of = (topic: string, ...numbers: number[]) =>
      numbers.map((number) => ({ topic, partition: number }));
    expect(partitionsText([...of("a", 0, 1), ...of("b", 3)])).toBe("a 0-1, b 3");
    expect(partitionsText([])).toBe("-");
    const odd = of("t", ...Array.from({ length: 200 }, (_, number) => 2 * number));
    expect(partitionsText(odd, 10)).toBe("t 0,2,4,6,… (200 partitions)");
  });

  it("are told from each other by as much of their members' ids as it takes", () => {
    const ids = (...memberIds: string[]) => shortIdLength(memberIds.map((memberId) => member({ memberId })));
    expect(ids("aaaaaaaa-1", "bbbbbbbb-1")).toBe(8);
    expect(ids("aaaaaaaa-1-x", "aaaaaaaa-2-x")).toBe(12);
    expect(ids("aaaaaaaa1", "aaaaaaaa2")).toBe(9);
    expect(ids()).toBe(0);
  });
});

describe("a screen", () => {
  it("is painted over itself, and shows no more lines than the terminal has", () => {
    const stream = Object.assign(new PassThrough(), { isTTY: true, rows: 4 });
    const screen = new Screen(new OutputStream(stream, {}, "stdout"));
    screen.paint("one\ntwo\n");
    const first = String(stream.read());
    expect(first).toBe("\x1b[2J\x1b[H\x1b[?7lone\x1b[K\ntwo\x1b[K\n\x1b[J\x1b[?7h");
    screen.paint("1\n2\n3\n4\n5\n");
    const second = String(stream.read());
    expect(second).not.toContain("\x1b[2J");
    expect(second.match(/\n/g)).toHaveLength(3);
    expect(second).toContain("… 3 more lines");
  });
});
