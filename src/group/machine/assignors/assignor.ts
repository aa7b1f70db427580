/** A topic whose partitions are to be shared. */
export interface SharedTopic {
  /** Numbers of the members that subscribe to it, rising; at least one. */
  readonly subscribers: readonly number[];
  /** Who was to have each partition until now; undefined: nobody who is still there. */
  readonly owners: readonly (number | undefined)[];
}

/** What is to be shared, and among how many. Members have numbers from 0; their order is theirs for all topics. */
export interface AssignmentProblem {
  readonly memberCount: number;
  readonly topics: readonly SharedTopic[];
}

/**
 * Shares partitions: returns who is to have each partition of each topic, in the order of the problem. Every partition
 * goes to one of the topic's subscribers. Pure: equal problems have equal answers.
 */
export type Assignor = (problem: AssignmentProblem) => number[][];
