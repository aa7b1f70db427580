/** What is told of a cause for which partitions of a group wait: why, in plain words, and the command that mends it. */
import type {
  GroupDescription,
  GroupMemberDescription,
  GroupPartition,
  PartitionProgress,
  TopicPartition,
} from "../../src/index.ts";
import { describeMember } from "./member-names.ts";
import { numbersByTopic } from "./partition-lists.ts";
import { formatCount, formatCounted, formatDuration } from "./quantities.ts";

/** The progress that explains it, or what only the group as a whole tells. */
export type FindingCause =
  | Exclude<PartitionProgress, "reading" | "unknown">
  | "not-committing"
  | "no-partition"
  | "no-topic"
  | "nothing-committed";

/** More topics than these are not spelt out. */
export const TOPICS_SPELT_MAX = 4;

/** The member that is still to give the partition up. */
export function holderOf(
  { topic, partition }: TopicPartition,
  members: readonly GroupMemberDescription[],
): GroupMemberDescription | undefined {
  return members.find(({ revoking }) =>
    revoking.some((held) => held.topic === topic && held.partition === partition),
  );
}

/** On which side of the log the committed offset of a partition lies that is out of range. */
export function placeOf({ committed, logStartOffset }: GroupPartition): "expired" | "before" | "beyond" {
  if (committed?.isExpired === true) return "expired";
  return (committed?.offset ?? 0) < logStartOffset ? "before" : "beyond";
}

/** Words for people, and a command for their terminal. */
export interface Explanation {
  readonly why: string;
  /** The command that mends or shows it; undefined where there is none. */
  readonly command: string | undefined;
}

/** Why partitions wait that have one cause, with what mends it. There is one at least. */
export function explain(
  cause: FindingCause,
  partitions: readonly GroupPartition[],
  group: GroupDescription,
  nowMs: number,
): Explanation {
  const [first] = partitions as readonly [GroupPartition];
  const lag = partitions.reduce((sum, partition) => sum + partition.lag, 0);
  const waiting =
    lag === 0 ? "nothing waits now" : `${formatCounted(lag, "record")} ${lag === 1 ? "waits" : "wait"}`;
  const member = describeMember(first.memberId, group.members);
  const again = `millrace group describe ${group.group} --watch`;
  switch (cause) {
    case "at-end":
      return {
        why:
          group.memberCount === 0
            ? "everything is read and committed; the group has no members, so new records wait"
            : "everything is read and committed; new records are read as they come",
        command: undefined,
      };
    case "no-member":
      return {
        why: `the group has no members, so nobody reads; ${waiting}`,
        command: consumeCommand(partitions, group),
      };
    case "not-subscribed":
      return {
        why: `no member subscribes to this topic any more; ${waiting}. Read it, or forget how far it was read`,
        command: `millrace group delete-offsets ${group.group} --topic ${first.topic}`,
      };
    case "paused":
      return { why: `paused by ${member}, until that program resumes; ${waiting}`, command: undefined };
    case "member-gone":
      return {
        why: `${member} has lost its connection; others take over when its session timeout is over`,
        command: again,
      };
    case "unassigned": {
      const holder = holderOf(first, group.members);
      return holder === undefined
        ? { why: `waiting for the assignment, which takes moments; ${waiting}`, command: again }
        : {
            why: `${describeMember(holder.memberId, group.members)} has not given up these partitions yet; it is put out of the group when its rebalance timeout is over`,
            command: again,
          };
    }
    case "offline":
      return {
        why: "offline: the broker cannot read them",
        command: `millrace topic describe ${first.topic}`,
      };
    case "out-of-range":
      return outOfRange(first, partitions, group.group);
    default:
      return { why: notCommitting(member, partitions, nowMs), command: undefined };
  }
}

function consumeCommand(
  partitions: readonly TopicPartition[],
  { group }: GroupDescription,
): string | undefined {
  const topics = [...numbersByTopic(partitions).keys()];
  return topics.length > TOPICS_SPELT_MAX ? undefined : `millrace consume ${topics.join(" ")} -g ${group}`;
}

function outOfRange(
  first: GroupPartition,
  partitions: readonly GroupPartition[],
  group: string,
): Explanation {
  const place = placeOf(first);
  const numbers = partitions.map(({ partition }) => partition).join(",");
  const to = { before: "start", beyond: "end", expired: "+0" }[place];
  const command = `millrace group seek ${group} --topic ${first.topic} --partition ${numbers} --to ${to}`;
  const mends = "a consumer goes on by its gap policy, or the group is moved while it has no members";
  if (place === "expired") {
    return { why: `the group was empty for longer than the offsets retention; ${mends}`, command };
  }
  if (place === "beyond") {
    return { why: `the committed offset lies beyond the end of the log; ${mends}`, command };
  }
  const lost = partitions.reduce(
    (sum, { committed, logStartOffset }) => sum + logStartOffset - (committed?.offset ?? 0),
    0,
  );
  return {
    why: `${formatCounted(lost, "record")} after the committed offset were deleted unread; ${mends}`,
    command,
  };
}

function notCommitting(member: string, partitions: readonly GroupPartition[], nowMs: number): string {
  const last = Math.max(...partitions.map(({ committed }) => committed?.committedAtMs ?? 0));
  const lag = partitions.reduce((sum, partition) => sum + partition.lag, 0);
  if (last === 0) {
    return `${member} reads and has committed nothing yet, with ${formatCount(lag)} behind: unless it has just begun, it takes long over a record or does not commit`;
  }
  const since = `nothing for ${formatDuration(nowMs - last)}`;
  return `${member} reads, but has committed ${since} with ${formatCount(lag)} behind: it takes long over a record, fails at it again and again, or does not commit`;
}
