/** Where a consumer of a group reads a partition: from its committed offset, or as the policies say where that is none. */
import { MillraceError } from "../errors/index.ts";
import type { AssignedPartition, PartitionBounds, TopicPartition } from "../group/index.ts";
import type { ConsumeGap, OffsetFallback } from "./consumption.ts";

/** What to do without a usable offset. */
export interface OffsetPolicies {
  readonly onNoOffset: OffsetFallback;
  readonly onGap: OffsetFallback;
}

/** Where to read, and what is not delivered because of that. */
export interface ReadStart {
  readonly offset: number;
  readonly gap?: ConsumeGap;
}

/** A partition that a consumer has, from its assignment until it was released. */
export interface ConsumedPartition extends TopicPartition {
  /** The consumer's number for its position. */
  assignmentId: number;
  /** Next offset to deliver; undefined if it is not read until it is sought. */
  position: number | undefined;
  /** End of what was delivered; 0 if nothing was. */
  deliveredEnd: number;
  /** End of what was delivered since the last commit or seek. */
  toCommit: number | undefined;
  /** Why what it commits next may lie below what is committed, if it may. */
  moved: "sought" | "after-gap" | undefined;
  /** How often it was moved: an answer to a commit says nothing of what was delivered after a later move. */
  moves: number;
  isPaused: boolean;
  /** It has to be given up: nothing more of it is delivered. */
  isRevoked: boolean;
}

/** A partition that came, before it is decided where it is read from. */
export function newlyAssigned({ topic, partition }: TopicPartition): ConsumedPartition {
  return {
    topic,
    partition,
    assignmentId: 0,
    position: undefined,
    deliveredEnd: 0,
    toCommit: undefined,
    moved: undefined,
    moves: 0,
    isPaused: false,
    isRevoked: false,
  };
}

/** It goes on elsewhere, perhaps lower: what was delivered before is not committed by itself any more. */
export function markMoved(consumed: ConsumedPartition, why: "sought" | "after-gap"): void {
  consumed.moved = why;
  consumed.moves++;
  consumed.toCommit = undefined;
}

/** Where a partition that came is read from, or why it is not. */
export function startOf(
  partition: AssignedPartition,
  bounds: PartitionBounds,
  policies: OffsetPolicies,
): ReadStart | MillraceError {
  const { committed } = partition;
  if (committed === undefined) return withoutOffset(partition, bounds, policies.onNoOffset);
  const { offset, expired } = committed;
  if (!expired && isWithin(offset, bounds)) return { offset };
  return afterGap({ ...partition, from: offset, expired }, bounds, policies.onGap);
}

/** Where to go on from an offset that cannot be used any more, or why not. */
export function afterGap(
  lost: TopicPartition & { readonly from: number; readonly expired: boolean },
  bounds: PartitionBounds,
  fallback: OffsetFallback,
): ReadStart | MillraceError {
  const { topic, partition, from, expired } = lost;
  if (fallback === "fail") {
    const place = placeOf(lost, from, bounds);
    const what = expired
      ? `${place} has expired: its group was empty for too long, or a crash took the end of the log`
      : `${place} is outside it`;
    return outOfRange(`${what}; seek, or join with on_gap START or END`, from, bounds);
  }
  const offset = fallback === "start" ? bounds.logStartOffset : bounds.highWatermark;
  return { offset, gap: { topic, partition, from, to: offset, lost: Math.max(0, offset - from) } };
}

/** Why a consumer may not be moved there; undefined if it may. */
export function refuseSeek(
  place: TopicPartition,
  offset: number,
  bounds: PartitionBounds,
): MillraceError | undefined {
  if (isWithin(offset, bounds)) return undefined;
  return outOfRange(`${placeOf(place, offset, bounds)} is outside it; seek within it`, offset, bounds);
}

/** Why an offset may not be committed; undefined if it may. */
export function refuseCommit(
  { topic, partition, offset }: TopicPartition & { readonly offset: number },
  consumed: ConsumedPartition | undefined,
): MillraceError | undefined {
  if (consumed === undefined) {
    const text = `${topic}-${partition} is not assigned to this consumer, or was released; commit before the release`;
    return new MillraceError("STALE_MEMBER_EPOCH", text, { details: { topic, partition } });
  }
  const max = Math.max(consumed.deliveredEnd, consumed.position ?? 0);
  if (offset <= max) return undefined;
  const text = `offset ${offset} of ${topic}-${partition} lies beyond what was delivered here; allowed: at most ${max}`;
  return new MillraceError("OFFSET_OUT_OF_RANGE", text, { details: { offset, allowed: `at most ${max}` } });
}

/** Why a partition cannot be released. */
export function notRevoked({ topic, partition }: TopicPartition): MillraceError {
  const text = `${topic}-${partition} is released but was not revoked; allowed: partitions of a \`revoked\` event, once`;
  const details = {
    field: "release.partitions",
    value: `${topic}-${partition}`,
    allowed: "revoked partitions",
  };
  return new MillraceError("INVALID_REQUEST", text, { details });
}

/** Why a partition that the consumer does not have cannot be moved. */
export function notAssigned({ topic, partition }: TopicPartition): MillraceError {
  const text = `${topic}-${partition} is not assigned to this consumer and cannot be moved; wait until it is`;
  const details = { field: "seek", value: `${topic}-${partition}`, allowed: "assigned partitions" };
  return new MillraceError("INVALID_REQUEST", text, { details });
}

/** Names a partition in maps. */
export function keyOf({ topic, partition }: TopicPartition): string {
  return `${topic}-${partition}`;
}

function withoutOffset(
  { topic, partition }: TopicPartition,
  bounds: PartitionBounds,
  fallback: OffsetFallback,
): ReadStart | MillraceError {
  if (fallback === "start") return { offset: bounds.logStartOffset };
  if (fallback === "end") return { offset: bounds.highWatermark };
  const text = `the group has committed nothing in ${topic}-${partition}; seek, or join with on_no_offset START or END`;
  const { logStartOffset, highWatermark } = bounds;
  const details = { log_start_offset: logStartOffset, high_watermark: highWatermark };
  return new MillraceError("OFFSET_OUT_OF_RANGE", text, { details });
}

function isWithin(offset: number, { logStartOffset, highWatermark }: PartitionBounds): boolean {
  return offset >= logStartOffset && offset <= highWatermark;
}

function placeOf({ topic, partition }: TopicPartition, offset: number, bounds: PartitionBounds): string {
  const { logStartOffset, highWatermark } = bounds;
  return `offset ${offset} of ${topic}-${partition}, whose log holds ${logStartOffset} to ${highWatermark} (exclusive),`;
}

function outOfRange(text: string, offset: number, { logStartOffset, highWatermark }: PartitionBounds) {
  const details = { offset, log_start_offset: logStartOffset, high_watermark: highWatermark };
  return new MillraceError("OFFSET_OUT_OF_RANGE", text, { details });
}
