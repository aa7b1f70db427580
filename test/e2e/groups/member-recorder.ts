import type { MillraceError } from "../../../src/index.ts";
import type { Assigned, CommitSent, Joined, Polled } from "./checker/events.ts";
import { HistoryFile, nowUs } from "./checker/history-file.ts";
import { Tenure } from "./checker/tenure.ts";
import type { MemberOptions } from "./member-options.ts";

/** A partition that this member has, as far as it knows. */
export interface KnownTenure {
  readonly partition: string;
  readonly tenure: Tenure;
  readonly memberId: string;
  /** Of the member, when it was last heard. */
  epoch: number;
  /** It has sought, and nothing that it committed since is acknowledged. */
  mayRewind: boolean;
  /** What could be committed since when: ends, rising, with their times. */
  readonly progress: { readonly end: number; readonly at: number }[];
}

/** Writes down what a member's program does and learns. */
export class MemberRecorder {
  readonly #file: HistoryFile;
  readonly #joined: Joined;
  readonly #open = new Map<string, KnownTenure>();
  #commits = 0;

  constructor({ historyFolder, member, group, instance, sessionTimeoutMs, kind }: MemberOptions) {
    this.#file = new HistoryFile(historyFolder, member);
    const named = instance === undefined ? {} : { instance };
    const inOrder = kind !== "run";
    const commitsByItself = kind === "run" || kind === "records";
    this.#joined = {
      at: nowUs(),
      kind: "joined",
      member,
      group,
      ...named,
      sessionTimeoutMs,
      inOrder,
      commitsByItself,
    };
    this.#file.write(this.#joined);
  }

  /** The partitions that it has. */
  get open(): Iterable<KnownTenure> {
    return this.#open.values();
  }

  tenure(partition: string): KnownTenure | undefined {
    return this.#open.get(partition);
  }

  assigned(partition: string, memberId: string, epoch: number, start: number): void {
    const { member } = this.#joined;
    const event: Assigned = { at: nowUs(), kind: "assigned", member, partition, epoch, start };
    this.#file.writeAt(event.at, event);
    const tenure = new Tenure(this.#joined, event);
    this.#open.set(partition, { partition, tenure, memberId, epoch, mayRewind: false, progress: [] });
  }

  /** Partitions that it did not have are passed over. */
  ended(kind: "released" | "lost", partitions: Iterable<string>): void {
    const { member } = this.#joined;
    for (const partition of [...partitions])
      if (this.#open.delete(partition)) this.#file.write({ kind, member, partition });
  }

  /** Records are in the program's hands. */
  polled(partition: string, offset: number, values: readonly string[]): void {
    const { member } = this.#joined;
    const event: Polled = { at: nowUs(), kind: "polled", member, partition, offset, values };
    this.#file.writeAt(event.at, event);
    const known = this.#open.get(partition);
    if (known === undefined) return;
    known.tenure.poll(event);
    const { deliveredEnd: end } = known.tenure;
    if (end > (known.progress.at(-1)?.end ?? 0)) known.progress.push({ end, at: event.at });
  }

  sought(partition: string, offset: number): void {
    this.#file.write({ kind: "sought", member: this.#joined.member, partition, offset });
    const known = this.#open.get(partition);
    if (known === undefined) return;
    known.tenure.seek(offset);
    known.mayRewind = true;
  }

  /** A commit is about to be sent; returns its number. */
  commitSent(
    partition: string,
    offset: number,
    more: Pick<CommitSent, "epoch" | "rewind" | "once"> = {},
    at = nowUs(),
  ): number {
    const commit = this.#commits++;
    const { member } = this.#joined;
    this.#file.writeAt(at, { kind: "commit-sent", member, commit, partition, offset, ...more });
    return commit;
  }

  /** With the committed offset, if that is told. */
  committed(partition: string, commit: number, offset?: number): void {
    const told = offset === undefined ? {} : { offset };
    this.#file.write({ kind: "commit-answered", member: this.#joined.member, commit, partition, ...told });
  }

  /** Writes nothing if the commit may have taken effect for all that the error says. */
  notCommitted(partition: string, commit: number, { reason, effect }: MillraceError): void {
    if (effect !== "none") return;
    this.#file.write({ kind: "commit-answered", member: this.#joined.member, commit, partition, reason });
  }

  /** The client has committed by itself, some time after it could. */
  committedByItself(partition: string, offset: number): void {
    const known = this.#open.get(partition);
    const since = known?.progress.find(({ end }) => end >= offset)?.at;
    const isStart = offset === known?.tenure.assigned.start;
    const at = since ?? (isStart ? known?.tenure.assigned.at : undefined);
    const commit = this.commitSent(partition, offset, {}, at);
    this.committed(partition, commit);
  }

  disconnected(): void {
    this.#file.write({ kind: "disconnected", member: this.#joined.member });
  }

  /** It is about to leave: nothing of its partitions is worked on any more. */
  left(): void {
    this.#open.clear();
    this.#file.write({ kind: "left", member: this.#joined.member });
  }
}
