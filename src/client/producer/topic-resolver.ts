import { MillraceError } from "../../errors/index.ts";
import { Backoff, pause } from "../backoff.ts";
import type { Cluster } from "../cluster/cluster.ts";
import { decide } from "./retry-decision.ts";
import type { TopicQueues } from "./topic-queues.ts";

/** Learns the partitions of a topic that records wait for. */
export class TopicResolver {
  readonly #cluster: Cluster;
  readonly #onRetry: (error: MillraceError) => void;
  readonly #underWay = new Set<TopicQueues>();

  constructor(cluster: Cluster, onRetry: (error: MillraceError) => void) {
    this.#cluster = cluster;
    this.#onRetry = onRetry;
  }

  /**
   * Asks until the topic is known, nobody waits any more, or trying again is hopeless; then fails those that wait. A
   * call for a topic that is being asked about does nothing.
   */
  async resolve(queues: TopicQueues): Promise<void> {
    if (this.#underWay.has(queues)) return;
    this.#underWay.add(queues);
    const backoff = new Backoff(this.#cluster.random);
    while (queues.metadata === undefined && !queues.line.isEmpty) {
      try {
        queues.learn(await this.#cluster.metadata.get(queues.topic));
      } catch (thrown) {
        const error = MillraceError.from(thrown);
        const failed = { isIdempotent: false, followsTrouble: false, mayBeAppended: false };
        if (decide(error, { ...failed, refreshes: backoff.failures }) === "give-up") {
          queues.line.fail(error);
          break;
        }
        queues.lastFailure = error;
        this.#onRetry(error);
        await pause(this.#cluster.clock, backoff.next(error));
      }
    }
    this.#underWay.delete(queues);
    if (queues.metadata !== undefined) queues.line.advance();
  }
}
