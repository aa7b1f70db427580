import { describe, expect, it } from "vitest";
import { checkHistory, type Least } from "./check-history.ts";
import type { HistoryEvent, Unwritten } from "./events.ts";
import { GRACE_US } from "./disturbances.ts";

const MS = 1_000;
const SESSION_TIMEOUT_MS = 1_000;
const P = "t-0";
/** Short histories are judged for what they show. */
const ANYTHING: Least = {
  recordsAcknowledged: 0,
  recordsStored: 0,
  recordsPolled: 0,
  commitsAcknowledged: 0,
  moves: 0,
  membersKilled: 0,
};

/** Events, each a millisecond after the one before; numbers between them are more milliseconds. */
function history(...parts: readonly (Unwritten | number)[]): HistoryEvent[] {
  let at = 1_000_000_000;
  const events: HistoryEvent[] = [];
  for (const part of parts) {
    at += typeof part === "number" ? part * MS : MS;
    if (typeof part !== "number") events.push({ at, ...part } as HistoryEvent);
  }
  return events;
}

function kinds(...parts: readonly (Unwritten | number)[]): string[] {
  const found = checkHistory(history(...parts), ANYTHING).findings.map(({ kind }) => kind);
  return found.filter((kind) => kind !== "not-drained");
}

const values = (from: number, count: number) =>
  Array.from({ length: count }, (_, index) => `p:${from + index}`);
const sent = (count: number) =>
  values(0, count).map((value): Unwritten => ({ kind: "sent", partition: P, value }));
const stored = (count: number): Unwritten => ({
  kind: "stored",
  partition: P,
  offset: 0,
  values: values(0, count),
});
const joined = (member: string, more: { instance?: string; inOrder?: false } = {}): Unwritten => ({
  kind: "joined",
  member,
  group: "g",
  sessionTimeoutMs: SESSION_TIMEOUT_MS,
  inOrder: true,
  commitsByItself: false,
  ...more,
});
const assigned = (member: string, epoch: number, start = 0): Unwritten => ({
  kind: "assigned",
  member,
  partition: P,
  epoch,
  start,
});
const over = (kind: "released" | "lost", member: string): Unwritten => ({ kind, member, partition: P });
const fault = (kind: "killed" | "stopped" | "continued" | "left", member: string): Unwritten => ({
  kind,
  member,
});
const polled = (member: string, offset: number, count: number): Unwritten => ({
  kind: "polled",
  member,
  partition: P,
  offset,
  values: values(offset, count),
});
const commit = (member: string, number: number, offset: number, epoch?: number): Unwritten => ({
  kind: "commit-sent",
  member,
  commit: number,
  partition: P,
  offset,
  ...(epoch === undefined ? {} : { epoch }),
});
const accepted = (member: string, number: number, offset: number): Unwritten => ({
  kind: "commit-answered",
  member,
  commit: number,
  partition: P,
  offset,
});
const refused = (member: string, number: number): Unwritten => ({
  kind: "commit-answered",
  member,
  commit: number,
  partition: P,
  reason: "STALE_MEMBER_EPOCH",
});

describe("owners", () => {
  const both = [joined("a"), joined("b")];

  it("may follow each other after a release", () => {
    expect(kinds(...both, assigned("a", 1), over("released", "a"), assigned("b", 2))).toEqual([]);
  });

  it("may not overlap while both are well", () => {
    expect(kinds(...both, assigned("a", 1), 5_000, assigned("b", 2), over("released", "a"))).toEqual([
      "two-owners",
    ]);
  });

  it("may not share an epoch, even if one was gone", () => {
    expect(kinds(...both, assigned("a", 1), fault("killed", "a"), 5_000, assigned("b", 1))).toEqual([
      "two-owners",
    ]);
  });

  it("keep their partitions for the session timeout after they were killed", () => {
    expect(kinds(...both, assigned("a", 1), fault("killed", "a"), 900, assigned("b", 2))).toEqual([
      "two-owners",
    ]);
    expect(kinds(...both, assigned("a", 1), fault("killed", "a"), 1_000, assigned("b", 2))).toEqual([]);
  });

  it("keep their partitions for the session timeout while they are stopped", () => {
    const begin = [...both, assigned("a", 1), fault("stopped", "a")];
    expect(kinds(...begin, 900, assigned("b", 2))).toEqual(["two-owners"]);
    expect(kinds(...begin, 1_500, assigned("b", 2), fault("continued", "a"), over("lost", "a"))).toEqual([]);
  });

  it("may hear late of what they had before they were stopped", () => {
    const begin = [...both, fault("stopped", "a"), 1_500, assigned("b", 2), fault("continued", "a")];
    expect(kinds(...begin, assigned("a", 1), over("lost", "a"))).toEqual([]);
  });

  it("may change after the broker was gone for the session timeout", () => {
    const begin = [
      ...both,
      assigned("a", 1),
      { kind: "broker-killed" },
      500,
      { kind: "broker-started" },
    ] as const;
    expect(kinds(...begin, assigned("b", 2), over("lost", "a"))).toEqual(["two-owners"]);
    expect(kinds(...begin, 1_000, assigned("b", 2), over("lost", "a"))).toEqual([]);
  });

  it("have whole sessions again once the broker has their streams", () => {
    const begin = [...both, assigned("a", 1), { kind: "broker-killed" }, { kind: "broker-started" }] as const;
    const connected: Unwritten = { kind: "connected", member: "a", askedAt: 1_000_100_000 };
    const end = [fault("killed", "a"), 900, assigned("b", 2)] as const;
    expect(kinds(...begin, 500, ...end)).toEqual([]);
    expect(kinds(...begin, 500, connected, ...end)).toEqual(["two-owners"]);
  });

  it("learn soon that they have lost a partition", () => {
    const begin = [...both, assigned("a", 1), fault("stopped", "a"), 1_500, assigned("b", 2)];
    const graceMs = GRACE_US / MS;
    expect(kinds(...begin, fault("continued", "a"), graceMs - 10, over("lost", "a"))).toEqual([]);
    expect(kinds(...begin, fault("continued", "a"), graceMs + 10, over("lost", "a"))).toEqual(["two-owners"]);
    expect(kinds(...begin, graceMs + 10, fault("continued", "a"), over("lost", "a"))).toEqual([]);
  });

  it("of one instance id follow each other at once", () => {
    const begin = [joined("a", { instance: "i" }), joined("c"), assigned("a", 1), fault("killed", "a")];
    const next = joined("b", { instance: "i" });
    expect(kinds(...begin, next, assigned("b", 1))).toEqual([]);
    expect(kinds(...begin, next, assigned("c", 2))).toEqual([]);
    expect(kinds(...begin, assigned("c", 2), next)).toEqual(["two-owners"]);
  });
});

describe("commits", () => {
  const begin = [...sent(10), joined("a"), joined("b"), assigned("a", 1), polled("a", 0, 5)];
  const moved = [...begin, fault("stopped", "a"), 2_000, assigned("b", 2), polled("b", 0, 3)];

  it("of a tenure that is over and another's must be refused", () => {
    const late = [...moved, fault("continued", "a"), commit("a", 0, 5)];
    expect(kinds(...late, refused("a", 0), over("lost", "a"), stored(10))).toEqual([]);
    expect(kinds(...late, accepted("a", 0, 5), over("lost", "a"), stored(10))).toEqual(["late-commit"]);
  });

  it("with an old epoch must be refused even if the member has got the partition again", () => {
    const again = [
      ...moved,
      fault("continued", "a"),
      over("lost", "a"),
      over("released", "b"),
      assigned("a", 3),
    ];
    const late = [...again, commit("a", 0, 5, 1)];
    expect(kinds(...late, refused("a", 0), stored(10))).toEqual([]);
    expect(kinds(...late, accepted("a", 0, 5), stored(10))).toEqual(["late-commit"]);
  });

  it("that were on their way when the session ended count if the next tenure begins there", () => {
    const onTheWay = [...begin, commit("a", 0, 5), fault("stopped", "a"), 2_000];
    const end = [fault("continued", "a"), accepted("a", 0, 5), over("lost", "a"), stored(10)];
    expect(kinds(...onTheWay, assigned("b", 2, 5), ...end)).toEqual([]);
    expect(kinds(...onTheWay, assigned("b", 2, 0), ...end)).toEqual(["start-behind"]);
  });

  it("of unknown outcome may have counted or not", () => {
    const unknown = [...begin, commit("a", 0, 5), fault("killed", "a"), 2_000];
    expect(kinds(...unknown, assigned("b", 2, 0), stored(10))).toEqual([]);
    expect(kinds(...unknown, assigned("b", 2, 5), stored(10))).toEqual([]);
    expect(kinds(...unknown, assigned("b", 2, 6), stored(10))).toEqual(["start-ahead"]);
  });

  it("that were refused may have counted before the broker was killed", () => {
    const broker: Unwritten[] = [{ kind: "broker-killed" }, { kind: "broker-started" }];
    const next = [refused("a", 0), over("lost", "a"), 1_000, assigned("b", 2, 5), stored(10)];
    expect(kinds(...begin, commit("a", 0, 5), ...broker, ...next)).toEqual([]);
    expect(kinds(...begin, commit("a", 0, 5), ...next)).toEqual(["start-ahead"]);
    const once = { ...commit("a", 0, 5), once: true } as Unwritten;
    expect(kinds(...begin, once, ...broker, ...next)).toEqual(["start-ahead"]);
  });

  it("may tell a higher committed offset, but only one that somebody committed", () => {
    const first = [...begin, commit("a", 0, 5), accepted("a", 0, 5), commit("a", 1, 3)];
    expect(kinds(...first, accepted("a", 1, 5), stored(10))).toEqual([]);
    expect(kinds(...first, accepted("a", 1, 3), stored(10))).toEqual(["commit-regressed"]);
    expect(kinds(...first, accepted("a", 1, 7), stored(10))).toEqual(["commit-from-nowhere"]);
  });

  it("may go back if they say so", () => {
    const first = [...begin, commit("a", 0, 5), accepted("a", 0, 5)];
    const back = [{ ...commit("a", 1, 3), rewind: true }, accepted("a", 1, 3)] as Unwritten[];
    const next = [over("released", "a"), assigned("b", 2, 3), stored(10)];
    expect(kinds(...first, ...back, ...next)).toEqual([]);
    expect(kinds(...first, ...next)).toEqual(["start-behind"]);
  });

  it("of several workers may only cover what is finished without gaps", () => {
    const begin = [...sent(10), joined("a", { inOrder: false }), assigned("a", 1)];
    const worked = [...begin, polled("a", 2, 1), polled("a", 0, 1)];
    expect(kinds(...worked, commit("a", 0, 1), accepted("a", 0, 1), stored(10))).toEqual([]);
    expect(kinds(...worked, commit("a", 0, 3), accepted("a", 0, 3), stored(10))).toContain("commit-ahead");
    expect(kinds(...worked, polled("a", 1, 1), commit("a", 0, 3), accepted("a", 0, 3), stored(10))).toEqual(
      [],
    );
    expect(kinds(...worked, polled("a", 2, 1), stored(10))).toEqual(["poll-goes-back"]);
  });
});

describe("polls", () => {
  const begin = [...sent(10), joined("a"), joined("b"), assigned("a", 1), polled("a", 0, 5)];

  it("go on where they were, or where the member sought", () => {
    const sought: Unwritten = { kind: "sought", member: "a", partition: P, offset: 2 };
    expect(kinds(...begin, polled("a", 5, 2), stored(10))).toEqual([]);
    expect(kinds(...begin, polled("a", 2, 2), stored(10))).toEqual(["poll-goes-back"]);
    expect(kinds(...begin, sought, polled("a", 2, 2), stored(10))).toEqual([]);
    expect(kinds(...begin, sought, polled("a", 5, 2), stored(10))).toEqual(["poll-skips"]);
  });

  it("end with the tenure", () => {
    expect(kinds(...begin, over("released", "a"), polled("a", 5, 1), stored(10))).toEqual([
      "poll-without-tenure",
    ]);
  });

  it("give what is stored", () => {
    expect(kinds(...begin, stored(4))).toEqual(["lost-record"]);
    const other = stored(10) as Extract<Unwritten, { kind: "stored" }>;
    const swapped = other.values.with(1, "p:2").with(2, "p:1");
    expect(kinds(...begin, { ...other, values: swapped } as Unwritten)).toEqual([
      "value-differs",
      "producer-order",
    ]);
  });
});

it("a history in which nothing happened is a finding", () => {
  const { findings } = checkHistory([]);
  expect(new Set(findings.map(({ kind }) => kind))).toEqual(new Set(["vacuous"]));
});
