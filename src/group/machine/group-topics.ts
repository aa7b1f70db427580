import type { SharedPartition } from "./member.ts";
import type { TopicCatalogue } from "../ports.ts";

/** A topic that the group reads, or of which a member still has something. */
export interface GroupTopic {
  readonly name: string;
  readonly topicId: string;
  /** By their numbers. */
  readonly partitions: readonly SharedPartition[];
}

/** The topics of a group, as they were in the catalogue when somebody last looked. */
export class GroupTopics {
  readonly #catalogue: Pick<TopicCatalogue, "topic">;
  readonly #topics = new Map<string, GroupTopic & { readonly partitions: SharedPartition[] }>();

  constructor(catalogue: Pick<TopicCatalogue, "topic">) {
    this.#catalogue = catalogue;
  }

  /** Undefined for a partition that is none of the group's. */
  partition(topic: string, partition: number): SharedPartition | undefined {
    return this.#topics.get(topic)?.partitions[partition];
  }

  has(name: string): boolean {
    return this.#topics.has(name);
  }

  all(): IterableIterator<GroupTopic> {
    return this.#topics.values();
  }

  /** The topic, taken over from the catalogue if it is new here; undefined if it does not exist. */
  obtain(name: string): GroupTopic | undefined {
    const known = this.#topics.get(name);
    if (known !== undefined) return known;
    const found = this.#catalogue.topic(name);
    if (found === undefined) return undefined;
    const topic = { name, topicId: found.topicId, partitions: [] };
    grow(topic, found.partitionCount);
    this.#topics.set(name, topic);
    return topic;
  }

  drop({ name }: GroupTopic): void {
    this.#topics.delete(name);
  }

  /** Looks at the catalogue again. Topics that are gone, also if there is a new one of the name, are dropped here. */
  refresh(): { readonly gone: readonly GroupTopic[]; readonly hasGrown: boolean } {
    const gone: GroupTopic[] = [];
    let hasGrown = false;
    for (const topic of this.#topics.values()) {
      const found = this.#catalogue.topic(topic.name);
      if (found?.topicId !== topic.topicId) gone.push(topic);
      else if (grow(topic, found.partitionCount)) hasGrown = true;
    }
    for (const topic of gone) this.drop(topic);
    return { gone, hasGrown };
  }
}

/** Partitions are never taken away from a topic. */
function grow(topic: GroupTopic & { readonly partitions: SharedPartition[] }, count: number): boolean {
  const { name, topicId, partitions } = topic;
  const before = partitions.length;
  for (let partition = before; partition < count; partition++) {
    partitions.push({ topic: name, topicId, partition, owner: undefined, ownedSince: 0, target: undefined });
  }
  return partitions.length > before;
}
