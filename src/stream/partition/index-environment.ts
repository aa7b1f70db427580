import type { Clock, Logger } from "../../base/index.ts";
import type { LruBudget, PartitionLog } from "../../log/index.ts";
import type { IndexStore } from "../store/index-store.ts";
import type { Slots } from "./slots.ts";
import type { TailBudget } from "./tail.ts";

/** What all partitions share. */
export interface IndexEnvironment {
  readonly store: IndexStore;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Resolves when the store can be used. */
  readonly opened: () => Promise<void>;
  /** Heads that nobody needs at the moment. */
  readonly heads: LruBudget;
  readonly tail: TailBudget;
  /** Partitions that catch up at the same time. */
  readonly catchUps: Slots;
  /** Between two writes of one partition, so that each takes more in, milliseconds. */
  readonly writeIntervalMs: number;
}

/** A partition as the index sees it. */
export interface IndexedPartition {
  /** `<topic>-<partition>`. */
  readonly name: string;
  readonly topicId: string;
  readonly partition: number;
  readonly leaderEpoch: number;
  readonly log: PartitionLog;
}
