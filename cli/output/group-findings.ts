/** Why a group does not move, in plain words: what each partition waits for, and the command that mends it. */
import type {
  GroupDescription,
  GroupMemberDescription,
  GroupPartition,
  TopicPartition,
} from "../../src/index.ts";
import {
  explain,
  type Explanation,
  type FindingCause,
  holderOf,
  placeOf,
  TOPICS_SPELT_MAX,
} from "./finding-texts.ts";
import { describeMember } from "./member-names.ts";
import { numbersByTopic } from "./partition-lists.ts";
import { formatCounted } from "./quantities.ts";

/** What a group or some of its partitions wait for. */
export interface GroupFinding extends Explanation {
  readonly cause: FindingCause;
  /** The partitions it is true of; none if it is said of the group. */
  readonly partitions: readonly TopicPartition[];
}

/** A member that has not committed for so long while there is something to read is worth a word. */
const QUIET_MS = 60_000;

/** How a group was looked at. */
export interface Look {
  /** When, by the clock here. */
  readonly nowMs: number;
  /** The only topic that was asked for; undefined for all. */
  readonly topic: string | undefined;
}

/** What the group waits for, the gravest first; nothing for a group that reads. */
export function groupFindings(group: GroupDescription, { nowMs, topic }: Look): GroupFinding[] {
  const kinds = new Map<string, { readonly cause: FindingCause; readonly partitions: GroupPartition[] }>();
  for (const partition of group.partitions) {
    const cause = causeOf(partition, nowMs);
    if (cause === undefined) continue;
    const key = `${cause} ${distinction(cause, partition, group)}`;
    const kind = kinds.get(key);
    if (kind === undefined) kinds.set(key, { cause, partitions: [partition] });
    else kind.partitions.push(partition);
  }
  const found = [...kinds.values()].map(({ cause, partitions }) => ({
    cause,
    partitions: partitions.map(({ topic, partition }) => ({ topic, partition })),
    ...explain(cause, partitions, group, nowMs),
  }));
  const whole = topic === undefined ? ofTheWhole(group) : [];
  return [...found, ...whole].sort((one, other) => GRAVITY[one.cause] - GRAVITY[other.cause]);
}

/** In which order findings are told. */
const GRAVITY: Readonly<Record<FindingCause, number>> = {
  offline: 0,
  "out-of-range": 1,
  "no-member": 2,
  "member-gone": 3,
  "not-subscribed": 4,
  unassigned: 5,
  paused: 6,
  "not-committing": 7,
  "no-topic": 8,
  "no-partition": 9,
  "nothing-committed": 10,
  "at-end": 11,
};

function causeOf(partition: GroupPartition, nowMs: number): FindingCause | undefined {
  const { progress, committed, lag } = partition;
  if (progress === "unknown") return undefined;
  if (progress !== "reading") return progress;
  const quietMs = committed === undefined ? undefined : nowMs - committed.committedAtMs;
  return lag > 0 && (quietMs === undefined || quietMs >= QUIET_MS) ? "not-committing" : undefined;
}

/** What keeps partitions of one cause apart: a topic where the command names it, a member where the words do. */
function distinction(cause: FindingCause, partition: GroupPartition, group: GroupDescription): string {
  if (cause === "offline" || cause === "not-subscribed") return partition.topic;
  if (cause === "out-of-range") return `${placeOf(partition)} ${partition.topic}`;
  if (cause === "unassigned") return holderOf(partition, group.members)?.memberId ?? "";
  return cause === "at-end" || cause === "no-member" ? "" : (partition.memberId ?? "");
}

/** What no partition tells: topics that do not exist, members with nothing to do, a group without anything. */
function ofTheWhole(group: GroupDescription): GroupFinding[] {
  const findings: GroupFinding[] = [];
  const tell = (cause: FindingCause, why: string, command: string | undefined) =>
    findings.push({ cause, partitions: [], why, command });
  const present = numbersByTopic(group.partitions);
  const wanted = new Set(group.members.flatMap(({ subscription }) => subscription.topics));
  const missing = [...wanted].filter((topic) => !present.has(topic));
  if (missing.length > 0) {
    const shown = missing.slice(0, TOPICS_SPELT_MAX).map((topic) => `"${topic}"`);
    if (missing.length > shown.length) shown.push(`${missing.length - shown.length} more`);
    tell(
      "no-topic",
      `members subscribe to ${shown.join(", ")}: no such topic exists yet`,
      "millrace topic list",
    );
  }
  if (group.partitions.length === 0 && group.memberCount > 0 && missing.length === 0) {
    tell("no-topic", "no topic matches what its members subscribe to", "millrace topic list");
  }
  if (group.partitions.length === 0 && group.memberCount === 0) {
    tell("nothing-committed", "the group has no members and no committed offsets", undefined);
  }
  const idle = group.members.filter(({ assigned, target }) => assigned.length + target.length === 0);
  if (idle.length > 0 && group.state === "stable" && group.partitions.length > 0) {
    tell(
      "no-partition",
      `${idleText(idle, group)} nothing to read: there are more members than partitions`,
      undefined,
    );
  }
  return findings;
}

function idleText(idle: readonly GroupMemberDescription[], { members }: GroupDescription): string {
  if (idle.length > 1) return `${formatCounted(idle.length, "member")} have`;
  return `${describeMember(idle[0]!.memberId, members)} has`;
}
