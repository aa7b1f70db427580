/** How a member reads. */
export type MemberKind =
  /** SDK: by batch, commits by hand, pauses and seeks now and then. */
  | "batches"
  /** SDK: by record, commits by itself. */
  | "records"
  /** SDK: with several workers, commits by itself. */
  | "run"
  /** The bare Consume stream, as a client of any language would use it. */
  | "thin";

/** What a member's process is told, as JSON in its only argument. */
export interface MemberOptions {
  /** Name of this process in the history; never used again. */
  readonly member: string;
  readonly group: string;
  readonly kind: MemberKind;
  /** Name that stays over restarts. */
  readonly instance?: string;
  readonly endpoint: string;
  /** Where to write its history. */
  readonly historyFolder: string;
  readonly topics: readonly string[];
  readonly sessionTimeoutMs: number;
  readonly seed: number;
}

/** Name of a partition in the history. */
export function partitionName({
  topic,
  partition,
}: {
  readonly topic: string;
  readonly partition: number;
}): string {
  return `${topic}-${partition}`;
}

/** The partition of that name. */
export function partitionOf(name: string): { readonly topic: string; readonly partition: number } {
  const dash = name.lastIndexOf("-");
  return { topic: name.slice(0, dash), partition: Number(name.slice(dash + 1)) };
}
