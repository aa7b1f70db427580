import type { AssignmentProblem, SharedTopic } from "./assignor.ts";

/**
 * Gives each subscriber of a topic neighbouring partitions, in the order of the members; the first ones get one more if
 * it does not come out even (Kafka's RangeAssignor of the coordinator). Topics with the same subscribers and the same
 * number of partitions are shared in the same way, so that records of one key in all of them meet at one member. Looks
 * at nothing that was before: partitions move as they must.
 */
export function assignRanges({ topics }: AssignmentProblem): number[][] {
  return topics.map(rangesOf);
}

function rangesOf({ subscribers, owners }: SharedTopic): number[] {
  const share = Math.floor(owners.length / subscribers.length);
  const larger = owners.length % subscribers.length;
  return subscribers.flatMap((member, place) => Array<number>(share + (place < larger ? 1 : 0)).fill(member));
}
