import { inParallel, type Random } from "../base/index.ts";
import { MillraceError } from "../errors/index.ts";
import { FileSystemError, type FileSystem } from "../fs/index.ts";
import { type LogConfig, type LogEnvironment, PartitionLog, writePartitionMetadata } from "../log/index.ts";
import { BackgroundWork } from "./background-work.ts";
import { CleaningRounds, type CleaningSettings } from "./cleaning-rounds.ts";
import { closeLogs } from "./close-logs.ts";
import { type CheckpointedLog, DataFolder } from "./data-folder.ts";

/** Logs opened, created or closed at once. */
const PARALLEL_MAX = 16;

/** A partition's log, or why it could not be opened. */
export type OpenedLog = PartitionLog | MillraceError;

/** A topic as the log manager sees it. */
export interface TopicLogs {
  readonly name: string;
  readonly topicId: string;
  readonly config: LogConfig;
  /** By partition. */
  readonly logs: OpenedLog[];
}

/** How a log manager works. */
export interface LogManagerOptions {
  readonly env: LogEnvironment;
  readonly dataDir: string;
  /** The term of this broker, for all partitions it leads. */
  readonly leaderEpoch: number;
  /** Milliseconds between checkpoints of the recovery points: how much a restart after a crash has to read. */
  readonly checkpointIntervalMs: number;
  /** Milliseconds between retention checks. */
  readonly retentionCheckIntervalMs: number;
  readonly random: Random;
  readonly cleaning: CleaningSettings;
}

/** Owns the logs of a data folder: opens, creates, deletes, checkpoints and closes them. */
export class LogManager {
  readonly #options: LogManagerOptions;
  readonly #folder: DataFolder;
  readonly #topics = new Map<string, TopicLogs>();
  #isClean = false;
  readonly #background: BackgroundWork;
  readonly #cleaning: CleaningRounds;
  /** Recovery points as they were last written. */
  readonly #writtenPoints = new WeakMap<PartitionLog, number>();

  constructor(options: LogManagerOptions) {
    this.#options = options;
    this.#background = new BackgroundWork(options.env.clock, options.env.logger);
    this.#folder = new DataFolder(options.env.fs, options.dataDir, () => this.#checkpointed());
    this.#cleaning = new CleaningRounds({
      clock: options.env.clock,
      logger: options.env.logger,
      random: options.random,
      settings: options.cleaning,
      logs: () => this.#checkpointed(),
      checkpoint: () => this.#folder.writeCleanedOffsets(),
      isClosing: () => this.#background.isClosing,
    });
  }

  get #fs(): FileSystem {
    return this.#options.env.fs;
  }

  /** Reads the state of the folder. To be called first, once. Throws FileSystemError. */
  async open(): Promise<{ readonly isClean: boolean }> {
    const { env, leaderEpoch } = this.#options;
    const state = await this.#folder.open(leaderEpoch);
    this.#isClean = state.isClean;
    const { recoveryPoints, logStarts } = this.#folder;
    if (recoveryPoints.isLost) env.logger.warn({}, "recovery point checkpoint damaged; scanning more");
    if (logStarts.isLost)
      env.logger.warn({}, "log start checkpoint damaged or missing; serving what is there");
    return state;
  }

  /** Opens the logs of a topic that exists. A partition that cannot be opened is offline; the others go on. */
  async openTopic(
    name: string,
    topicId: string,
    partitionCount: number,
    config: LogConfig,
  ): Promise<TopicLogs> {
    const topic: TopicLogs = { name, topicId, config, logs: [] };
    const partitions = Array.from({ length: partitionCount }, (_, partition) => partition);
    await inParallel(partitions, PARALLEL_MAX, async (partition) => {
      topic.logs[partition] = await this.#openExisting(topic, partition);
    });
    this.#topics.set(name, topic);
    return topic;
  }

  /** Begins checkpoints and retention, removes leftovers of deletions and tells of strange folders. */
  async start(): Promise<void> {
    const known = new Set<string>();
    for (const { name, logs } of this.#topics.values()) {
      for (const partition of logs.keys()) known.add(`${name}-${partition}`);
    }
    const { logger } = this.#options.env;
    const strays = await this.#folder.sweep(known);
    if (strays.length > 0)
      logger.warn({ folders: strays.slice(0, 20) }, "folders of no known topic, left alone");
    this.#background.repeat("checkpoint", this.#options.checkpointIntervalMs, () => this.#checkpoint());
    this.#background.repeat("retention", this.#options.retentionCheckIntervalMs, () =>
      this.#applyRetention(),
    );
    this.#background.repeat("cleaning", this.#options.cleaning.intervalMs, () => this.#cleaning.run());
  }

  /** Creates the folders and logs of the partitions from `first` on, durably; after a failure there are none. */
  async createPartitions(topic: TopicLogs, first: number, partitionCount: number): Promise<void> {
    // A topic must not find the offsets of an earlier one of its name.
    if (first === 0) await this.#folder.forget(topic.name);
    const partitions = Array.from({ length: partitionCount - first }, (_, i) => first + i);
    const created: PartitionLog[] = [];
    try {
      await inParallel(partitions, PARALLEL_MAX, async (partition) => {
        await this.#folder.createPartition(topic.name, topic.topicId, partition);
        created[partition] = await this.#openLog(topic, partition, false, 0, 0);
      });
      await this.#folder.syncNames();
    } catch (error) {
      await this.#closeAll(created);
      await this.#discardFolders(topic, partitions);
      throw error;
    }
    for (const partition of partitions) topic.logs[partition] = created[partition]!;
    this.#topics.set(topic.name, topic);
  }

  /** Closes and removes the logs from `partitionCount` on: partitions that were to be added, but are not. */
  async dropPartitions(topic: TopicLogs, partitionCount: number): Promise<void> {
    const count = topic.logs.length;
    await this.#closeAll(topic.logs.splice(partitionCount));
    const partitions = Array.from(
      { length: Math.max(0, count - partitionCount) },
      (_, i) => partitionCount + i,
    );
    await this.#discardFolders(topic, partitions);
  }

  /**
   * Closes and deletes the logs of a topic, which may be there only in part. Files are removed in the background, and
   * nothing on the way there needs space on the disk.
   */
  async deleteTopic(name: string, topicId: string, partitionCount: number): Promise<void> {
    const topic = this.#topics.get(name);
    this.#topics.delete(name);
    await this.#closeAll(topic?.logs ?? []);
    const partitions = await this.#folder.markDeleted(name, topicId, partitionCount);
    this.#background.run("removal of deleted partitions", () => this.#removeDeleted(topicId, partitions));
    // Only tidy: a later topic of this name does it again before it begins.
    await this.#folder.forget(name).catch((error: unknown) => {
      if (!(error instanceof FileSystemError)) throw error;
      this.#options.env.logger.warn(
        { topic: name, error: error.message },
        "deleted topic still in checkpoints",
      );
    });
  }

  /** Applies other configs to the logs of a topic. */
  reconfigure(name: string, config: LogConfig): void {
    const topic = this.#topics.get(name);
    if (topic === undefined) return;
    this.#topics.set(name, { ...topic, config });
    for (const log of topic.logs) if (log instanceof PartitionLog) log.reconfigure(config);
  }

  topic(name: string): TopicLogs | undefined {
    return this.#topics.get(name);
  }

  /** Stops the timers, closes all logs and, if none was in trouble, notes that the stop was clean. */
  async close(): Promise<void> {
    const ended = this.#background.close();
    await inParallel([...this.#checkpointed()], PARALLEL_MAX, ({ log }) => log.cleaner.close());
    await ended;
    let isClean = true;
    for (const { logs } of this.#topics.values()) isClean = (await this.#closeAll(logs)) && isClean;
    try {
      if (isClean) await this.#folder.markClean(this.#options.leaderEpoch);
    } catch (error) {
      if (!(error instanceof FileSystemError)) throw error;
      this.#options.env.logger.warn(
        { error: error.message },
        "clean stop not noted; the next start recovers",
      );
    }
  }

  #closeAll(logs: Iterable<unknown>): Promise<boolean> {
    return closeLogs(logs, PARALLEL_MAX, this.#options.env.logger);
  }

  /** Removes folders of partitions that did not come to be; what stays is taken over when they do. */
  async #discardFolders({ name, topicId }: TopicLogs, partitions: readonly number[]): Promise<void> {
    try {
      for (const partition of partitions) await this.#folder.discardPartition(name, topicId, partition);
    } catch (error) {
      if (!(error instanceof FileSystemError)) throw error;
      this.#options.env.logger.warn({ topic: name, error: error.message }, "partition not taken back yet");
    }
  }

  async #openExisting(topic: TopicLogs, partition: number): Promise<OpenedLog> {
    const name = `${topic.name}-${partition}`;
    try {
      await this.#requireOwner(topic, partition);
      const recoveryPoint = this.#folder.recoveryPoints.get(topic.name, partition) ?? 0;
      const logStart = this.#folder.logStarts.get(topic.name, partition);
      return await this.#openLog(topic, partition, this.#isClean, recoveryPoint, logStart);
    } catch (error) {
      const failure = asOffline(error, name);
      this.#options.env.logger.error({ partition: name, error: failure.message }, "partition stays offline");
      return failure;
    }
  }

  #openLog(
    topic: TopicLogs,
    partition: number,
    isClean: boolean,
    recoveryPoint: number,
    logStartOffset: number | undefined,
  ): Promise<PartitionLog> {
    return PartitionLog.open({
      env: this.#options.env,
      name: `${topic.name}-${partition}`,
      folder: this.#folder.partitionFolder(topic.name, partition),
      config: topic.config,
      leaderEpoch: this.#options.leaderEpoch,
      isClean,
      recoveryPoint,
      logStartOffset,
      firstDirtyOffset: this.#folder.cleanedOffsets.get(topic.name, partition) ?? 0,
      persistLogStart: () => this.#folder.writeLogStarts(),
    });
  }

  async #requireOwner({ name, topicId }: TopicLogs, partition: number): Promise<void> {
    const isMarked = await this.#folder.requireOwner(name, topicId, partition);
    if (isMarked) return;
    const folder = this.#folder.partitionFolder(name, partition);
    this.#options.env.logger.warn({ folder }, "partition.metadata missing or unreadable; writing it again");
    await writePartitionMetadata(this.#fs, folder, topicId);
  }

  async #removeDeleted(topicId: string, partitions: readonly number[]): Promise<void> {
    for (const partition of partitions) {
      if (this.#background.isClosing) return;
      await this.#fs.remove(this.#folder.deletedFolder(topicId, partition));
    }
  }

  /** Moves the recovery points to what is flushed; what lies below and is found damaged is never cut. */
  async #checkpoint(): Promise<void> {
    await this.#folder.keepSpare();
    const points = new Map<PartitionLog, number>();
    for (const { log } of this.#checkpointed()) {
      const { recoveryPoint } = log;
      if (this.#writtenPoints.get(log) === recoveryPoint) continue;
      await log.persistDerived();
      points.set(log, recoveryPoint);
    }
    if (points.size === 0) return;
    await this.#folder.writeRecoveryPoints((log) => points.get(log) ?? 0);
    for (const [log, point] of points) this.#writtenPoints.set(log, point);
  }

  async #applyRetention(): Promise<void> {
    for (const { log } of [...this.#checkpointed()])
      await log.applyRetention(this.#options.env.clock.nowMs());
  }

  *#checkpointed(): Generator<CheckpointedLog> {
    for (const { name, logs } of this.#topics.values()) {
      for (const [partition, log] of logs.entries()) {
        if (log instanceof PartitionLog) yield { topic: name, partition, log };
      }
    }
  }
}

function asOffline(error: unknown, partition: string): MillraceError {
  if (error instanceof MillraceError) return error;
  return new MillraceError(
    "STORAGE_OFFLINE",
    `partition ${partition} could not be opened: ${String(error)}; mend the disk or its permissions and restart the broker`,
    { details: { partition }, cause: error, effect: "none" },
  );
}
