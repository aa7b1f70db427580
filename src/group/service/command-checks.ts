/** What every command is held against before it reaches a group. All refuse with INVALID_REQUEST. */
import {
  CLIENT_ID_CHARACTERS_MAX,
  COMMITTED_OFFSETS_MAX,
  isTopicName,
  MEMBER_ID_CHARACTERS_MAX,
  MEMBER_TIMEOUT_MS_MAX,
  MEMBER_TIMEOUT_MS_MIN,
  OFFSET_MAX,
  OFFSET_METADATA_BYTES_MAX,
  TOPIC_NAME_ALLOWED,
} from "../../base/index.ts";
import { MillraceError } from "../../errors/index.ts";
import type { CommitCommand, JoinCommand } from "../types.ts";

const SHOWN_CHARACTERS_MAX = 60;

/** Refuses a name that could not safely be part of a log line. */
export function checkGroupName(group: string): void {
  if (!isTopicName(group)) throw invalid("group", group, TOPIC_NAME_ALLOWED);
}

/** Refuses ids and timeouts that are out of bounds. */
export function checkJoin(command: JoinCommand): void {
  const { group, memberId, memberEpoch, instanceId, clientId } = command;
  checkGroupName(group);
  if (!isTopicName(memberId) || memberId.length > MEMBER_ID_CHARACTERS_MAX) {
    throw invalid("member_id", memberId, `1 to ${MEMBER_ID_CHARACTERS_MAX} characters of A-Z a-z 0-9 . _ -`);
  }
  if (!isWithin(memberEpoch, 0, OFFSET_MAX))
    throw invalid("member_epoch", memberEpoch, "a whole number from 0");
  if (instanceId !== undefined && !isTopicName(instanceId)) {
    throw invalid("instance_id", instanceId, TOPIC_NAME_ALLOWED);
  }
  if (clientId.length > CLIENT_ID_CHARACTERS_MAX) {
    throw invalid("client_id", clientId, `at most ${CLIENT_ID_CHARACTERS_MAX} characters`);
  }
  checkTimeout("session_timeout_ms", command.sessionTimeoutMs);
  checkTimeout("rebalance_timeout_ms", command.rebalanceTimeoutMs);
}

/** Refuses offsets that cannot be committed, whatever the partitions hold. */
export function checkCommit({ group, offsets }: CommitCommand): void {
  checkGroupName(group);
  if (!isWithin(offsets.length, 1, COMMITTED_OFFSETS_MAX)) {
    throw invalid("offsets", `${offsets.length} of them`, `1 to ${COMMITTED_OFFSETS_MAX} in one call`);
  }
  for (const { offset, metadata } of offsets) {
    if (!isWithin(offset, 0, OFFSET_MAX)) throw invalid("offset", offset, "a whole number from 0");
    if (
      metadata.length > OFFSET_METADATA_BYTES_MAX ||
      Buffer.byteLength(metadata) > OFFSET_METADATA_BYTES_MAX
    ) {
      throw invalid("metadata", metadata, `at most ${OFFSET_METADATA_BYTES_MAX} bytes`);
    }
  }
}

/** An INVALID_REQUEST that names the field, its value and what is allowed. */
export function invalid(field: string, value: string | number, allowed: string): MillraceError {
  const text = String(value);
  const shown = text.length > SHOWN_CHARACTERS_MAX ? `${text.slice(0, SHOWN_CHARACTERS_MAX)}…` : text;
  return new MillraceError(
    "INVALID_REQUEST",
    `${field} is ${JSON.stringify(shown)}: allowed are ${allowed}`,
    {
      details: { field, value: shown, allowed },
    },
  );
}

function checkTimeout(field: string, value: number): void {
  if (isWithin(value, MEMBER_TIMEOUT_MS_MIN, MEMBER_TIMEOUT_MS_MAX)) return;
  throw invalid(field, value, `${MEMBER_TIMEOUT_MS_MIN} to ${MEMBER_TIMEOUT_MS_MAX} milliseconds`);
}

function isWithin(value: number, min: number, max: number): boolean {
  return Number.isSafeInteger(value) && value >= min && value <= max;
}
