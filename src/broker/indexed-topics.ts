import { PartitionLog } from "../log/index.ts";
import type { StreamIndex, StreamTopics } from "../stream/index.ts";
import { hasStreams } from "./stream-configs.ts";
import type { Topics } from "./topics.ts";

/** What the topics with streams are known by. */
export interface IndexedTopicsParts {
  readonly topics: Topics;
  readonly index: StreamIndex;
  readonly leaderEpoch: number;
  /** Throws SHUTTING_DOWN. */
  readonly requireOpen: () => void;
}

interface Followed {
  readonly topicId: string;
  readonly partition: number;
}

/** The topics as streams see them; has the index follow the logs of those with `stream.index=true`, and no others. */
export class IndexedTopics implements StreamTopics {
  readonly #parts: IndexedTopicsParts;
  #followed = new Map<PartitionLog, Followed>();

  constructor(parts: IndexedTopicsParts) {
    this.#parts = parts;
  }

  /** Follows the topics that there are, and from now on those that come. */
  async start(): Promise<void> {
    const { topics, index } = this.#parts;
    this.#follow();
    topics.listen(() => this.#follow());
    const topicIds = new Set([...this.#followed.values()].map(({ topicId }) => topicId));
    await index.removeUnknown(topicIds);
  }

  partitionCount(topic: string): number {
    this.#parts.requireOpen();
    return this.#parts.topics.get(topic).metadata.partitionCount;
  }

  log(topic: string, partition: number): PartitionLog {
    this.#parts.requireOpen();
    return this.#parts.topics.log(topic, partition);
  }

  #follow(): void {
    const { topics, index, leaderEpoch } = this.#parts;
    const before = this.#followed;
    this.#followed = new Map();
    for (const topic of topics.each()) {
      if (!hasStreams(topics.configsOf(topic))) continue;
      const { name, topicId, partitionCount } = topic.metadata;
      for (const [partition, log] of topic.logs.logs.slice(0, partitionCount).entries()) {
        if (!(log instanceof PartitionLog)) continue;
        this.#followed.set(log, { topicId, partition });
        before.delete(log);
        index.follow({ topic: name, topicId, partition, leaderEpoch, log });
      }
    }
    for (const [log, { topicId, partition }] of before) index.forget(log, topicId, partition);
  }
}
