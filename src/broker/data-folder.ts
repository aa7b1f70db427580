/**
 * The layout of a data folder and its few files above the partitions:
 *
 *     <data>/holder.json                                  which process has it open, for people
 *     <data>/metadata/                                    the metadata store, whose lock keeps others out
 *     <data>/partitions/clean-shutdown                    there while no broker runs and the last stop was clean
 *     <data>/partitions/recovery-point-offset-checkpoint  Kafka's checkpoint: everything below is flushed
 *     <data>/partitions/log-start-offset-checkpoint       Kafka's checkpoint: first readable offsets
 *     <data>/partitions/<topic>-<partition>/              one log
 *     <data>/partitions/<topic id>-<partition>.deleted/   a deleted one, until its files are removed
 */
import { SerialQueue } from "../base/index.ts";
import type { FileSystem } from "../fs/index.ts";
import {
  DELETED_SUFFIX,
  type PartitionLog,
  parseCount,
  readCheckpoint,
  writeCheckpoint,
} from "../log/index.ts";

const CLEAN_SHUTDOWN = "clean-shutdown";
const RECOVERY_POINTS = "recovery-point-offset-checkpoint";
const LOG_STARTS = "log-start-offset-checkpoint";

/** Identifies a partition in checkpoints. */
export interface CheckpointedLog {
  readonly topic: string;
  readonly partition: number;
  readonly log: PartitionLog;
}

/** Offsets by `<topic>-<partition>`; undefined if the checkpoint was lost. */
export type CheckpointedOffsets = ReadonlyMap<string, number> | undefined;

export class DataFolder {
  readonly root: string;
  readonly #fs: FileSystem;
  readonly #dataDir: string;
  readonly #logs: () => Iterable<CheckpointedLog>;
  readonly #writes = new SerialQueue();
  /** Writes of the log starts that have not begun; whoever asks now shares it. */
  #nextLogStarts: Promise<void> | undefined;

  constructor(fs: FileSystem, dataDir: string, logs: () => Iterable<CheckpointedLog>) {
    this.#fs = fs;
    this.#dataDir = dataDir;
    this.root = `${dataDir}/partitions`;
    this.#logs = logs;
  }

  /** Makes the folder ready and tells whether the last stop was clean; from now on it counts as unclean. */
  async open(): Promise<{
    isClean: boolean;
    recoveryPoints: CheckpointedOffsets;
    logStarts: CheckpointedOffsets;
  }> {
    await this.#fs.makeDirectory(this.root);
    await this.#fs.syncDirectory(this.#dataDir);
    const marker = `${this.root}/${CLEAN_SHUTDOWN}`;
    const isClean = (await this.#fs.fileSize(marker)) !== undefined;
    const recoveryPoints = await this.#read(RECOVERY_POINTS);
    const logStarts = await this.#read(LOG_STARTS);
    await this.#fs.remove(marker);
    await this.#fs.syncDirectory(this.root);
    return { isClean, recoveryPoints, logStarts };
  }

  /** Notes, durably, that everything is flushed and the next start may trust it. */
  async markClean(): Promise<void> {
    await this.writeRecoveryPoints((log) => log.recoveryPoint);
    await this.writeLogStarts();
    await writeCheckpoint(this.#fs, this.root, CLEAN_SHUTDOWN, []);
  }

  /** Writes where recovery of each log may begin, durably: an offset below which everything is flushed. */
  writeRecoveryPoints(offsetOf: (log: PartitionLog) => number): Promise<void> {
    return this.#writes.run(() => this.#write(RECOVERY_POINTS, offsetOf));
  }

  /** Writes the first readable offsets, durably; calls that come together share one write. */
  writeLogStarts(): Promise<void> {
    this.#nextLogStarts ??= this.#writes.run(() => {
      this.#nextLogStarts = undefined;
      return this.#write(LOG_STARTS, (log) => log.logStartOffset);
    });
    return this.#nextLogStarts;
  }

  /** Folder of a partition. */
  partitionFolder(topic: string, partition: number): string {
    return `${this.root}/${topic}-${partition}`;
  }

  /** Takes the folders of a topic's partitions out of service, as far as they are there, durably. */
  async markDeleted(topic: string, topicId: string, partitionCount: number): Promise<void> {
    const names = new Set((await this.#fs.list(this.root)).map(({ name }) => name));
    for (let partition = 0; partition < partitionCount; partition++) {
      if (!names.has(`${topic}-${partition}`)) continue;
      await this.#fs.rename(this.partitionFolder(topic, partition), this.deletedFolder(topicId, partition));
    }
    await this.syncNames();
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

  async #write(name: string, offsetOf: (log: PartitionLog) => number): Promise<void> {
    const rows: (string | number)[][] = [];
    for (const { topic, partition, log } of this.#logs()) {
      const offset = offsetOf(log);
      if (offset > 0) rows.push([topic, partition, offset]);
    }
    await writeCheckpoint(this.#fs, this.root, name, rows);
  }

  async #read(name: string): Promise<CheckpointedOffsets> {
    const rows = await readCheckpoint(this.#fs, this.root, name, 3);
    if (rows === "damaged") return undefined;
    const offsets = new Map<string, number>();
    for (const [topic, partition, text] of rows ?? []) {
      const offset = parseCount(text);
      if (offset === undefined) return undefined;
      offsets.set(`${topic}-${partition}`, offset);
    }
    return offsets;
  }
}
