import { type Clock, type Random, silentLogger, systemClock, systemRandom } from "../base/index.ts";
import { MillraceError } from "../errors/index.ts";
import { GroupCoordinator, type GroupsApi } from "../group/index.ts";
import type { MetadataStore } from "../metadata/index.ts";
import { partitionForKey } from "../record/index.ts";
import { MemoryIndexStore, StreamIndex, Streams, type StreamsApi } from "../stream/index.ts";
import { type BrokerOptions, cleaningSettingsOf, environmentOf } from "./broker-options.ts";
import type { ConsumeCommand, ConsumptionApi, ConsumptionSink } from "./consumption.ts";
import { GroupConsumption } from "./group-consumption.ts";
import { InternalGroupLogs } from "./group-logs.ts";
import { IndexedTopics } from "./indexed-topics.ts";
import { isInternalTopic, refuseInternal } from "./internal-topics.ts";
import { LogManager } from "./log-manager.ts";
import { asStartError, openMetadata } from "./open-metadata.ts";
import { ProducerIds } from "./producer-ids.ts";
import { Subscription } from "./subscription.ts";
import { BrokerTopicCatalogue } from "./topic-catalogue.ts";
import { checkTopicConfigs } from "./topic-config.ts";
import { configsOf, descriptionOf, plannedTopic, summaryOf } from "./topic-descriptions.ts";
import { type Topic, Topics } from "./topics.ts";
import type * as api from "./types.ts";
import { type FetchTarget, waitingFetch } from "./waiting-fetch.ts";

/** A broker: topics, their partitions, and who reads and writes them; plain TypeScript without network. */
export class Broker implements api.BrokerApi {
  readonly #brokerId: number;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #metadata: MetadataStore;
  readonly #logs: LogManager;
  readonly #topics: Topics;
  readonly #producerIds: ProducerIds;
  readonly #groups: GroupCoordinator;
  readonly #streamIndex: StreamIndex;
  readonly #indexedTopics: IndexedTopics;
  /** Event-sourced streams. */
  readonly streams: StreamsApi;
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
      random: this.#random,
      cleaning: cleaningSettingsOf(options),
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
    this.#groups = new GroupCoordinator({
      logs: new InternalGroupLogs(this.#topics, this.#clock),
      catalogue: new BrokerTopicCatalogue(this.#topics),
      clock: this.#clock,
      logger: options.logger ?? silentLogger,
      offsetsRetentionMs: options.offsetsRetentionMs,
    });
    this.#streamIndex = new StreamIndex({
      store: options.streamStore ?? new MemoryIndexStore(),
      clock: this.#clock,
      logger: options.logger ?? silentLogger,
    });
    this.#indexedTopics = new IndexedTopics({
      topics: this.#topics,
      index: this.#streamIndex,
      leaderEpoch,
      requireOpen: () => this.#requireOpen(),
    });
    const streams = { index: this.#streamIndex, topics: this.#indexedTopics, clock: this.#clock };
    this.streams = new Streams(streams);
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
      await broker.#indexedTopics.start();
      broker.#groups.start();
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

  get groups(): GroupsApi {
    return this.#groups;
  }

  async createTopic(command: api.CreateTopicCommand): Promise<api.TopicDescription> {
    this.#requireOpen();
    refuseInternal(command.name);
    const topic = await this.#topics.create(command);
    return topic === undefined ? plannedTopic(command) : this.#describe(topic);
  }

  listTopics({ includeInternal = false }: api.ListTopicsOptions = {}): api.TopicSummary[] {
    const topics = this.#topics.all();
    const shown = includeInternal ? topics : topics.filter(({ metadata }) => !isInternalTopic(metadata.name));
    return shown.map(summaryOf);
  }

  describeTopic(name: string): api.TopicDescription {
    return this.#describe(this.#topics.get(name));
  }

  async alterTopicConfig(
    name: string,
    change: { readonly set: Readonly<Record<string, string>>; readonly reset: readonly string[] },
  ): Promise<readonly api.TopicConfigEntry[]> {
    this.#requireOpen();
    refuseInternal(name);
    const topic = await this.#topics.alterConfigs(name, change);
    return configsOf(topic, this.#topics.configsOf(topic));
  }

  async addPartitions(name: string, partitionCount: number): Promise<api.TopicDescription> {
    this.#requireOpen();
    refuseInternal(name);
    return this.#describe(await this.#topics.addPartitions(name, partitionCount));
  }

  async deleteTopic(name: string): Promise<void> {
    this.#requireOpen();
    refuseInternal(name);
    await this.#topics.delete(name);
  }

  async trimPartition(topic: string, partition: number, beforeOffset: number | undefined): Promise<number> {
    this.#requireOpen();
    refuseInternal(topic);
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
    refuseInternal(topic);
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

  async consume(command: ConsumeCommand, sink: ConsumptionSink): Promise<ConsumptionApi> {
    this.#requireOpen();
    return GroupConsumption.join(
      {
        groups: this.#groups,
        random: this.#random,
        subscribe: (reader, options) => this.subscribe(reader, options),
        bounds: (topic, partition) => this.#topics.log(topic, partition),
      },
      command,
      sink,
    );
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
    await this.#groups.close();
    await this.#topics.settle();
    await this.#streamIndex.close();
    await this.#logs.close();
    await this.#metadata.close();
  }

  #describe(topic: Topic): api.TopicDescription {
    return descriptionOf(topic, this.#topics.configsOf(topic), {
      leader: this.#brokerId,
      endpoint: this.#endpoint,
      leaderEpoch: this.#leaderEpoch,
    });
  }

  #requireOpen(): void {
    if (!this.#isClosed) return;
    throw new MillraceError("SHUTTING_DOWN", "the broker is shutting down; try again when it is back");
  }
}
