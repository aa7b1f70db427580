import { PARTITIONS_PER_TOPIC_MAX } from "../base/index.ts";
import { MillraceError } from "../errors/index.ts";

/** Refuses, with INVALID_REQUEST, a count that no topic may have or that makes more than `max` with the others. */
export function checkPartitionCount(partitionCount: number, others: number, max: number): void {
  if (!Number.isInteger(partitionCount) || partitionCount < 1 || partitionCount > PARTITIONS_PER_TOPIC_MAX) {
    throw partitionCountError(partitionCount, `1 to ${PARTITIONS_PER_TOPIC_MAX}`);
  }
  if (others + partitionCount > max) {
    throw partitionCountError(partitionCount, `at most ${max - others}: this broker holds ${max}`);
  }
}

/** The error for a count, with what is allowed. */
export function partitionCountError(value: number, allowed: string): MillraceError {
  return new MillraceError(
    "INVALID_REQUEST",
    `${value} partitions are not possible here; allowed is ${allowed}`,
    {
      details: { field: "partition_count", value, allowed },
    },
  );
}
