/** The checker: holds a whole history of consumer groups against what the log and its groups promise. */
import { checkCommits, lateCommitsRefused } from "./commits.ts";
import { Disturbances } from "./disturbances.ts";
import type { HistoryEvent, Observed } from "./events.ts";
import type { Finding } from "./finding.ts";
import { checkOwners } from "./ownership.ts";
import { checkLog, type StoredLog, storedLog } from "./stored-log.ts";
import { type Chapter, Story } from "./story.ts";
import { isAcknowledged } from "./tenure.ts";

/** What happened, in numbers. */
export interface Counts {
  readonly recordsAcknowledged: number;
  readonly recordsStored: number;
  /** Over all groups, those given again to another member included. */
  readonly recordsPolled: number;
  readonly commitsAcknowledged: number;
  readonly commitsRefused: number;
  /** Refused because the partition was another's. */
  readonly lateCommitsRefused: number;
  /** Times that a partition went from one member to another. */
  readonly moves: number;
  readonly membersKilled: number;
  readonly membersStopped: number;
  readonly brokerKills: number;
}

/** What is wrong with a history, and what it proves. */
export interface Verdict {
  readonly findings: readonly Finding[];
  readonly counts: Counts;
}

/** The least that must have happened for a history to prove anything. */
export type Least = Partial<Counts>;

const LEAST: Least = {
  recordsAcknowledged: 1,
  recordsStored: 1,
  recordsPolled: 1,
  commitsAcknowledged: 1,
  moves: 1,
  membersKilled: 1,
};

/** Checks events, which are in order of time, of a history that was drained in the end. */
export function checkHistory(events: readonly HistoryEvent[], least: Least = {}): Verdict {
  const log = storedLog(events);
  const disturbances = new Disturbances(events);
  const story = new Story(events, disturbances);
  const chapters = [...story.chapters.values()];
  const endAt = events.at(-1)?.at ?? 0;
  const counts = count(events, log, chapters);
  const findings = [
    ...checkLog(events, log),
    ...story.findings,
    ...chapters.flatMap(checkCommits),
    ...chapters.flatMap((chapter) => checkOwners(chapter, disturbances, endAt)),
    ...checkDrained(story, log),
    ...checkNotVacuous(counts, { ...LEAST, ...least }),
  ];
  return { findings, counts };
}

/** In the end every group has committed everything. */
function checkDrained(story: Story, log: StoredLog): Finding[] {
  const groups = new Set([...story.members.values()].map(({ group }) => group));
  const findings: Finding[] = [];
  for (const group of groups) {
    for (const [partition, values] of log) {
      const last: Observed | undefined = story.chapters.get(`${group} ${partition}`)?.observations.at(-1);
      const committed = last?.offset ?? 0;
      if (committed === values.length) continue;
      const text = `${group} ended at ${committed} of ${partition}, whose log ends at ${values.length}`;
      findings.push({ kind: "not-drained", text, evidence: last === undefined ? [] : [last] });
    }
  }
  return findings;
}

function checkNotVacuous(counts: Counts, least: Least): Finding[] {
  const names = Object.keys(least) as (keyof Counts)[];
  const missing = names.filter((name) => counts[name] < least[name]!);
  return missing.map((name) => {
    const text = `${name} is ${counts[name]}; a history proves nothing below ${least[name]}`;
    return { kind: "vacuous", text, evidence: [] };
  });
}

function count(events: readonly HistoryEvent[], log: StoredLog, chapters: readonly Chapter[]): Counts {
  const ofKind = (kind: HistoryEvent["kind"]) => events.filter((event) => event.kind === kind).length;
  const sum = (each: (chapter: Chapter) => number) =>
    chapters.reduce((total, chapter) => total + each(chapter), 0);
  return {
    recordsAcknowledged: ofKind("acknowledged"),
    recordsStored: [...log.values()].reduce((total, values) => total + values.length, 0),
    recordsPolled: sum(({ polls }) => polls.reduce((total, { values }) => total + values.length, 0)),
    commitsAcknowledged: sum(({ commits }) => commits.filter(isAcknowledged).length),
    commitsRefused: sum(({ commits }) => commits.filter(({ isRefused }) => isRefused).length),
    lateCommitsRefused: sum(lateCommitsRefused),
    moves: sum(
      ({ tenures }) =>
        tenures.filter((tenure, index) => index > 0 && tenures[index - 1]!.member !== tenure.member).length,
    ),
    membersKilled: ofKind("killed"),
    membersStopped: ofKind("stopped"),
    brokerKills: ofKind("broker-killed"),
  };
}
