import type { Random } from "../base/index.ts";
import {
  type MetadataStore,
  PRODUCER_ID_BLOCK_SIZE,
  type ProducerIdBlock,
  type TopicMetadata,
  type TopicValues,
} from "./metadata-store.ts";
import { StoreLockedError } from "./store-locked-error.ts";
import { checkTopic } from "./stored-values.ts";
import { checkDeletes, checkReplaces } from "./topic-changes.ts";

/** Metadata that lives as long as this object: closed and opened again, it holds what it held. */
export class MemoryMetadataStore implements MetadataStore {
  readonly clusterId: string;
  readonly #topics = new Map<string, TopicMetadata>();
  #isOpen = false;
  #version = 0;
  #brokerEpoch = 0;
  #producerId = 0;

  constructor(random: Random) {
    this.clusterId = random.id();
  }

  async open(): Promise<void> {
    if (this.#isOpen) throw new StoreLockedError("memory");
    this.#isOpen = true;
  }

  async close(): Promise<void> {
    this.#isOpen = false;
  }

  async loadTopics(): Promise<TopicMetadata[]> {
    this.#checkOpen();
    return structuredClone([...this.#topics.values()]).sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  async putTopic(topic: TopicValues, replaces: number | undefined): Promise<TopicMetadata> {
    checkTopic(topic);
    this.#checkOpen();
    checkReplaces(topic.name, this.#topics.get(topic.name), replaces);
    this.#version += 1;
    const stored = structuredClone({ ...topic, version: this.#version });
    this.#topics.set(topic.name, stored);
    return structuredClone(stored);
  }

  async deleteTopic(name: string, topicId: string): Promise<void> {
    this.#checkOpen();
    const present = this.#topics.get(name);
    if (present === undefined) return;
    checkDeletes(present, topicId);
    this.#topics.delete(name);
  }

  async nextBrokerEpoch(): Promise<number> {
    this.#checkOpen();
    return this.#brokerEpoch++;
  }

  async allocateProducerIds(): Promise<ProducerIdBlock> {
    this.#checkOpen();
    const first = this.#producerId;
    this.#producerId += PRODUCER_ID_BLOCK_SIZE;
    return { first, count: PRODUCER_ID_BLOCK_SIZE };
  }

  #checkOpen(): void {
    if (!this.#isOpen) throw new TypeError("the metadata store is not open");
  }
}
