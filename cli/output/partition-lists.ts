/** Many partitions in few words. */
import type { TopicPartition } from "../../src/index.ts";
import { formatCounted } from "./quantities.ts";

/** Longer texts are cut: whole lists are in JSON. */
const CHARACTERS_MAX = 60;

/** Partitions by topic with runs as ranges, in their order: "orders 0-2,5, payments 1". "-" for none. */
export function partitionsText(
  partitions: readonly TopicPartition[],
  charactersMax = CHARACTERS_MAX,
): string {
  if (partitions.length === 0) return "-";
  const text = [...numbersByTopic(partitions)]
    .map(([topic, numbers]) => `${topic} ${rangesText(numbers)}`)
    .join(", ");
  if (text.length <= charactersMax) return text;
  return `${text.slice(0, charactersMax)}… (${formatCounted(partitions.length, "partition")})`;
}

/** The numbers of the partitions of each topic, in their order. */
export function numbersByTopic(partitions: readonly TopicPartition[]): Map<string, number[]> {
  const byTopic = new Map<string, number[]>();
  for (const { topic, partition } of partitions) {
    const numbers = byTopic.get(topic);
    if (numbers === undefined) byTopic.set(topic, [partition]);
    else numbers.push(partition);
  }
  return byTopic;
}

/** Ascending numbers with runs as ranges: "0-2,5". */
export function rangesText(numbers: readonly number[]): string {
  const ranges: [first: number, last: number][] = [];
  for (const number of numbers) {
    const range = ranges.at(-1);
    if (range !== undefined && number === range[1] + 1) range[1] = number;
    else ranges.push([number, number]);
  }
  return ranges.map(([first, last]) => (first === last ? `${first}` : `${first}-${last}`)).join(",");
}
