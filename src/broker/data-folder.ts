/**
 * The layout of a data folder and its few files above the partitions:
 *
 *     <data>/holder.json                                  which process has it open, for people
 *     <data>/metadata/                                    the metadata store, whose lock keeps others out
 *     <data>/partitions/clean-shutdown                    leader epoch of the start whose stop was clean, until the next
 *     <data>/partitions/recovery-point-offset-checkpoint  Kafka's checkpoint: everything below is flushed
 *     <data>/partitions/log-start-offset-checkpoint       Kafka's checkpoint: first readable offsets
 *     <data>/partitions/cleaner-offset-checkpoint         Kafka's checkpoint: everything below was compacted
 *     <data>/partitions/spare                             space given up when a full disk is to be freed
 *     <data>/partitions/<topic>-<partition>/              one log
 *     <data>/partitions/<topic id>-<partition>.deleted/   a deleted one, until its files are removed
 */
import { SerialQueue } from "../base/index.ts";
import { MillraceError } from "../errors/index.ts";
import { FileSystemError, type FileSystem, isMissing, isOutOfSpace } from "../fs/index.ts";
import {
  DELETED_SUFFIX,
  LOG_SUFFIX,
  type PartitionLog,
  parseCount,
  readCheckpoint,
  readPartitionMetadata,
  writeCheckpoint,
  writePartitionMetadata,
} from "../log/index.ts";
import { type CheckpointedOffset, OffsetCheckpoint } from "./offset-checkpoint.ts";

const CLEAN_SHUTDOWN = "clean-shutdown";
const SPARE = "spare";
/** Room for a log start checkpoint of some thousand trimmed partitions. */
const SPARE_BYTES = 262_144;

/** Identifies a partition in checkpoints. */
export interface CheckpointedLog {
  readonly topic: string;
  readonly partition: number;
  readonly log: PartitionLog;
}

export class DataFolder {
  readonly root: string;
  readonly recoveryPoints: OffsetCheckpoint;
  readonly logStarts: OffsetCheckpoint;
  readonly cleanedOffsets: OffsetCheckpoint;
  readonly #fs: FileSystem;
  readonly #dataDir: string;
  readonly #logs: () => Iterable<CheckpointedLog>;
  readonly #writes = new SerialQueue();
  /** The write of the log starts that has not begun; whoever asks now shares it. */
  #nextLogStarts: Promise<void> | undefined;

  constructor(fs: FileSystem, dataDir: string, logs: () => Iterable<CheckpointedLog>) {
    this.#fs = fs;
    this.#dataDir = dataDir;
    this.root = `${dataDir}/partitions`;
    this.recoveryPoints = new OffsetCheckpoint(fs, this.root, "recovery-point-offset-checkpoint");
    this.logStarts = new OffsetCheckpoint(fs, this.root, "log-start-offset-checkpoint");
    this.cleanedOffsets = new OffsetCheckpoint(fs, this.root, "cleaner-offset-checkpoint");
    this.#logs = logs;
  }

  /**
   * Makes the folder ready and tells whether the last stop was clean; from now on it counts as unclean.
   * `leaderEpoch` is that of this start: a marker left by any but the start before proves nothing.
   */
  async open(leaderEpoch: number): Promise<{ readonly isClean: boolean }> {
    await this.#makeRoot();
    const isClean = (await this.#readMarker()) === leaderEpoch - 1;
    await this.recoveryPoints.read();
    await this.logStarts.read();
    await this.cleanedOffsets.read();
    // It is written before the first partition is made: one that is missing beside partitions was lost.
    if (this.logStarts.isMissing) {
      if (await this.#holdsPartitions()) this.logStarts.giveUp();
      else await this.logStarts.write([]);
    }
    await this.#fs.remove(`${this.root}/${CLEAN_SHUTDOWN}`);
    await this.#fs.syncDirectory(this.root);
    await this.keepSpare();
    return { isClean };
  }

  /** Notes, durably, that everything is flushed and the next start, if it comes right after this, may trust it. */
  async markClean(leaderEpoch: number): Promise<void> {
    await this.writeRecoveryPoints((log) => log.recoveryPoint);
    await this.writeLogStarts();
    await writeCheckpoint(this.#fs, this.root, CLEAN_SHUTDOWN, [[leaderEpoch]]);
  }

  /** Writes where recovery of each log may begin, durably: an offset below which everything is flushed. */
  writeRecoveryPoints(offsetOf: (log: PartitionLog) => number): Promise<void> {
    return this.#writes.run(() => this.recoveryPoints.write(this.#offsets(offsetOf)));
  }

  /** Writes the first readable offsets, durably; calls that come together share one write. */
  writeLogStarts(): Promise<void> {
    this.#nextLogStarts ??= this.#writes.run(() => {
      this.#nextLogStarts = undefined;
      return this.#writeLogStarts();
    });
    return this.#nextLogStarts;
  }

  /** Writes up to where each log was compacted. */
  writeCleanedOffsets(): Promise<void> {
    return this.#writes.run(() =>
      this.cleanedOffsets.write(this.#offsets((log) => log.cleaner.firstDirtyOffset)),
    );
  }

  /** Makes the spare if it is not there and the disk has room for it. */
  keepSpare(): Promise<void> {
    return this.#writes.run(() => this.#makeSpare());
  }

  /** Drops a topic that is deleted from all checkpoints, durably; writes nothing if they do not have it. */
  forget(topic: string): Promise<void> {
    return this.#writes.run(async () => {
      await this.recoveryPoints.forget(topic);
      await this.logStarts.forget(topic);
      await this.cleanedOffsets.forget(topic);
    });
  }

  /** Folder of a partition. */
  partitionFolder(topic: string, partition: number): string {
    return `${this.root}/${topic}-${partition}`;
  }

  /**
   * Creates the folder of a partition; its name is durable once `syncNames` has run. One that the same topic left when
   * an earlier attempt was cut short is taken over; one with segments of another topic is refused.
   */
  async createPartition(topic: string, topicId: string, partition: number): Promise<void> {
    const folder = this.partitionFolder(topic, partition);
    await this.#fs.makeDirectory(folder);
    if (await this.#holdsSegments(folder)) {
      const owner = await readPartitionMetadata(this.#fs, folder);
      if (owner === topicId) return;
      throw new MillraceError(
        "INVALID_REQUEST",
        `${folder} holds segments of another topic${owner === undefined ? "" : ` (id ${owner})`}; move it away, or choose another name`,
        { details: { field: "topic", value: topic } },
      );
    }
    await writePartitionMetadata(this.#fs, folder, topicId);
  }

  /**
   * Returns true if a partition's folder says that it belongs to the topic, false if it does not say. Throws
   * LOG_CORRUPT if it belongs to another, or is missing: it was created durably.
   */
  async requireOwner(topic: string, topicId: string, partition: number): Promise<boolean> {
    const folder = this.partitionFolder(topic, partition);
    const owner = await readPartitionMetadata(this.#fs, folder);
    if (owner === topicId) return true;
    if (owner !== undefined) {
      throw new MillraceError(
        "LOG_CORRUPT",
        `${folder} belongs to topic id ${owner}, but ${topic} has ${topicId}; put the right folder back`,
      );
    }
    await this.#fs.list(folder).catch((error: unknown) => {
      throw isMissing(error) ? missingFolder(folder) : error;
    });
    return false;
  }

  /** Removes the folder of a partition that did not come to be; that of another topic stays. */
  async discardPartition(topic: string, topicId: string, partition: number): Promise<void> {
    const folder = this.partitionFolder(topic, partition);
    const owner = await readPartitionMetadata(this.#fs, folder);
    if (owner === topicId) await this.#fs.remove(folder);
  }

  /**
   * Takes the folders of a topic's partitions out of service, durably, and returns their numbers. Those of another
   * topic that happen to bear the name are passed over. Beyond `partitionCount` an addition that was cut short may have
   * left some, which say whose they are.
   */
  async markDeleted(topic: string, topicId: string, partitionCount: number): Promise<number[]> {
    const partitions: number[] = [];
    for (const { name } of await this.#fs.list(this.root)) {
      const partition = name.startsWith(`${topic}-`) ? parseCount(name.slice(topic.length + 1)) : undefined;
      if (partition === undefined || name !== `${topic}-${partition}`) continue;
      const folder = this.partitionFolder(topic, partition);
      const isOwn =
        partition < partitionCount
          ? await this.#belongsTo(folder, topicId)
          : (await readPartitionMetadata(this.#fs, folder)) === topicId;
      if (!isOwn) continue;
      const target = this.deletedFolder(topicId, partition);
      await this.#fs.remove(target);
      await this.#fs.rename(folder, target);
      partitions.push(partition);
    }
    await this.syncNames();
    return partitions;
  }

  /** Where a deleted partition waits for its removal. */
  deletedFolder(topicId: string, partition: number): string {
    return `${this.root}/${topicId}-${partition}${DELETED_SUFFIX}`;
  }

  /** Makes created and renamed folders durable. */
  syncNames(): Promise<void> {
    return this.#fs.syncDirectory(this.root);
  }

  /** Removes what `markDeleted` left, and returns the names of folders that are no partition of `known`. */
  async sweep(known: ReadonlySet<string>): Promise<string[]> {
    const strays: string[] = [];
    for (const { name, kind } of await this.#fs.list(this.root)) {
      if (kind !== "directory") continue;
      if (/^[0-9a-f]{32}-\d+\.deleted$/.test(name)) await this.#fs.remove(`${this.root}/${name}`);
      else if (!known.has(name)) strays.push(name);
    }
    return strays;
  }

  /** Makes the folder; one with nothing in it yet is made anew, since an earlier flush of its name may have failed. */
  async #makeRoot(): Promise<void> {
    await this.#fs.makeDirectory(this.root);
    if ((await this.#fs.list(this.root)).length === 0) {
      await this.#fs.remove(this.root);
      await this.#fs.makeDirectory(this.root);
    }
    await this.#fs.syncDirectory(this.#dataDir);
  }

  /** A folder whose creation was interrupted has no owner yet, and nothing in it. */
  async #belongsTo(folder: string, topicId: string): Promise<boolean> {
    const owner = await readPartitionMetadata(this.#fs, folder);
    return owner === undefined ? !(await this.#holdsSegments(folder)) : owner === topicId;
  }

  /** Retention must not fail on the disk that it is to free: the spare makes room for what it writes first. */
  async #writeLogStarts(): Promise<void> {
    const write = () => this.logStarts.write(this.#offsets((log) => log.logStartOffset));
    await write().catch(async (error: unknown) => {
      if (!isOutOfSpace(error)) throw error;
      await this.#fs.remove(`${this.root}/${SPARE}`);
      await write();
    });
  }

  async #makeSpare(): Promise<void> {
    const path = `${this.root}/${SPARE}`;
    if (((await this.#fs.fileSize(path)) ?? 0) >= SPARE_BYTES) return;
    try {
      await writeCheckpoint(this.#fs, this.root, SPARE, [["0".repeat(SPARE_BYTES)]]);
    } catch (error) {
      if (!(error instanceof FileSystemError)) throw error;
      await this.#fs.remove(`${path}.tmp`);
    }
  }

  async #holdsPartitions(): Promise<boolean> {
    return (await this.#fs.list(this.root)).some(({ kind }) => kind === "directory");
  }

  async #holdsSegments(folder: string): Promise<boolean> {
    return (await this.#fs.list(folder)).some(({ name }) => name.endsWith(LOG_SUFFIX));
  }

  /** The leader epoch of the start that stopped cleanly, or undefined. */
  async #readMarker(): Promise<number | undefined> {
    const rows = await readCheckpoint(this.#fs, this.root, CLEAN_SHUTDOWN, 1);
    return rows === "damaged" ? undefined : parseCount(rows?.[0]?.[0]);
  }

  *#offsets(offsetOf: (log: PartitionLog) => number): Generator<CheckpointedOffset> {
    for (const { topic, partition, log } of this.#logs()) {
      yield { topic, partition, offset: offsetOf(log) };
    }
  }
}

function missingFolder(folder: string): MillraceError {
  return new MillraceError(
    "LOG_CORRUPT",
    `${folder} is missing, although it was created durably; put it back from a copy, or delete the topic`,
  );
}
