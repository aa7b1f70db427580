/**
 * An honest broker in memory, without files: what the handlers are tested against where a test must hold an append
 * back, make it fail, or count what is read. Everything else runs against the real one.
 */
import { systemRandom } from "../../src/base/index.ts";
import type { ConsumeCommand, ConsumptionApi, ConsumptionSink } from "../../src/broker/consumption.ts";
import { GroupConsumption } from "../../src/broker/group-consumption.ts";
import type {
  Assignment,
  BrokerApi,
  ClusterDescription,
  CreateTopicCommand,
  Durability,
  FetchedPart,
  FetchOptions,
  FetchPosition,
  OffsetAnswer,
  OffsetQuery,
  ReadResult,
  Receipt,
  SubscriptionApi,
  SubscriptionSink,
  TopicConfigEntry,
  TopicDescription,
  TopicSummary,
} from "../../src/broker/types.ts";
import { MillraceError } from "../../src/errors/index.ts";
import {
  checkBatch,
  partitionForKey,
  readBaseOffset,
  readLastOffset,
  stampBatch,
} from "../../src/record/index.ts";
import { FakeGroups } from "../support/fake-groups.ts";
import { FakeStreams } from "../support/fake-streams.ts";
import { FakeSubscription } from "./fake-subscription.ts";

const LIMITS = { batchBytesMax: 1_048_588, decompressedBytesMax: 33_554_432 };

interface FakeTopic {
  readonly configs: Record<string, string>;
  readonly partitions: Buffer[][];
}

export class FakeBroker implements BrokerApi {
  readonly topics = new Map<string, FakeTopic>();
  readonly groups = new FakeGroups();
  readonly streams = new FakeStreams();
  /** Called before each append is finished; a promise holds it back, a throw fails it. */
  beforeAck: (sequence: number) => Promise<void> | void = () => {};
  /** Appends begun. */
  produced = 0;
  /** Fetches whose wait was aborted. */
  abortedFetches = 0;
  readonly subscriptions = new Set<FakeSubscription>();
  readonly #listeners = new Set<() => void>();
  #producerIds = 0;

  async createTopic({ name, partitionCount = 1, configs = {}, validateOnly }: CreateTopicCommand) {
    if (this.topics.has(name)) throw new MillraceError("TOPIC_ALREADY_EXISTS", `topic ${name} exists`);
    if (Object.keys(configs).some((config) => config !== "retention.ms")) {
      throw new MillraceError("INVALID_CONFIG", "unknown config", { details: { config: "?" } });
    }
    const partitions = Array.from({ length: partitionCount }, () => []);
    this.topics.set(name, { configs: { ...configs }, partitions });
    const description = this.describeTopic(name);
    if (validateOnly) this.topics.delete(name);
    return description;
  }

  listTopics(): TopicSummary[] {
    const summary = ([name, { partitions }]: [string, FakeTopic]) => ({
      name,
      topicId: "0".repeat(32),
      partitionCount: partitions.length,
      bytes: partitions.flat().reduce((sum, batch) => sum + batch.length, 0),
    });
    return [...this.topics].map(summary).sort((one, other) => (one.name < other.name ? -1 : 1));
  }

  describeTopic(name: string): TopicDescription {
    const { partitions } = this.#topic(name);
    return {
      name,
      topicId: "0".repeat(32),
      configs: this.#configs(name),
      partitions: partitions.map((batches, partition) => ({
        partition,
        leader: 1,
        endpoint: "127.0.0.1:7171",
        leaderEpoch: 3,
        logStartOffset: 0,
        highWatermark: endOf(batches),
        logEndOffset: endOf(batches),
        bytes: batches.reduce((sum, batch) => sum + batch.length, 0),
        offlineReason: undefined,
      })),
    };
  }

  async alterTopicConfig(
    name: string,
    change: { readonly set: Readonly<Record<string, string>>; readonly reset: readonly string[] },
  ): Promise<readonly TopicConfigEntry[]> {
    const { configs } = this.#topic(name);
    Object.assign(configs, change.set);
    for (const config of change.reset) delete configs[config];
    return this.#configs(name);
  }

  async addPartitions(name: string, partitionCount: number): Promise<TopicDescription> {
    const { partitions } = this.#topic(name);
    while (partitions.length < partitionCount) partitions.push([]);
    return this.describeTopic(name);
  }

  async deleteTopic(name: string): Promise<void> {
    this.#topic(name);
    this.topics.delete(name);
  }

  async trimPartition(topic: string, partition: number, beforeOffset: number | undefined): Promise<number> {
    return beforeOffset ?? endOf(this.#partition(topic, partition));
  }

  describeCluster(): ClusterDescription {
    const brokers = [{ brokerId: 1, endpoint: "127.0.0.1:7171" }];
    return { clusterId: "c".repeat(32), brokers, controller: 1 };
  }

  async initProducerId() {
    return { producerId: this.#producerIds++, producerEpoch: 0 };
  }

  choosePartition(topic: string, key: Uint8Array | undefined): number {
    const { partitions } = this.#topic(topic);
    return key === undefined ? 0 : partitionForKey(key, partitions.length);
  }

  async produce(
    topic: string,
    partition: number,
    batch: Buffer,
    durability: Durability | undefined,
  ): Promise<Receipt> {
    const sequence = this.produced++;
    const batches = this.#partition(topic, partition);
    const { recordCount, maxTimestampMs } = checkBatch(batch, LIMITS);
    const baseOffset = endOf(batches);
    stampBatch(batch, 0, baseOffset, 3);
    batches.push(batch);
    await this.beforeAck(sequence);
    for (const listener of [...this.#listeners]) listener();
    const reached = durability ?? "durable";
    const timestampMs = maxTimestampMs;
    return { partition, baseOffset, recordCount, timestampMs, durability: reached, duplicate: false };
  }

  async fetch(positions: readonly FetchPosition[], options: FetchOptions): Promise<FetchedPart[]> {
    const read = () => positions.map((position) => this.#tryRead(position));
    const isEnough = () => {
      const parts = read();
      const bytes = parts.reduce((sum, part) => sum + (part instanceof MillraceError ? 0 : part.bytes), 0);
      return bytes >= options.minBytes || parts.some((part) => part instanceof MillraceError);
    };
    if (!isEnough() && options.maxWaitMs > 0) await this.#grown(isEnough, options);
    await options.room?.take(options.maxBytes);
    return read();
  }

  async #grown(isEnough: () => boolean, options: FetchOptions): Promise<void> {
    await new Promise<void>((resolve) => {
      const end = () => {
        clearTimeout(timer);
        this.#listeners.delete(look);
        resolve();
      };
      const look = () => {
        if (isEnough()) end();
      };
      const timer = setTimeout(end, options.maxWaitMs);
      this.#listeners.add(look);
      options.signal?.addEventListener("abort", () => {
        this.abortedFetches++;
        end();
      });
    });
  }

  subscribe(sink: SubscriptionSink, options: { readonly maxBytes: number }): SubscriptionApi {
    const read = (assignment: Assignment, offset: number) =>
      this.#tryRead({ ...assignment, offset, maxBytes: options.maxBytes });
    const subscription = new FakeSubscription(sink, read, this.#listeners, () =>
      this.subscriptions.delete(subscription),
    );
    this.subscriptions.add(subscription);
    return subscription;
  }

  consume(command: ConsumeCommand, sink: ConsumptionSink): Promise<ConsumptionApi> {
    const parts = {
      groups: this.groups,
      random: systemRandom,
      subscribe: (reader: SubscriptionSink, options: { readonly maxBytes: number }) =>
        this.subscribe(reader, options),
      bounds: (topic: string, partition: number) => {
        return { logStartOffset: 0, highWatermark: endOf(this.#partition(topic, partition)) };
      },
    };
    return GroupConsumption.join(parts, command, sink);
  }

  async findOffset(topic: string, partition: number, query: OffsetQuery): Promise<OffsetAnswer> {
    const batches = this.#partition(topic, partition);
    if (query === "earliest") return { offset: 0, timestampMs: undefined, leaderEpoch: 3 };
    if (query === "latest") return { offset: endOf(batches), timestampMs: undefined, leaderEpoch: 3 };
    return query.timestampMs === 0
      ? { offset: 0, timestampMs: 5, leaderEpoch: 3 }
      : { offset: undefined, timestampMs: undefined, leaderEpoch: 3 };
  }

  #tryRead({ topic, partition, offset, maxBytes }: FetchPosition): FetchedPart {
    try {
      return readFrom(this.#partition(topic, partition), offset, maxBytes);
    } catch (thrown) {
      return MillraceError.from(thrown);
    }
  }

  #configs(name: string): TopicConfigEntry[] {
    return Object.entries(this.#topic(name).configs).map(([config, value]) => ({
      name: config,
      value,
      isSet: true,
    }));
  }

  #partition(name: string, partition: number): Buffer[] {
    const batches = this.#topic(name).partitions[partition];
    if (batches === undefined) throw new MillraceError("PARTITION_NOT_FOUND", `no partition ${partition}`);
    return batches;
  }

  #topic(name: string): FakeTopic {
    const topic = this.topics.get(name);
    if (topic === undefined) {
      throw new MillraceError("TOPIC_NOT_FOUND", `topic ${name} does not exist`, {
        details: { topic: name },
      });
    }
    return topic;
  }
}

function endOf(batches: readonly Buffer[]): number {
  const last = batches.at(-1);
  return last === undefined ? 0 : readLastOffset(last, 0) + 1;
}

function readFrom(batches: readonly Buffer[], offset: number, maxBytes: number): ReadResult {
  const highWatermark = endOf(batches);
  if (offset > highWatermark) {
    const details = { offset, log_start_offset: 0, high_watermark: highWatermark };
    throw new MillraceError("OFFSET_OUT_OF_RANGE", `offset ${offset} is above the end`, { details });
  }
  const chunks: Buffer[] = [];
  let bytes = 0;
  let nextOffset = offset;
  for (const batch of batches) {
    if (readLastOffset(batch, 0) < offset) continue;
    if (chunks.length > 0 && bytes + batch.length > maxBytes) break;
    chunks.push(batch);
    bytes += batch.length;
    nextOffset = readLastOffset(batch, 0) + 1;
  }
  const first = chunks[0];
  const recordCount = first === undefined ? 0 : nextOffset - Math.max(offset, readBaseOffset(first, 0));
  return { offset, chunks, bytes, recordCount, nextOffset, logStartOffset: 0, highWatermark };
}
