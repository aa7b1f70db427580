import { afterTurn } from "../base/index.ts";
import { MillraceError } from "../errors/index.ts";
import type { CatalogueTopic, PartitionBounds, TopicCatalogue } from "../group/index.ts";
import { isInternalTopic } from "./internal-topics.ts";
import type { Topic, Topics } from "./topics.ts";

/** The topics as groups see them. */
export class BrokerTopicCatalogue implements TopicCatalogue {
  readonly #topics: Topics;

  constructor(topics: Topics) {
    this.#topics = topics;
  }

  *topics(): Generator<CatalogueTopic> {
    for (const topic of this.#topics.each()) {
      if (!isInternalTopic(topic.metadata.name)) yield catalogued(topic);
    }
  }

  topic(name: string): CatalogueTopic | undefined {
    const topic = isInternalTopic(name) ? undefined : this.#topics.find(name);
    return topic === undefined ? undefined : catalogued(topic);
  }

  listen(changed: () => void): void {
    let isDue = false;
    this.#topics.listen(() => {
      if (isDue) return;
      isDue = true;
      afterTurn(() => {
        isDue = false;
        changed();
      });
    });
  }

  bounds(topic: string, partition: number): PartitionBounds | MillraceError {
    if (isInternalTopic(topic)) return notForGroups(topic);
    try {
      return this.#topics.log(topic, partition);
    } catch (error) {
      return MillraceError.from(error);
    }
  }

  async findByTimestamp(topic: string, partition: number, timestampMs: number): Promise<number | undefined> {
    return (await this.#topics.log(topic, partition).findByTimestamp(timestampMs))?.offset;
  }
}

function notForGroups(topic: string): MillraceError {
  const text = `there is no topic ${JSON.stringify(topic.slice(0, 60))} for groups: names that begin with "__" are the broker's own`;
  return new MillraceError("TOPIC_NOT_FOUND", text, { details: { topic: topic.slice(0, 60), nearest: "" } });
}

function catalogued({ metadata: { name, topicId, partitionCount } }: Topic): CatalogueTopic {
  return { name, topicId, partitionCount };
}
