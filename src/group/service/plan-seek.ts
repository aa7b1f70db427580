import { OFFSET_MAX } from "../../base/index.ts";
import { MillraceError } from "../../errors/index.ts";
import { invalid } from "./command-checks.ts";
import type { CommittedOffsets } from "../offsets/committed-offsets.ts";
import type { CatalogueTopic, PartitionBounds, TopicCatalogue } from "../ports.ts";
import type { CommittedOffset, SeekCommand, SeekTarget, SoughtPartition } from "../types.ts";

/** What a seek is planned with. */
export interface SeekParts {
  readonly catalogue: TopicCatalogue;
  readonly offsets: CommittedOffsets;
  /** Those of the group in `to.otherGroup`, if there is one. */
  readonly others: CommittedOffsets | undefined;
}

/** Where a partition goes, with the topic it is of. */
export interface PlannedSeek extends SoughtPartition {
  readonly topicId: string;
}

/**
 * Where each partition would be moved, by topic and partition; what has no committed offset is left out where one is
 * needed. Throws TOPIC_NOT_FOUND, PARTITION_NOT_FOUND, why a partition is offline.
 */
export async function planSeek(command: SeekCommand, parts: SeekParts): Promise<PlannedSeek[]> {
  checkTarget(command.to);
  const plan: PlannedSeek[] = [];
  for (const topic of topicsOf(command, parts)) {
    for (const partition of partitionsOf(command, topic)) {
      const before = parts.offsets.get(topic.name, topic.topicId, partition);
      const place = { topic: topic.name, topicId: topic.topicId, partition, before: before?.offset };
      const other = parts.others?.get(topic.name, topic.topicId, partition);
      const sought = await seekPartition(command.to, place, other, parts.catalogue);
      if (sought !== undefined) plan.push(sought);
    }
  }
  return plan;
}

function checkTarget(to: SeekTarget): void {
  if (typeof to === "string") return;
  if ("shift" in to) requireWhole("shift", to.shift, -OFFSET_MAX);
  if ("offset" in to) requireWhole("offset", to.offset, 0);
  if ("timestampMs" in to) requireWhole("timestamp_ms", to.timestampMs, 0);
}

function requireWhole(field: string, value: number, min: number): void {
  if (Number.isSafeInteger(value) && value >= min) return;
  throw invalid(field, value, min < 0 ? "whole numbers" : "whole numbers from 0");
}

function topicsOf({ topic, partitions }: SeekCommand, { catalogue, offsets, others }: SeekParts) {
  if (topic !== undefined) {
    const found = catalogue.topic(topic);
    if (found === undefined) throw catalogue.bounds(topic, 0);
    return [found];
  }
  if (partitions.length > 0) throw invalid("partitions", partitions.join(","), "none without a topic");
  const names = [...(others ?? offsets).topics()].sort();
  return names.map((name) => catalogue.topic(name)).filter((found) => found !== undefined);
}

function partitionsOf({ partitions }: SeekCommand, { name, partitionCount }: CatalogueTopic): number[] {
  if (partitions.length === 0) return Array.from({ length: partitionCount }, (_, partition) => partition);
  for (const partition of partitions) {
    if (Number.isInteger(partition) && partition >= 0 && partition < partitionCount) continue;
    throw new MillraceError(
      "PARTITION_NOT_FOUND",
      `topic ${name} has no partition ${partition}; it has 0 to ${partitionCount - 1}`,
      { details: { topic: name, partition, partitions: partitionCount } },
    );
  }
  return [...new Set(partitions)].sort((a, b) => a - b);
}

async function seekPartition(
  to: SeekTarget,
  place: Omit<PlannedSeek, "after" | "clamped">,
  other: CommittedOffset | undefined,
  catalogue: TopicCatalogue,
): Promise<PlannedSeek | undefined> {
  const { topic, partition, before } = place;
  const bounds = catalogue.bounds(topic, partition);
  if (bounds instanceof MillraceError) throw bounds;
  const { logStartOffset, highWatermark } = bounds;
  if (to === "start") return clamp(place, logStartOffset, bounds);
  if (to === "end") return clamp(place, highWatermark, bounds);
  if ("offset" in to) return clamp(place, to.offset, bounds);
  if ("shift" in to) return before === undefined ? undefined : clamp(place, before + to.shift, bounds);
  if ("otherGroup" in to) return other === undefined ? undefined : clamp(place, other.offset, bounds);
  const found = await catalogue.findByTimestamp(topic, partition, to.timestampMs);
  return clamp(place, found ?? highWatermark, bounds);
}

function clamp(
  place: Omit<PlannedSeek, "after" | "clamped">,
  wanted: number,
  { logStartOffset, highWatermark }: PartitionBounds,
): PlannedSeek {
  const after = Math.min(Math.max(wanted, logStartOffset), highWatermark);
  return { ...place, after, clamped: after !== wanted };
}
