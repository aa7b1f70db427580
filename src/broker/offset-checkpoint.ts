import type { FileSystem } from "../fs/index.ts";
import { parseCount, readCheckpoint, writeCheckpoint } from "../log/index.ts";

/** An offset of a partition, as a checkpoint has it. */
export interface CheckpointedOffset {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
}

/**
 * One of Kafka's offset checkpoints: an offset for each partition, 0 for one that is not in it. Offsets never fall,
 * and those of a partition that cannot be opened stay for the day it is mended: without its recovery point, damage
 * would look like a torn tail, and without its log start a trimmed log like one that lost a segment.
 */
export class OffsetCheckpoint {
  readonly #fs: FileSystem;
  readonly #folder: string;
  readonly #name: string;
  #offsets = new Map<string, CheckpointedOffset>();
  #isLost = false;
  #isMissing = false;
  /** The file may still have offsets that were forgotten. */
  #isAhead = false;

  constructor(fs: FileSystem, folder: string, name: string) {
    this.#fs = fs;
    this.#folder = folder;
    this.#name = name;
  }

  /** The offsets are not known: the file was not usable when it was read, or given up. */
  get isLost(): boolean {
    return this.#isLost;
  }

  /** There was no file when it was read. */
  get isMissing(): boolean {
    return this.#isMissing;
  }

  /** Takes a missing file for a lost one. */
  giveUp(): void {
    this.#isLost = true;
  }

  async read(): Promise<void> {
    const rows = await readCheckpoint(this.#fs, this.#folder, this.#name, 3);
    this.#isMissing = rows === undefined;
    const offsets = rows === "damaged" ? undefined : (rows ?? []).map(parseRow);
    this.#isLost = offsets === undefined || offsets.includes(undefined);
    if (this.#isLost) return;
    for (const row of offsets ?? []) if (row !== undefined) raise(this.#offsets, row);
  }

  /** The offset of a partition; undefined if the checkpoint is lost. */
  get(topic: string, partition: number): number | undefined {
    return this.#offsets.get(`${topic}-${partition}`)?.offset ?? (this.#isLost ? undefined : 0);
  }

  /** Forgets the partitions of a topic that is deleted, durably: a later one of this name begins at 0. */
  async forget(topic: string): Promise<void> {
    for (const [key, row] of this.#offsets) {
      if (row.topic === topic) this.#isAhead = this.#offsets.delete(key);
    }
    if (this.#isAhead) await this.write([]);
  }

  /** Writes the newest offsets among all, durably and atomically, and then takes them over. */
  async write(newest: Iterable<CheckpointedOffset>): Promise<void> {
    const offsets = new Map(this.#offsets);
    for (const row of newest) raise(offsets, row);
    const rows = Array.from(offsets.values(), (row) => [row.topic, row.partition, row.offset]);
    await writeCheckpoint(this.#fs, this.#folder, this.#name, rows);
    this.#offsets = offsets;
    this.#isAhead = false;
  }
}

function raise(offsets: Map<string, CheckpointedOffset>, row: CheckpointedOffset): void {
  const key = `${row.topic}-${row.partition}`;
  if (row.offset > (offsets.get(key)?.offset ?? 0)) offsets.set(key, row);
}

function parseRow([topic, partitionText, offsetText]: readonly string[]): CheckpointedOffset | undefined {
  const partition = parseCount(partitionText);
  const offset = parseCount(offsetText);
  if (topic === undefined || partition === undefined || offset === undefined) return undefined;
  return { topic, partition, offset };
}
