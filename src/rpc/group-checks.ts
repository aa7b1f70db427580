/** Checks of the fields that requests to consumer groups have. Each throws INVALID_REQUEST with the field's name. */
import {
  CLIENT_ID_CHARACTERS_MAX,
  COMMITTED_OFFSETS_MAX,
  isTopicName,
  MEMBER_ID_CHARACTERS_MAX,
  MEMBER_TIMEOUT_MS_MAX,
  MEMBER_TIMEOUT_MS_MIN,
  OFFSET_METADATA_BYTES_MAX,
  REBALANCE_TIMEOUT_MS_DEFAULT,
  SESSION_TIMEOUT_MS_DEFAULT,
  SUBSCRIBED_TOPICS_MAX,
  TOPIC_PATTERN_CHARACTERS_MAX,
} from "../base/index.ts";
import type { GroupSubscription, JoinCommand, OffsetCommit, TopicPartition } from "../broker/index.ts";
import type { millrace } from "../gen/millrace.js";
import { GROUP_PARTITIONS_MAX } from "./definition.ts";
import { counted, invalid, offsetNumber, partitionNumber, topicName, within } from "./request-checks.ts";

const MEMBER_ID_ALLOWED = `1 to ${MEMBER_ID_CHARACTERS_MAX} characters of A-Z a-z 0-9 . _ -, neither "." nor ".."`;
const EPOCH_MAX = 2 ** 31 - 1;

type Place = millrace.v1.TopicPartition.$Properties;

/** A group's name, which follows the rule of topic names. */
export function groupName(name: string | null | undefined, field = "group"): string {
  return topicName(name ?? "", field);
}

/** A member's id. */
export function memberId(id: string, field: string): string {
  if (isTopicName(id) && id.length <= MEMBER_ID_CHARACTERS_MAX) return id;
  throw invalid(field, id, MEMBER_ID_ALLOWED);
}

/** A member's epoch. */
export function memberEpoch(epoch: number | null | undefined, field: string): number {
  return within(epoch ?? 0, 0, EPOCH_MAX, field);
}

/** All of a join but the member's id and what it owns, which differ between JoinGroup and Consume. */
export function joinFields(
  join: millrace.v1.GroupJoin.$Properties,
  field: string,
): Omit<JoinCommand, "memberId" | "owned"> {
  const instanceId = join.instanceId ?? "";
  return {
    group: groupName(join.group, `${field}.group`),
    memberEpoch: memberEpoch(join.memberEpoch, `${field}.member_epoch`),
    instanceId: instanceId === "" ? undefined : topicName(instanceId, `${field}.instance_id`),
    clientId: shortText(join.clientId, CLIENT_ID_CHARACTERS_MAX, `${field}.client_id`),
    subscription: subscription(join.subscription, `${field}.subscription`),
    assignor: assignor(join.assignor ?? "", `${field}.assignor`),
    sessionTimeoutMs: timeout(
      join.sessionTimeoutMs,
      SESSION_TIMEOUT_MS_DEFAULT,
      `${field}.session_timeout_ms`,
    ),
    rebalanceTimeoutMs: timeout(
      join.rebalanceTimeoutMs,
      REBALANCE_TIMEOUT_MS_DEFAULT,
      `${field}.rebalance_timeout_ms`,
    ),
  };
}

/** What a member wants to read. */
export function subscription(
  wanted: millrace.v1.GroupSubscription.$Properties | null | undefined,
  field: string,
): GroupSubscription {
  const topics = (wanted?.topics ?? []).map((name, index) => topicName(name, `${field}.topics[${index}]`));
  if (topics.length > SUBSCRIBED_TOPICS_MAX) {
    throw invalid(`the number of ${field}.topics`, topics.length, `at most ${SUBSCRIBED_TOPICS_MAX}`);
  }
  const pattern = shortText(wanted?.topicPattern, TOPIC_PATTERN_CHARACTERS_MAX, `${field}.topic_pattern`);
  if (topics.length === 0 && pattern === "")
    throw invalid(field, "empty", "topics, a topic_pattern, or both");
  return { topics, topicPattern: pattern === "" ? undefined : pattern };
}

/** Places of partitions, none included. */
export function places(listed: readonly Place[] | null | undefined, field: string): TopicPartition[] {
  const all = listed ?? [];
  if (all.length > GROUP_PARTITIONS_MAX) {
    throw invalid(`the number of ${field}`, all.length, `at most ${GROUP_PARTITIONS_MAX}`);
  }
  return all.map((place, index) => ({
    topic: topicName(place.topic ?? "", `${field}[${index}].topic`),
    partition: partitionNumber(place.partition ?? 0, `${field}[${index}].partition`),
  }));
}

/** Places of at least one partition. */
export function somePlaces(listed: readonly Place[] | null | undefined, field: string): TopicPartition[] {
  counted(listed ?? [], GROUP_PARTITIONS_MAX, field);
  return places(listed, field);
}

/** Numbers of partitions of one topic, none included. */
export function partitionNumbers(numbers: readonly number[], max: number, field: string): readonly number[] {
  if (numbers.length > max) throw invalid(`the number of ${field}`, numbers.length, `at most ${max}`);
  return numbers.map((number, index) => partitionNumber(number, `${field}[${index}]`));
}

/** Offsets to commit, none included. */
export function offsetCommits(
  listed: readonly millrace.v1.OffsetCommit.$Properties[] | null | undefined,
  field: string,
): OffsetCommit[] {
  const all = listed ?? [];
  if (all.length > COMMITTED_OFFSETS_MAX) {
    throw invalid(`the number of ${field}`, all.length, `at most ${COMMITTED_OFFSETS_MAX}`);
  }
  return all.map((commit, index) => offsetCommit(commit, `${field}[${index}]`));
}

function offsetCommit(commit: millrace.v1.OffsetCommit.$Properties, field: string): OffsetCommit {
  const metadata = commit.metadata ?? "";
  const bytes = Buffer.byteLength(metadata);
  if (bytes > OFFSET_METADATA_BYTES_MAX) {
    throw invalid(`${field}.metadata`, `${bytes} bytes long`, `at most ${OFFSET_METADATA_BYTES_MAX} bytes`);
  }
  return {
    topic: topicName(commit.topic ?? "", `${field}.topic`),
    partition: partitionNumber(commit.partition ?? 0, `${field}.partition`),
    offset: offsetNumber(commit.offset ?? 0, `${field}.offset`),
    metadata,
    rewind: commit.rewind ?? false,
  };
}

function assignor(name: string, field: string): JoinCommand["assignor"] {
  if (name === "") return undefined;
  if (name === "uniform" || name === "range") return name;
  throw invalid(field, name, `"uniform", "range" or empty`);
}

function timeout(value: number | null | undefined, fallback: number, field: string): number {
  return value == null || value === 0
    ? fallback
    : within(value, MEMBER_TIMEOUT_MS_MIN, MEMBER_TIMEOUT_MS_MAX, field);
}

function shortText(text: string | null | undefined, max: number, field: string): string {
  const given = text ?? "";
  if (given.length > max) throw invalid(field, given, `at most ${max} characters`);
  return given;
}
