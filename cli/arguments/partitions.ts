import { InvalidArgumentError } from "commander";
import { PARTITIONS_PER_TOPIC_MAX } from "../../src/base/index.ts";
import { collectList } from "./name-value.ts";
import { wholeNumber } from "./quantities.ts";

const parsePartition = wholeNumber({ min: 0, max: PARTITIONS_PER_TOPIC_MAX - 1 });

/** Collects a repeatable option of partition numbers, and lists separated by commas in it. */
export function collectPartitions(text: string, before: readonly number[] | undefined): number[] {
  const partitions = collectList(text, []).map(parsePartition);
  const all = [...(before ?? []), ...partitions];
  if (new Set(all).size < all.length) throw new InvalidArgumentError("Name each partition once.");
  return all;
}
