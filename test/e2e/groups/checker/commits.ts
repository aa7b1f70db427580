/** Committed offsets of one partition of one group: where tenures begin, what is acknowledged, what others observe. */
import type { Assigned, HistoryEvent, Joined } from "./events.ts";
import type { Finding } from "./finding.ts";
import type { Chapter } from "./story.ts";
import { type Commit, isAcknowledged, type Tenure } from "./tenure.ts";

/** All promises about committed offsets. */
export function checkCommits(chapter: Chapter): Finding[] {
  return [
    ...checkStarts(chapter),
    ...chapter.commits.flatMap((commit) => checkCommit(commit, chapter)),
    ...checkReadings(chapter),
    ...checkCoverage(chapter),
  ];
}

/** The commits that were refused because their tenure was over. */
export function lateCommitsRefused({ commits, tenures }: Chapter): number {
  return commits.filter((commit) => commit.isRefused && successor(commit, tenures) !== undefined).length;
}

/**
 * A tenure begins at the committed offset of that moment. The moment is not known from outside, but all that earlier
 * tenures committed comes before it, and what was not sent yet when the member heard of it comes after.
 */
function checkStarts(chapter: Chapter): Finding[] {
  const { tenures, commits } = chapter;
  const acknowledged = commits.filter(isAcknowledged);
  return tenures.flatMap((tenure, index) => {
    const { at } = tenure.assigned;
    const since = settledSince(chapter, at);
    const before = new Set<Tenure | undefined>(tenures.slice(0, index));
    const committed = acknowledged.filter(
      (commit) =>
        before.has(commit.tenure) &&
        commit.sent.at > since &&
        commit.sent.at < at &&
        !mayOverlap(commit, tenure),
    );
    return [...checkNotBehind(tenure, highest(committed)), ...checkNotAhead(tenure, commits)];
  });
}

/** A member that was cut off may join again within its session, while a commit of it is still under way. */
function mayOverlap({ tenure, answer }: Commit, later: Tenure): boolean {
  return tenure !== undefined && tenure.member === later.member && answer!.at >= tenure.endedAt;
}

/**
 * Commits sent after this time cannot have been set back by a rewind that was sent before `until`. A rewind of unknown
 * outcome may have had its effect until another member had the partition.
 */
function settledSince({ commits, tenures }: Chapter, until: number): number {
  const rewinds = commits.filter(
    (commit) => commit.sent.rewind && commit.sent.at < until && !commit.isRefused,
  );
  const ends = rewinds.map((commit) => {
    if (isAcknowledged(commit)) return commit.answer!.at;
    const next = tenures[tenures.indexOf(commit.tenure!) + 1];
    return next?.assigned.at ?? Number.POSITIVE_INFINITY;
  });
  return Math.max(-1, ...ends);
}

function checkNotBehind({ assigned, member }: Tenure, newest: Commit | undefined): Finding[] {
  if (newest === undefined || assigned.start >= newest.sent.offset) return [];
  const text = `${where(assigned, member)}, but ${newest.sent.member} had committed ${newest.sent.offset} before`;
  return [{ kind: "start-behind", text, evidence: [...linesOf(newest), assigned] }];
}

function checkNotAhead({ assigned, member }: Tenure, commits: readonly Commit[]): Finding[] {
  const possible = highest(commits.filter((commit) => commit.sent.at < assigned.at && !commit.isRefused));
  const limit = possible?.sent.offset ?? 0;
  if (assigned.start <= limit) return [];
  const text = `${where(assigned, member)}, but nobody had committed more than ${limit}`;
  return [{ kind: "start-ahead", text, evidence: [...(possible ? linesOf(possible) : []), assigned] }];
}

function where({ partition, start }: Assigned, { member, group }: Joined): string {
  return `${member} began ${partition} of ${group} at ${start}`;
}

function checkCommit(commit: Commit, { tenures }: Chapter): Finding[] {
  const { sent, tenure, deliveredEnd, group } = commit;
  if (!isAcknowledged(commit)) return [];
  const evidence = [...(tenure === undefined ? [] : [tenure.assigned]), ...linesOf(commit)];
  const what = `${sent.member} committed ${sent.offset} of ${sent.partition} in ${group}`;
  const findings: Finding[] = [];
  if (tenure === undefined || sent.offset > deliveredEnd) {
    const had = tenure === undefined ? "had never had it" : `had been given what is below ${deliveredEnd}`;
    findings.push({ kind: "commit-ahead", text: `${what} and ${had}`, evidence });
  }
  const next = successor(commit, tenures);
  if (next !== undefined) {
    const text = `${what} after ${next.member.member} had got it in epoch ${next.assigned.epoch}`;
    findings.push({ kind: "late-commit", text, evidence: [...evidence, next.assigned] });
  }
  return findings;
}

/** A later tenure that had begun when the commit was sent. */
function successor({ tenure, sent }: Commit, tenures: readonly Tenure[]): Tenure | undefined {
  if (tenure === undefined) return undefined;
  return tenures.slice(tenures.indexOf(tenure) + 1).find(({ assigned }) => assigned.at < sent.at);
}

/** Something that tells a committed offset of a moment between two times. */
interface Reading {
  readonly askedAt: number;
  readonly answeredAt: number;
  /** 0 if none was committed. */
  readonly offset: number;
  readonly line: HistoryEvent;
}

/** Committed offsets never go back, and somebody has committed each. */
function checkReadings(chapter: Chapter): Finding[] {
  const { commits, observations, group, partition } = chapter;
  const readings: Reading[] = observations.map((line) => {
    return { askedAt: line.askedAt, answeredAt: line.at, offset: line.offset ?? 0, line };
  });
  for (const { sent, answer } of commits.filter(isAcknowledged)) {
    const when = { askedAt: sent.at, answeredAt: answer!.at };
    readings.push({ ...when, offset: sent.offset, line: sent });
    if (answer!.offset !== undefined) readings.push({ ...when, offset: answer!.offset, line: answer! });
  }
  const findings: Finding[] = [];
  for (const reading of readings) {
    if (reading.line.kind === "commit-sent") continue;
    const since = settledSince(chapter, reading.answeredAt);
    const earlier = readings.find(
      ({ askedAt, answeredAt, offset }) =>
        answeredAt < reading.askedAt && askedAt > since && offset > reading.offset,
    );
    if (earlier === undefined) continue;
    const text = `${partition} of ${group} went back from ${earlier.offset} to ${reading.offset}`;
    findings.push({ kind: "commit-regressed", text, evidence: [earlier.line, reading.line] });
  }
  return [...findings, ...checkOrigins(commits, readings, `${partition} of ${group}`)];
}

function checkOrigins(commits: readonly Commit[], readings: readonly Reading[], where: string): Finding[] {
  const findings: Finding[] = [];
  const possible = commits.filter((commit) => !commit.isRefused);
  let next = 0;
  let limit = 0;
  for (const { answeredAt, offset, line } of readings.toSorted((a, b) => a.answeredAt - b.answeredAt)) {
    for (; next < possible.length && possible[next]!.sent.at <= answeredAt; next++)
      limit = Math.max(limit, possible[next]!.sent.offset);
    if (offset <= limit) continue;
    const text = `${offset} was committed in ${where}, and nobody committed more than ${limit}`;
    findings.push({ kind: "commit-from-nowhere", text, evidence: [line] });
  }
  return findings;
}

/** Everything below the committed offset was given to some member of the group. */
function checkCoverage({ commits, polls, observations, group, partition }: Chapter): Finding[] {
  const acknowledged = highest(commits.filter(isAcknowledged));
  const observed = observations.at(-1);
  const committed = Math.max(acknowledged?.sent.offset ?? 0, observed?.offset ?? 0);
  let covered = 0;
  for (const { offset, values } of polls.toSorted((a, b) => a.offset - b.offset)) {
    if (offset > covered) break;
    covered = Math.max(covered, offset + values.length);
  }
  if (covered >= committed) return [];
  const text = `offset ${covered} of ${partition} was given to nobody in ${group}, which has committed ${committed}`;
  const evidence = [...(acknowledged ? linesOf(acknowledged) : []), ...(observed ? [observed] : [])];
  return [{ kind: "never-polled", text, evidence }];
}

function highest(commits: readonly Commit[]): Commit | undefined {
  return commits.reduce<Commit | undefined>(higher, undefined);
}

function higher(one: Commit | undefined, other: Commit): Commit {
  return one === undefined || other.sent.offset > one.sent.offset ? other : one;
}

function linesOf({ sent, answer }: Commit): HistoryEvent[] {
  return answer === undefined ? [sent] : [sent, answer];
}
