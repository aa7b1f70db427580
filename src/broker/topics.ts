import { type Clock, PARTITIONS_PER_TOPIC_MAX, type Random, SerialQueue } from "../base/index.ts";
import { MillraceError } from "../errors/index.ts";
import { PartitionLog } from "../log/index.ts";
import type { MetadataStore, TopicMetadata, TopicValues } from "../metadata/index.ts";
import type { LogManager, TopicLogs } from "./log-manager.ts";
import { nearestNames } from "./nearest-names.ts";
import { changeFailure } from "./open-metadata.ts";
import {
  checkTopicConfigName,
  checkTopicConfigs,
  logConfigOf,
  type TopicConfigValues,
} from "./topic-config.ts";
import { checkTopicName } from "./topic-name.ts";
import type { CreateTopicCommand } from "./types.ts";

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

  constructor(parts: TopicsParts) {
    this.#parts = parts;
  }

  /** Opens the logs of all active topics and removes what is left of unfinished ones. */
  async open(): Promise<void> {
    const { store, logs } = this.#parts;
    for (const metadata of await store.loadTopics()) {
      const { name, topicId, partitionCount, state } = metadata;
      if (state === "active") {
        const opened = await logs.openTopic(name, topicId, partitionCount, this.#logConfig(metadata.configs));
        this.#topics.set(name, { metadata, logs: opened });
      } else {
        await logs.deleteTopic(name, topicId, partitionCount);
        await store.deleteTopic(name, topicId);
      }
    }
  }

  /** In order of names. */
  all(): Topic[] {
    return [...this.#topics.values()].sort((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1));
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
    const log = topic.logs.logs[partition];
    if (log instanceof PartitionLog) return log;
    if (log !== undefined) throw log;
    const { partitionCount } = topic.metadata;
    throw new MillraceError(
      "PARTITION_NOT_FOUND",
      `topic ${name} has no partition ${partition}; it has 0 to ${partitionCount - 1}`,
      { details: { topic: name, partition, partitions: partitionCount } },
    );
  }

  /** The values of all configs that differ from Kafka's defaults: the broker's and then the topic's. */
  configsOf(topic: Topic): TopicConfigValues {
    return { ...this.#parts.defaults, ...topic.metadata.configs };
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
      const stored = await this.#put({ ...metadata, configs }, metadata.version);
      this.#parts.logs.reconfigure(name, this.#logConfig(configs));
      return this.#serve(stored, this.#parts.logs.topic(name) ?? logs);
    });
  }

  addPartitions(name: string, partitionCount: number): Promise<Topic> {
    return this.#change(name, async () => {
      const { metadata, logs } = this.get(name);
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
      const { store, logs } = this.#parts;
      await this.#put({ ...metadata, state: "deleting" }, metadata.version);
      this.#topics.delete(name);
      await logs.deleteTopic(name, metadata.topicId, metadata.partitionCount);
      await store.deleteTopic(name, metadata.topicId);
    });
  }

  /** Resolves when no change is under way. */
  settle(): Promise<void> {
    return this.#changes.run(async () => {});
  }

  async #create(command: CreateTopicCommand): Promise<Topic | undefined> {
    const { name, configs = {}, partitionCount = this.#parts.partitionCountDefault } = command;
    checkTopicName(name);
    checkTopicConfigs(configs);
    this.#checkPartitionCount(partitionCount, 0);
    if (this.#topics.has(name)) {
      throw new MillraceError(
        "TOPIC_ALREADY_EXISTS",
        `topic ${name} exists already; choose another name or use it`,
        {
          details: { topic: name },
        },
      );
    }
    if (command.validateOnly === true) return undefined;
    const { logs, clock, random } = this.#parts;
    const topicId = random.id();
    const values = { name, topicId, partitionCount, configs: { ...configs }, createdAtMs: clock.nowMs() };
    const creating = await this.#put({ ...values, state: "creating" }, undefined);
    const topicLogs: TopicLogs = { name, topicId, config: this.#logConfig(configs), logs: [] };
    try {
      await logs.createPartitions(topicLogs, 0, partitionCount);
      return this.#serve(await this.#put({ ...values, state: "active" }, creating.version), topicLogs);
    } catch (error) {
      await this.#undoCreation(creating, error);
      throw error;
    }
  }

  /** Takes back a creation that failed. If that fails too, the next start does it. */
  async #undoCreation(creating: TopicMetadata, cause: unknown): Promise<void> {
    const { name, topicId, partitionCount } = creating;
    try {
      await this.#parts.logs.deleteTopic(name, topicId, partitionCount);
      await this.#parts.store.deleteTopic(name, topicId);
    } catch (error) {
      throw new AggregateError([cause, error], `topic ${name} could not be created, nor its remains removed`);
    }
  }

  /** Changes happen one after another; failures of the disk are told in our words. */
  #change<T>(name: string, work: () => Promise<T>): Promise<T> {
    return this.#changes.run(work).catch((error: unknown) => {
      throw changeFailure(error, name);
    });
  }

  #put(values: TopicValues, replaces: number | undefined): Promise<TopicMetadata> {
    return this.#parts.store.putTopic(values, replaces);
  }

  #serve(metadata: TopicMetadata, logs: TopicLogs): Topic {
    const topic = { metadata, logs };
    this.#topics.set(metadata.name, topic);
    return topic;
  }

  #logConfig(configs: TopicConfigValues) {
    return logConfigOf({ ...this.#parts.defaults, ...configs });
  }

  /** Checks a topic's new count, of which `existing` are there. */
  #checkPartitionCount(partitionCount: number, existing: number): void {
    if (
      !Number.isInteger(partitionCount) ||
      partitionCount < 1 ||
      partitionCount > PARTITIONS_PER_TOPIC_MAX
    ) {
      throw partitionCountError(partitionCount, `1 to ${PARTITIONS_PER_TOPIC_MAX}`);
    }
    let total = partitionCount - existing;
    for (const { metadata } of this.#topics.values()) total += metadata.partitionCount;
    const max = this.#parts.partitionsPerBrokerMax;
    if (total > max) {
      throw partitionCountError(
        partitionCount,
        `at most ${partitionCount - (total - max)}: this broker holds ${max}`,
      );
    }
  }
}

function partitionCountError(value: number, allowed: string): MillraceError {
  return new MillraceError(
    "INVALID_REQUEST",
    `${value} partitions are not possible here; allowed is ${allowed}`,
    {
      details: { field: "partition_count", value, allowed },
    },
  );
}
