/** Plants one fault of a kind into a clean history, as a broker that breaks this promise would leave it. */
import type { Random } from "../../../../src/base/index.ts";
import type { HistoryEvent, Polled } from "./events.ts";
import type { FindingKind } from "./finding.ts";
import { type Chapter, Story } from "./story.ts";
import { type Commit, isAcknowledged, type Tenure } from "./tenure.ts";

type History = readonly HistoryEvent[];
/** Returns the history with the fault, or undefined if there is no place for one. */
type Plant = (events: History, random: Random) => History | undefined;

/** One planter for each kind of finding. */
export const PLANTS: Readonly<Record<FindingKind, Plant>> = {
  "lost-record": (events) => {
    const newest = ofKind(events, "acknowledged").at(-1);
    return newest && changeLog(events, newest.partition, (values) => values.slice(0, newest.offset));
  },
  "value-differs": (events, random) =>
    change(events, one(random, ofKind(events, "acknowledged")), { value: "q:999999" }),
  duplicate: (events, random) =>
    changeLog(events, filledPartition(events, random), (values) => [...values, values[0]!]),
  stranger: (events, random) =>
    changeLog(events, filledPartition(events, random), (values) => [...values, "nobody:1"]),
  "producer-order": (events, random) =>
    changeLog(events, filledPartition(events, random), swapFirstAndLastOfProducer),
  "poll-skips": (events, random) => {
    const poll = one(random, longPollsInOrder(events));
    return poll && change(events, poll, { offset: poll.offset + 1, values: poll.values.slice(1) });
  },
  "poll-goes-back": (events, random) => repeat(events, one(random, longPollsInOrder(events))),
  "poll-without-tenure": (events, random) => {
    const poll = one(random, ofKind(events, "polled"));
    return poll && insertAfter(events, poll, [stranger(events, poll), { ...poll, member: "stranger" }]);
  },
  "assigned-twice": (events, random) => repeat(events, one(random, ofKind(events, "assigned"))),
  "start-ahead": (events, random) =>
    change(events, one(random, ofKind(events, "assigned")), { start: 1_000_000 }),
  "start-behind": (events, random) => {
    const chapter = one(random, chaptersWithoutRewind(events));
    const [next, commit] = one(random, chapter === undefined ? [] : successions(chapter)) ?? [];
    return commit && change(events, next!.assigned, { start: commit.sent.offset - 1 });
  },
  "never-polled": (events, random) => {
    const poll = one(random, ofKind(events, "polled"));
    if (poll === undefined) return undefined;
    const group = ofKind(events, "joined").find(({ member }) => member === poll.member)!.group;
    const members = new Set(ofKind(events, "joined").flatMap((e) => (e.group === group ? [e.member] : [])));
    return events.flatMap((event) =>
      event.kind === "polled" && event.partition === poll.partition && members.has(event.member)
        ? without(event, poll.offset)
        : [event],
    );
  },
  "commit-ahead": (events, random) => {
    const answered = ofKind(events, "commit-answered").filter(({ reason }) => reason === undefined);
    const answer = one(random, answered);
    return (
      answer &&
      events.map((event) => {
        const isIt = event === answer || (event.kind === "commit-sent" && event.commit === answer.commit);
        return isIt ? { ...event, offset: 1_000_000 } : event;
      })
    );
  },
  "commit-regressed": (events, random) => {
    const chapters = chaptersWithoutRewind(events);
    const last = one(random, chapters)?.observations.at(-1);
    return last?.offset === undefined ? undefined : change(events, last, { offset: last.offset - 1 });
  },
  "commit-from-nowhere": (events, random) =>
    change(events, one(random, ofKind(events, "observed")), { offset: 1_000_000 }),
  "late-commit": (events, random) => {
    const late = [...new Story(events).chapters.values()].flatMap(({ commits, tenures }) =>
      commits.filter((commit) => {
        const next = tenures[tenures.indexOf(commit.tenure!) + 1];
        return commit.isRefused && next !== undefined && next.assigned.at < commit.sent.at;
      }),
    );
    const commit = one(random, late);
    return commit && change(events, commit.answer, { reason: undefined });
  },
  "two-owners": (events) => {
    const first = ofKind(events, "assigned")[0];
    const faults = [...ofKind(events, "broker-killed"), ...ofKind(events, "stopped")];
    if (first === undefined || faults.some(({ at }) => at < first.at)) return undefined;
    const other = { ...first, at: first.at + 1, member: "stranger", epoch: first.epoch + 1 };
    const left = { at: first.at + 2, kind: "left", member: "stranger" } as const;
    return inTime([...events, stranger(events, first), other, left]);
  },
  "not-drained": (events, random) => {
    const chapters = [...new Story(events).chapters.values()];
    return change(events, one(random, chapters)?.observations.at(-1), { offset: 0 });
  },
  vacuous: (events) => events.filter(({ kind }) => kind !== "polled"),
};

function ofKind<Kind extends HistoryEvent["kind"]>(events: History, kind: Kind) {
  return events.filter((event): event is Extract<HistoryEvent, { kind: Kind }> => event.kind === kind);
}

function one<T>(random: Random, list: readonly T[]): T | undefined {
  return list[Math.floor(random.fraction() * list.length)];
}

function inTime(events: History): HistoryEvent[] {
  return events.toSorted((a, b) => a.at - b.at);
}

function change<E extends HistoryEvent>(events: History, event: E | undefined, to: Partial<E>) {
  return event && events.map((each) => (each === event ? { ...event, ...to } : each));
}

function insertAfter(events: History, event: HistoryEvent, more: readonly HistoryEvent[]): History {
  return events.flatMap((each) => (each === event ? [each, ...more] : [each]));
}

function repeat(events: History, event: HistoryEvent | undefined): History | undefined {
  return event && insertAfter(events, event, [event]);
}

/** A member that the group never had, in the group of the member of an event. */
function stranger(events: History, { at, member }: { readonly at: number; readonly member: string }) {
  const joined = ofKind(events, "joined").find((event) => event.member === member)!;
  return { ...joined, at, member: "stranger" };
}

function filledPartition(events: History, random: Random): string | undefined {
  return one(
    random,
    ofKind(events, "stored").filter(({ values }) => values.length > 0),
  )?.partition;
}

function changeLog(
  events: History,
  partition: string | undefined,
  to: (values: readonly string[]) => readonly string[] | undefined,
): History | undefined {
  const chunks = ofKind(events, "stored").filter((event) => event.partition === partition);
  const values = to(chunks.flatMap((chunk) => chunk.values));
  if (chunks.length === 0 || values === undefined) return undefined;
  const others = events.filter((event) => event.kind !== "stored" || event.partition !== partition);
  return [...others, { ...chunks[0]!, values }];
}

function swapFirstAndLastOfProducer(values: readonly string[]): readonly string[] | undefined {
  const first = values.findIndex((value) => value.startsWith("p:"));
  const last = values.findLastIndex((value) => value.startsWith("p:"));
  return first === last ? undefined : values.with(first, values[last]!).with(last, values[first]!);
}

function longPollsInOrder(events: History): Polled[] {
  const inOrder = new Set(ofKind(events, "joined").flatMap((e) => (e.inOrder ? [e.member] : [])));
  return ofKind(events, "polled").filter(({ member, values }) => values.length > 1 && inOrder.has(member));
}

/** Tenures with a commit of the one before, which was another member's. */
function successions({ commits, tenures }: Chapter): [Tenure, Commit][] {
  return tenures.slice(1).flatMap((tenure, index): [Tenure, Commit][] => {
    const before = tenures[index]!;
    const commit = commits.find(
      (commit) => commit.tenure === before && isAcknowledged(commit) && commit.sent.offset > 0,
    );
    const isOrderly = before.member !== tenure.member && before.assigned.at < tenure.assigned.at;
    return commit !== undefined && isOrderly && commit.sent.at < tenure.assigned.at ? [[tenure, commit]] : [];
  });
}

function chaptersWithoutRewind(events: History): Chapter[] {
  const chapters = [...new Story(events).chapters.values()];
  return chapters.filter(({ commits }) => commits.every(({ sent }) => !sent.rewind));
}

/** What is left of a poll if one offset is not in it. */
function without(poll: Polled, offset: number): Polled[] {
  const index = offset - poll.offset;
  if (index < 0 || index >= poll.values.length) return [poll];
  const before = { ...poll, values: poll.values.slice(0, index) };
  const after = { ...poll, offset: offset + 1, values: poll.values.slice(index + 1) };
  return [before, after].filter(({ values }) => values.length > 0);
}
