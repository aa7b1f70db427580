import {
  type Clock,
  nearestNames,
  PARTITIONS_PER_TOPIC_MAX,
  type Random,
  SerialQueue,
} from "../base/index.ts";
import { MillraceError } from "../errors/index.ts";
import { PartitionLog } from "../log/index.ts";
import type { MetadataStore, TopicMetadata, TopicValues } from "../metadata/index.ts";
import { isInternalTopic } from "./internal-topics.ts";
import type { LogManager, TopicLogs } from "./log-manager.ts";
import { changeFailure } from "./open-metadata.ts";
import { checkPartitionCount, partitionCountError } from "./partition-count.ts";
import { checkServedStreams, checkStreamConfigs, refuseMorePartitions } from "./stream-configs.ts";
import {
  checkTopicConfigName,
  checkTopicConfigs,
  logConfigOf,
  type TopicConfigValues,
} from "./topic-config.ts";
import { checkTopicName } from "./topic-name.ts";
import type { CreateTopicCommand } from "./types.ts";

/** Most changes of topics under way and waiting. */
const CHANGES_MAX = 256;

/** A topic in service: what is stored of it and its logs. */
export interface Topic {
  readonly metadata: TopicMetadata;
  readonly logs: TopicLogs;
}

/** What topics need. */
export interface TopicsParts {
  readonly store: MetadataStore;
  readonly logs: LogManager;
  readonly clock: Clock;
  readonly random: Random;
  /** Configs that topics have unless they set their own. */
  readonly defaults: TopicConfigValues;
  readonly partitionCountDefault: number;
  readonly partitionsPerBrokerMax: number;
}

/**
 * The topics of this broker. Metadata leads: a topic is stored as "creating" before its folders are made and as
 * "active" after, as "deleting" before they go; a start finishes what a crash interrupted.
 */
export class Topics {
  readonly #parts: TopicsParts;
  readonly #topics = new Map<string, Topic>();
  readonly #changes = new SerialQueue();
  #changeCount = 0;
  #isClosed = false;
  /** Names of topics whose last change ended half-way: what the store holds of them decides. */
  readonly #unsettled = new Set<string>();
  readonly #listeners: (() => void)[] = [];

  constructor(parts: TopicsParts) {
    this.#parts = parts;
  }

  /** Opens the logs of all topics; unfinished ones go. Throws INVALID_CONFIG if a default would have streams compacted. */
  async open(): Promise<void> {
    const { store, logs } = this.#parts;
    const stored = await store.loadTopics();
    for (const { name, configs } of stored) checkServedStreams(name, this.#withDefaults(name, configs));
    for (const metadata of stored) {
      const { name, topicId, partitionCount, state } = metadata;
      if (state === "active") {
        const config = this.#logConfig(name, metadata.configs);
        const opened = await logs.openTopic(name, topicId, partitionCount, config);
        this.#topics.set(name, { metadata, logs: opened });
      } else {
        await this.#finishDeletion(metadata);
      }
    }
  }

  /** In no order. */
  each(): IterableIterator<Topic> {
    return this.#topics.values();
  }

  /** In order of names. */
  all(): Topic[] {
    return [...this.#topics.values()].sort((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1));
  }

  /** Calls back whenever a topic or partitions of one have come or gone. */
  listen(listener: () => void): void {
    this.#listeners.push(listener);
  }

  find(name: string): Topic | undefined {
    return this.#topics.get(name);
  }

  /** Throws TOPIC_NOT_FOUND with the nearest names, INVALID_REQUEST for a name that cannot be one. */
  get(name: string): Topic {
    const topic = this.#topics.get(name);
    if (topic !== undefined) return topic;
    checkTopicName(name);
    const nearest = nearestNames(name, this.#topics.keys());
    const hint = nearest.length > 0 ? `did you mean ${nearest.join(" or ")}?` : "create it first";
    throw new MillraceError("TOPIC_NOT_FOUND", `there is no topic ${JSON.stringify(name)}; ${hint}`, {
      details: { topic: name, nearest: nearest.join(",") },
    });
  }

  /** The log of a partition. Throws TOPIC_NOT_FOUND, PARTITION_NOT_FOUND or why the partition is offline. */
  log(name: string, partition: number): PartitionLog {
    const topic = this.get(name);
    const { partitionCount } = topic.metadata;
    // Partitions that are being added have logs already, but they are not durable yet.
    const log = partition < partitionCount ? topic.logs.logs[partition] : undefined;
    if (log instanceof PartitionLog) return log;
    if (log !== undefined) throw log;
    throw new MillraceError(
      "PARTITION_NOT_FOUND",
      `topic ${name} has no partition ${partition}; it has 0 to ${partitionCount - 1}`,
      { details: { topic: name, partition, partitions: partitionCount } },
    );
  }

  /** The values of all configs that differ from Kafka's defaults: the broker's and then the topic's. */
  configsOf(topic: Topic): TopicConfigValues {
    return this.#withDefaults(topic.metadata.name, topic.metadata.configs);
  }

  create(command: CreateTopicCommand): Promise<Topic | undefined> {
    return this.#change(command.name, () => this.#create(command));
  }

  alterConfigs(
    name: string,
    change: { readonly set: TopicConfigValues; readonly reset: readonly string[] },
  ): Promise<Topic> {
    return this.#change(name, async () => {
      const { metadata, logs } = this.get(name);
      checkTopicConfigs(change.set);
      for (const config of change.reset) checkTopicConfigName(config);
      const configs = { ...metadata.configs, ...change.set };
      for (const config of change.reset) delete configs[config];
      checkStreamConfigs(this.#withDefaults(name, configs));
      const stored = await this.#put({ ...metadata, configs }, metadata.version);
      this.#parts.logs.reconfigure(name, this.#logConfig(name, configs));
      return this.#serve(stored, this.#parts.logs.topic(name) ?? logs);
    });
  }

  addPartitions(name: string, partitionCount: number): Promise<Topic> {
    return this.#change(name, async () => {
      const { metadata, logs } = this.get(name);
      refuseMorePartitions(name, this.#withDefaults(name, metadata.configs));
      if (partitionCount <= metadata.partitionCount) {
        throw partitionCountError(
          partitionCount,
          `${metadata.partitionCount + 1} to ${PARTITIONS_PER_TOPIC_MAX}`,
        );
      }
      this.#checkPartitionCount(partitionCount, metadata.partitionCount);
      await this.#parts.logs.createPartitions(logs, metadata.partitionCount, partitionCount);
      return this.#serve(await this.#put({ ...metadata, partitionCount }, metadata.version), logs);
    });
  }

  delete(name: string): Promise<void> {
    return this.#change(name, async () => {
      const { metadata } = this.get(name);
      const deleting = await this.#put({ ...metadata, state: "deleting" }, metadata.version);
      await this.#finishDeletion(deleting).catch((error: unknown) => {
        throw changeFailure(error, name, "unknown");
      });
    });
  }

  /** Refuses all changes from now on, also those that wait; resolves when none is under way. */
  settle(): Promise<void> {
    this.#isClosed = true;
    return this.#changes.run(async () => {});
  }

  async #create(command: CreateTopicCommand): Promise<Topic | undefined> {
    const { name, configs = {}, partitionCount = this.#parts.partitionCountDefault } = command;
    checkTopicName(name);
    checkTopicConfigs(configs);
    checkStreamConfigs(this.#withDefaults(name, configs));
    if (!isInternalTopic(name)) this.#checkPartitionCount(partitionCount, 0);
    if (this.#topics.has(name)) {
      const text = `topic ${name} exists already; choose another name or use it`;
      throw new MillraceError("TOPIC_ALREADY_EXISTS", text, { details: { topic: name } });
    }
    if (command.validateOnly === true) return undefined;
    const { logs, clock, random } = this.#parts;
    const topicId = random.id();
    const values = { name, topicId, partitionCount, configs: { ...configs }, createdAtMs: clock.nowMs() };
    const creating = await this.#put({ ...values, state: "creating" }, undefined);
    const topicLogs: TopicLogs = { name, topicId, config: this.#logConfig(name, configs), logs: [] };
    await logs.createPartitions(topicLogs, 0, partitionCount);
    return this.#serve(await this.#put({ ...values, state: "active" }, creating.version), topicLogs);
  }

  /** Changes happen one after another; failures of the disk are told in our words. */
  async #change<T>(name: string, work: () => Promise<T>): Promise<T> {
    if (this.#changeCount >= CHANGES_MAX) {
      const text = `${CHANGES_MAX} changes of topics are waiting already; try again when some are done`;
      throw new MillraceError("OVERLOADED", text, { details: { topic: name, allowed: CHANGES_MAX } });
    }
    this.#changeCount++;
    try {
      return await this.#changes.run(() => this.#settled(name, work));
    } catch (error) {
      throw changeFailure(error, name, this.#unsettled.has(name) ? "unknown" : undefined);
    } finally {
      this.#changeCount--;
    }
  }

  /** Does the work on a topic as the store holds it; after a failure half-way goes back to that. */
  async #settled<T>(name: string, work: () => Promise<T>): Promise<T> {
    if (this.#isClosed) {
      throw new MillraceError("SHUTTING_DOWN", "the broker is shutting down; try again when it is back");
    }
    if (this.#unsettled.has(name)) await this.#reload(name);
    try {
      const result = await work();
      this.#unsettled.delete(name);
      return result;
    } catch (error) {
      // If this fails too, the name stays unsettled, and the next change of it begins by trying again.
      if (this.#unsettled.has(name)) await this.#reload(name).catch(MillraceError.from);
      throw error;
    }
  }

  /** Takes over a topic as it is stored; one that is half created or half deleted goes. */
  async #reload(name: string): Promise<void> {
    const { store, logs } = this.#parts;
    const stored = (await store.loadTopics()).find((topic) => topic.name === name);
    if (stored?.state === "active") {
      const { topicId, partitionCount } = stored;
      const config = this.#logConfig(name, stored.configs);
      const opened = logs.topic(name) ?? (await logs.openTopic(name, topicId, partitionCount, config));
      await logs.dropPartitions(opened, partitionCount);
      logs.reconfigure(name, config);
      this.#serve(stored, logs.topic(name) ?? opened);
    } else if (stored !== undefined) {
      await this.#finishDeletion(stored);
    }
    this.#unsettled.delete(name);
  }

  async #finishDeletion({ name, topicId, partitionCount }: TopicMetadata): Promise<void> {
    this.#topics.delete(name);
    this.#notify();
    await this.#parts.logs.deleteTopic(name, topicId, partitionCount);
    await this.#parts.store.deleteTopic(name, topicId);
  }

  /** Stores a topic; unless the change comes to its end, what is stored then holds. */
  #put(values: TopicValues, replaces: number | undefined): Promise<TopicMetadata> {
    this.#unsettled.add(values.name);
    return this.#parts.store.putTopic(values, replaces);
  }

  #serve(metadata: TopicMetadata, logs: TopicLogs): Topic {
    const topic = { metadata, logs };
    this.#topics.set(metadata.name, topic);
    this.#notify();
    return topic;
  }

  #notify(): void {
    for (const listener of this.#listeners) listener();
  }

  #logConfig(name: string, configs: TopicConfigValues) {
    return logConfigOf(this.#withDefaults(name, configs));
  }

  /** What an operator sets for topics in general does not hold for the broker's own. */
  #withDefaults(name: string, configs: TopicConfigValues): TopicConfigValues {
    return isInternalTopic(name) ? configs : { ...this.#parts.defaults, ...configs };
  }

  /** Checks a topic's new count, of which `existing` are there; the broker's own topics do not count. */
  #checkPartitionCount(partitionCount: number, existing: number): void {
    let others = -existing;
    for (const { metadata } of this.#topics.values()) {
      if (!isInternalTopic(metadata.name)) others += metadata.partitionCount;
    }
    checkPartitionCount(partitionCount, others, this.#parts.partitionsPerBrokerMax);
  }
}
