import { type Clock, type Logger, type Random, silentLogger, systemClock } from "../base/index.ts";
import type { FileSystem } from "../fs/index.ts";
import { FilePool, LruBudget, type LogEnvironment, ReadBuffers, TailCache } from "../log/index.ts";
import type { MetadataStore } from "../metadata/index.ts";
import type { IndexStore } from "../stream/index.ts";
import type { CleaningSettings } from "./cleaning-rounds.ts";
import type { TopicConfigValues } from "./topic-config.ts";

/** What a broker is made of. Only the ports are required; the rest has defaults fit for a small server. */
export interface BrokerOptions {
  readonly fs: FileSystem;
  readonly metadata: MetadataStore;
  /** Where the index of streams lies. Default: in memory, built from the logs at every start. */
  readonly streamStore?: IndexStore;
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
  /** Milliseconds between rounds of compaction. Default 15,000. */
  readonly cleanerIntervalMs?: number;
  /** Most of the time that compaction may take, above 0 to 1. Default 0.25. */
  readonly cleanerTimeShareMax?: number;
  /** Bytes of memory for the keys of a partition that is compacted: 27 a key, or more rounds. Default 32 MiB. */
  readonly cleanerMemoryBytes?: number;
  /**
   * How long a group may be empty before its committed offsets expire, milliseconds: whoever is back then goes on by
   * its gap policy. Default: they never expire.
   */
  readonly offsetsRetentionMs?: number;
}

const MIB = 1_048_576;
/** Some 10,000 producers with all that is remembered of each, or 90,000 with one batch. */
const PRODUCER_BYTES_MAX = 32 * MIB;
/** Kafka's default of `producer.id.expiration.ms`. */
const PRODUCER_EXPIRATION_MS = 86_400_000;

/** What the logs of a broker share. */
export function environmentOf(options: BrokerOptions): LogEnvironment {
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

/** How the logs of a broker are cleaned. */
export function cleaningSettingsOf(options: BrokerOptions): CleaningSettings {
  return {
    intervalMs: options.cleanerIntervalMs ?? 15_000,
    timeShareMax: options.cleanerTimeShareMax ?? 0.25,
    mapBytesMax: options.cleanerMemoryBytes ?? 32 * MIB,
  };
}
