import type { HistoryEvent } from "./events.ts";

/** A broken promise. */
export type FindingKind =
  /** Acknowledged or read, and not in the log. */
  | "lost-record"
  /** One offset, two values. */
  | "value-differs"
  /** One value, two offsets. */
  | "duplicate"
  /** A value that nobody sent. */
  | "stranger"
  /** Records of a producer stand in another order than they were sent. */
  | "producer-order"
  /** A poll left records out, within one tenure and without seek. */
  | "poll-skips"
  /** A poll gave records again, within one tenure and without seek. */
  | "poll-goes-back"
  /** A poll of a partition that the member does not have. */
  | "poll-without-tenure"
  /** A member is assigned what it has. */
  | "assigned-twice"
  /** A tenure begins after what was committed: the records between are skipped. */
  | "start-ahead"
  /** A tenure begins before what an earlier one committed. */
  | "start-behind"
  /** A group's committed offset has passed a record that none of its members got. */
  | "never-polled"
  /** A commit was acknowledged of records that the member had not got. */
  | "commit-ahead"
  /** A committed offset went back. */
  | "commit-regressed"
  /** A committed offset that nobody committed. */
  | "commit-from-nowhere"
  /** A commit was acknowledged although its tenure was over and the partition another's. */
  | "late-commit"
  /** A partition was given to a member while another one had it. */
  | "two-owners"
  /** In the end a group has not got to the end of the log. */
  | "not-drained"
  /** Too little happened to prove anything. */
  | "vacuous";

/** A broken promise, with the lines of the history that show it. */
export interface Finding {
  readonly kind: FindingKind;
  readonly text: string;
  readonly evidence: readonly HistoryEvent[];
}

/** The finding and its evidence as lines to print. */
export function describeFinding({ kind, text, evidence }: Finding): string {
  return [`${kind}: ${text}`, ...evidence.map((event) => `    ${clipped(JSON.stringify(event))}`)].join("\n");
}

function clipped(text: string): string {
  return text.length > 300 ? `${text.slice(0, 300)}…` : text;
}
