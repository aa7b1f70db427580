/** Puts a history together: who had which partition when, what was polled in that time, and which commits belong to it. */
import type { CommitAnswered, CommitSent, HistoryEvent, Joined, Observed, Polled } from "./events.ts";
import { Disturbances } from "./disturbances.ts";
import type { Finding } from "./finding.ts";
import { type Commit, Tenure } from "./tenure.ts";

/** All that concerns one partition of one group. */
export interface Chapter {
  readonly group: string;
  readonly partition: string;
  /** In the order of ownership: by epoch, and within one epoch by time. */
  readonly tenures: Tenure[];
  /** In the order they were sent. */
  readonly commits: Commit[];
  readonly observations: Observed[];
  readonly polls: Polled[];
}

/** Walks over the events of a history, in order of time. */
export class Story {
  readonly chapters = new Map<string, Chapter>();
  readonly members = new Map<string, Joined>();
  /** What members were given and should not have been. */
  readonly findings: Finding[] = [];
  readonly #open = new Map<string, Tenure>();
  readonly #commits = new Map<string, Commit>();

  readonly #disturbances: Disturbances;

  constructor(events: readonly HistoryEvent[], disturbances = new Disturbances(events)) {
    this.#disturbances = disturbances;
    for (const event of events) this.#take(event);
    for (const { tenures } of this.chapters.values())
      tenures.sort((a, b) => a.assigned.epoch - b.assigned.epoch || a.assigned.at - b.assigned.at);
  }

  #take(event: HistoryEvent): void {
    switch (event.kind) {
      case "joined":
        this.members.set(event.member, event);
        break;
      case "assigned": {
        this.#endAssignedTwice(event.member, event.partition, event);
        const tenure = new Tenure(this.#member(event.member), event);
        this.#open.set(`${event.member} ${event.partition}`, tenure);
        this.#chapter(tenure.member.group, event.partition).tenures.push(tenure);
        break;
      }
      case "released":
      case "lost":
        this.#end(`${event.member} ${event.partition}`, event.kind, event.at);
        break;
      case "killed":
      case "left":
        for (const key of [...this.#open.keys()].filter((key) => key.startsWith(`${event.member} `)))
          this.#end(key, event.kind, event.at);
        break;
      case "polled":
        this.#poll(event);
        break;
      case "sought":
        this.#open.get(`${event.member} ${event.partition}`)?.seek(event.offset);
        break;
      case "commit-sent":
        this.#commit(event);
        break;
      case "commit-answered":
        this.#answer(event);
        break;
      case "observed":
        this.#chapter(event.group, event.partition).observations.push(event);
        break;
    }
  }

  #poll(event: Polled): void {
    const { member, partition, offset, values } = event;
    this.#chapter(this.#member(member).group, partition).polls.push(event);
    const tenure = this.#open.get(`${member} ${partition}`);
    if (tenure === undefined) {
      const text = `${member} was given offset ${offset} of ${partition}, which it does not have`;
      this.findings.push({ kind: "poll-without-tenure", text, evidence: [event] });
      return;
    }
    const expected = tenure.position;
    const kind = tenure.poll(event);
    if (tenure.member.commitsByItself) this.#mayCommit(event, tenure);
    if (kind === undefined) return;
    const text = `${member} was given offsets ${offset} to ${offset + values.length - 1} of ${partition} where ${expected} came next`;
    this.findings.push({ kind, text, evidence: [tenure.assigned, event] });
  }

  /** A commit that nobody may ever hear of. */
  #mayCommit({ at, member, partition }: Polled, tenure: Tenure): void {
    const { group } = tenure.member;
    const { deliveredEnd } = tenure;
    const sent = { at, kind: "commit-sent", member, commit: -1, partition, offset: deliveredEnd } as const;
    this.#chapter(group, partition).commits.push({
      group,
      sent,
      tenure,
      deliveredEnd,
      answer: undefined,
      isRefused: false,
    });
  }

  /** A commit that knows its epoch belongs to the tenure it was made for, even if the member has got another since. */
  #commit(sent: CommitSent): void {
    const { group } = this.#member(sent.member);
    const chapter = this.#chapter(group, sent.partition);
    const tenure = chapter.tenures.findLast(
      ({ member, assigned }) =>
        member.member === sent.member && (sent.epoch === undefined || assigned.epoch <= sent.epoch),
    );
    const deliveredEnd = tenure?.deliveredEnd ?? 0;
    const commit = { group, sent, tenure, deliveredEnd, answer: undefined, isRefused: false };
    chapter.commits.push(commit);
    this.#commits.set(commitKey(sent), commit);
  }

  #answer(answer: CommitAnswered): void {
    const commit = this.#commits.get(commitKey(answer));
    if (commit === undefined)
      throw new Error(`a commit was answered that was not sent: ${JSON.stringify(answer)}`);
    commit.answer = answer;
    const { at, member, once } = commit.sent;
    const isCertain = once || !this.#disturbances.touch(member, at, answer.at);
    commit.isRefused = answer.reason !== undefined && isCertain;
  }

  #endAssignedTwice(member: string, partition: string, event: HistoryEvent & { at: number }): void {
    const tenure = this.#open.get(`${member} ${partition}`);
    if (tenure === undefined) return;
    const text = `${member} was assigned ${partition}, which it had`;
    this.findings.push({ kind: "assigned-twice", text, evidence: [tenure.assigned, event] });
    this.#end(`${member} ${partition}`, "released", event.at);
  }

  #end(key: string, end: NonNullable<Tenure["end"]>, at: number): void {
    const tenure = this.#open.get(key);
    if (tenure === undefined) return;
    tenure.endedAt = at;
    tenure.end = end;
    this.#open.delete(key);
  }

  #member(name: string): Joined {
    const member = this.members.get(name);
    if (member === undefined) throw new Error(`${name} did something before it joined`);
    return member;
  }

  #chapter(group: string, partition: string): Chapter {
    const key = `${group} ${partition}`;
    const found = this.chapters.get(key) ?? {
      group,
      partition,
      tenures: [],
      commits: [],
      observations: [],
      polls: [],
    };
    this.chapters.set(key, found);
    return found;
  }
}

function commitKey({ member, commit, partition }: CommitSent | CommitAnswered): string {
  return `${member} ${commit} ${partition}`;
}
