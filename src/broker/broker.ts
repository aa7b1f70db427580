import {
  type Clock,
  type Logger,
  type Random,
  silentLogger,
  systemClock,
  systemRandom,
} from "../base/index.ts";
import { MillraceError } from "../errors/index.ts";
import type { FileSystem } from "../fs/index.ts";
import {
  FilePool,
  LruBudget,
  type LogEnvironment,
  PartitionLog,
  ReadBuffers,
  TailCache,
} from "../log/index.ts";
import type { MetadataStore } from "../metadata/index.ts";
import { partitionForKey } from "../record/index.ts";
import { LogManager } from "./log-manager.ts";
import { asStartError, openMetadata } from "./open-metadata.ts";
import { ProducerIds } from "./producer-ids.ts";
import { Subscription } from "./subscription.ts";
import { checkTopicConfigs, describeConfigs, type TopicConfigValues } from "./topic-config.ts";
import { type Topic, Topics } from "./topics.ts";
import type * as api from "./types.ts";
import { type FetchTarget, waitingFetch } from "./waiting-fetch.ts";

/** What a broker is made of. Only the ports are required; the rest has defaults fit for a small server. */
export interface BrokerOptions {
  readonly fs: FileSystem;
  readonly metadata: MetadataStore;
  /** Folder of all data, in the terms of `fs`; created if missing. */
  readonly dataDir: string;
  readonly clock?: Clock;
  readonly random?: Random;
  readonly logger?: Logger;
  /** Id of this broker in its cluster. Default 0. */
  readonly brokerId?: number;
  /** Who opens the data folder ("process 12 on host a"), told to a second one that tries. */
  readonly holder?: string;
  /** Topic configs that hold where a topic sets none. */
  readonly topicDefaults?: TopicConfigValues;
  /** Partitions of a topic created without a count. Default 1. */
  readonly partitionCountDefault?: number;
  /** Most partitions of all topics. Default 20,000. */
  readonly partitionsPerBrokerMax?: number;
  /** Bytes of the newest batches kept in memory. Default 8 MiB. */
  readonly cacheBytes?: number;
  /** Bytes of indexes of sealed segments kept in memory. Default 32 MiB. */
  readonly indexCacheBytes?: number;
  /** Segment files kept open. Default 4,096. */
  readonly openFilesMax?: number;
  /** How long an idle producer is remembered, so that its retries are stored once, milliseconds. Default 1 day. */
  readonly producerExpirationMs?: number;
  /** Milliseconds between checkpoints of what is flushed. Default 2,000. */
  readonly checkpointIntervalMs?: number;
  /** Milliseconds between retention checks. Default 60,000. */
  readonly retentionCheckIntervalMs?: number;
}

const MIB = 1_048_576;
/** Some 10,000 producers with all that is remembered of each, or 90,000 with one batch. */
const PRODUCER_BYTES_MAX = 32 * MIB;
/** Kafka's default of `producer.id.expiration.ms`. */
const PRODUCER_EXPIRATION_MS = 86_400_000;

/** A broker: topics, their partitions, and who reads and writes them; plain TypeScript without network. */
export class Broker implements api.BrokerApi {
  readonly #brokerId: number;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #metadata: MetadataStore;
  readonly #logs: LogManager;
  readonly #topics: Topics;
  readonly #producerIds: ProducerIds;
  readonly #leaderEpoch: number;
  #endpoint = "";
  #isClosed = false;

  private constructor(options: BrokerOptions, leaderEpoch: number) {
    this.#brokerId = options.brokerId ?? 0;
    this.#clock = options.clock ?? systemClock;
    this.#random = options.random ?? systemRandom;
    this.#metadata = options.metadata;
    this.#leaderEpoch = leaderEpoch;
    this.#logs = new LogManager({
      env: environmentOf(options),
      dataDir: options.dataDir,
      leaderEpoch,
      checkpointIntervalMs: options.checkpointIntervalMs ?? 2_000,
      retentionCheckIntervalMs: options.retentionCheckIntervalMs ?? 60_000,
    });
    this.#topics = new Topics({
      store: options.metadata,
      logs: this.#logs,
      clock: this.#clock,
      random: this.#random,
      defaults: options.topicDefaults ?? {},
      partitionCountDefault: options.partitionCountDefault ?? 1,
      partitionsPerBrokerMax: options.partitionsPerBrokerMax ?? 20_000,
    });
    this.#producerIds = new ProducerIds(options.metadata);
  }

  /**
   * Opens the data folder, recovers what is in it and takes it into service. Throws StartError if the folder is in
   * use, cannot be used or its metadata is damaged. Damage to single partitions takes only those offline.
   */
  static async open(options: BrokerOptions): Promise<Broker> {
    checkTopicConfigs(options.topicDefaults ?? {});
    await openMetadata(options);
    try {
      const broker = new Broker(options, await options.metadata.nextBrokerEpoch());
      const startedMs = broker.#clock.monotonicMs();
      const { isClean } = await broker.#logs.open();
      await broker.#topics.open();
      await broker.#logs.start();
      const tookMs = Math.round(broker.#clock.monotonicMs() - startedMs);
      const topics = broker.#topics.all().length;
      options.logger?.info({ dataDir: options.dataDir, topics, isClean, tookMs }, "data folder opened");
      return broker;
    } catch (error) {
      await options.metadata.close();
      throw await asStartError(error, options.fs, options.dataDir);
    }
  }

  /** Says under which endpoint clients reach this broker, "host:port". */
  advertise(endpoint: string): void {
    this.#endpoint = endpoint;
  }

  async createTopic(command: api.CreateTopicCommand): Promise<api.TopicDescription> {
    this.#requireOpen();
    const topic = await this.#topics.create(command);
    return topic === undefined ? this.#plannedTopic(command) : this.#describe(topic);
  }

  listTopics(): api.TopicSummary[] {
    return this.#topics.all().map(({ metadata, logs }) => ({
      name: metadata.name,
      topicId: metadata.topicId,
      partitionCount: metadata.partitionCount,
      bytes: logs.logs.reduce((bytes, log) => bytes + (log instanceof PartitionLog ? log.sizeBytes : 0), 0),
    }));
  }

  describeTopic(name: string): api.TopicDescription {
    return this.#describe(this.#topics.get(name));
  }

  async alterTopicConfig(
    name: string,
    change: { readonly set: Readonly<Record<string, string>>; readonly reset: readonly string[] },
  ): Promise<readonly api.TopicConfigEntry[]> {
    this.#requireOpen();
    return this.#configs(await this.#topics.alterConfigs(name, change));
  }

  async addPartitions(name: string, partitionCount: number): Promise<api.TopicDescription> {
    this.#requireOpen();
    return this.#describe(await this.#topics.addPartitions(name, partitionCount));
  }

  async deleteTopic(name: string): Promise<void> {
    this.#requireOpen();
    await this.#topics.delete(name);
  }

  async trimPartition(topic: string, partition: number, beforeOffset: number | undefined): Promise<number> {
    this.#requireOpen();
    const log = this.#topics.log(topic, partition);
    return log.trim(beforeOffset ?? log.highWatermark);
  }

  describeCluster(): api.ClusterDescription {
    return {
      clusterId: this.#metadata.clusterId,
      brokers: [{ brokerId: this.#brokerId, endpoint: this.#endpoint }],
      controller: this.#brokerId,
    };
  }

  async initProducerId(): Promise<{ readonly producerId: number; readonly producerEpoch: number }> {
    this.#requireOpen();
    return { producerId: await this.#producerIds.next(), producerEpoch: 0 };
  }

  choosePartition(topic: string, key: Uint8Array | undefined): number {
    const { partitionCount } = this.#topics.get(topic).metadata;
    if (key !== undefined) return partitionForKey(key, partitionCount);
    return Math.floor(this.#random.fraction() * partitionCount);
  }

  async produce(
    topic: string,
    partition: number,
    batch: Buffer,
    durability: api.Durability | undefined,
  ): Promise<api.Receipt> {
    this.#requireOpen();
    const appended = await this.#topics.log(topic, partition).append(batch, durability);
    return { partition, ...appended };
  }

  fetch(positions: readonly api.FetchPosition[], options: api.FetchOptions): Promise<api.FetchedPart[]> {
    this.#requireOpen();
    const targets = positions.map((position): FetchTarget => {
      try {
        return { position, log: this.#topics.log(position.topic, position.partition) };
      } catch (error) {
        return { position, log: MillraceError.from(error) };
      }
    });
    return waitingFetch(this.#clock, targets, options);
  }

  subscribe(sink: api.SubscriptionSink, options: { readonly maxBytes: number }): api.SubscriptionApi {
    this.#requireOpen();
    return new Subscription((topic, partition) => this.#topics.log(topic, partition), sink, options);
  }

  async findOffset(topic: string, partition: number, query: api.OffsetQuery): Promise<api.OffsetAnswer> {
    this.#requireOpen();
    const log = this.#topics.log(topic, partition);
    const leaderEpoch = this.#leaderEpoch;
    if (query === "earliest") return { offset: log.logStartOffset, timestampMs: undefined, leaderEpoch };
    if (query === "latest") return { offset: log.highWatermark, timestampMs: undefined, leaderEpoch };
    const found = await log.findByTimestamp(query.timestampMs);
    return { offset: found?.offset, timestampMs: found?.timestampMs, leaderEpoch };
  }

  /** Flushes and closes everything. Calls that come later are refused with SHUTTING_DOWN. */
  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    await this.#topics.settle();
    await this.#logs.close();
    await this.#metadata.close();
  }

  #describe(topic: Topic): api.TopicDescription {
    const { metadata, logs } = topic;
    const partitions = logs.logs.slice(0, metadata.partitionCount).map((log, partition) => ({
      partition,
      leader: this.#brokerId,
      endpoint: this.#endpoint,
      leaderEpoch: this.#leaderEpoch,
      ...stateOf(log),
    }));
    return { name: metadata.name, topicId: metadata.topicId, configs: this.#configs(topic), partitions };
  }

  /** What a topic would be like that is only to be validated: it has no id and no partitions yet. */
  #plannedTopic({ name, configs = {} }: api.CreateTopicCommand): api.TopicDescription {
    return { name, topicId: "", configs: describeConfigs(configs), partitions: [] };
  }

  #configs(topic: Topic): api.TopicConfigEntry[] {
    return describeConfigs(this.#topics.configsOf(topic)).map((config) => ({
      ...config,
      isSet: topic.metadata.configs[config.name] !== undefined,
    }));
  }

  #requireOpen(): void {
    if (!this.#isClosed) return;
    throw new MillraceError("SHUTTING_DOWN", "the broker is shutting down; try again when it is back");
  }
}

function stateOf(log: PartitionLog | MillraceError) {
  if (log instanceof MillraceError) {
    return { logStartOffset: 0, highWatermark: 0, logEndOffset: 0, bytes: 0, offlineReason: log.reason };
  }
  const { logStartOffset, highWatermark, logEndOffset, sizeBytes, failure } = log;
  return { logStartOffset, highWatermark, logEndOffset, bytes: sizeBytes, offlineReason: failure?.reason };
}

function environmentOf(options: BrokerOptions): LogEnvironment {
  return {
    fs: options.fs,
    clock: options.clock ?? systemClock,
    logger: options.logger ?? silentLogger,
    files: new FilePool(options.fs, options.openFilesMax ?? 4_096, options.logger ?? silentLogger),
    indexes: new LruBudget(options.indexCacheBytes ?? 32 * MIB),
    producers: new LruBudget(PRODUCER_BYTES_MAX),
    cache: new TailCache(options.cacheBytes ?? 8 * MIB),
    producerExpirationMs: options.producerExpirationMs ?? PRODUCER_EXPIRATION_MS,
    buffers: new ReadBuffers(),
  };
}
