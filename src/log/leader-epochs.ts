/**
 * `leader-epoch-checkpoint`: under which leader epoch each offset was written, one line "epoch startOffset" for each
 * term, in Kafka's checkpoint format. An epoch is in the file, durably, before its first batch is.
 */
import type { FileSystem } from "../fs/index.ts";
import { parseCount, readCheckpoint, writeCheckpoint } from "./checkpoint-file.ts";

/** Name of the file in a partition's folder. */
export const EPOCHS_FILE_NAME = "leader-epoch-checkpoint";

/** A leader epoch and the first offset written under it. */
export interface LeaderTerm {
  readonly epoch: number;
  readonly startOffset: number;
}

export class LeaderEpochs {
  readonly #fs: FileSystem;
  readonly #folder: string;
  #terms: LeaderTerm[];

  private constructor(fs: FileSystem, folder: string, terms: LeaderTerm[]) {
    this.#fs = fs;
    this.#folder = folder;
    this.#terms = terms;
  }

  /** Reads the file; `isDamaged` tells that it was not usable, and that the terms are unknown. */
  static async load(
    fs: FileSystem,
    folder: string,
  ): Promise<{ readonly epochs: LeaderEpochs; readonly isDamaged: boolean }> {
    const rows = await readCheckpoint(fs, folder, EPOCHS_FILE_NAME, 2);
    if (rows === undefined) return { epochs: new LeaderEpochs(fs, folder, []), isDamaged: false };
    const terms = rows === "damaged" ? undefined : parseTerms(rows);
    return { epochs: new LeaderEpochs(fs, folder, terms ?? []), isDamaged: terms === undefined };
  }

  /** The newest epoch, or undefined if nothing was ever written. */
  get latestEpoch(): number | undefined {
    return this.#terms.at(-1)?.epoch;
  }

  /** The epoch under which the offset was written, or undefined if that is before all that is known. */
  epochOf(offset: number): number | undefined {
    return this.#terms.findLast((term) => term.startOffset <= offset)?.epoch;
  }

  /**
   * Notes, durably, that `epoch` begins at `startOffset`; nothing happens if it is the newest already. Terms that ended
   * at or below `firstOffset` are forgotten.
   */
  async begin(epoch: number, startOffset: number, firstOffset: number): Promise<void> {
    const latest = this.latestEpoch;
    if (latest !== undefined && epoch <= latest) return;
    const kept = this.#terms.filter((term) => term.startOffset < startOffset);
    const firstNeeded = kept.findLastIndex((term) => term.startOffset <= firstOffset);
    await this.#replace([...kept.slice(Math.max(0, firstNeeded)), { epoch, startOffset }]);
  }

  /** Rebuilds the terms from what the batches say: for a file that was lost. */
  async rebuild(terms: readonly LeaderTerm[]): Promise<void> {
    await this.#replace([...terms]);
  }

  async #replace(terms: LeaderTerm[]): Promise<void> {
    await writeCheckpoint(
      this.#fs,
      this.#folder,
      EPOCHS_FILE_NAME,
      terms.map((term) => [term.epoch, term.startOffset]),
    );
    this.#terms = terms;
  }
}

/** The terms of a checkpoint's rows; undefined if a row is no term, or out of order. */
export function parseTerms(rows: readonly string[][]): LeaderTerm[] | undefined {
  const terms: LeaderTerm[] = [];
  for (const row of rows) {
    const epoch = parseCount(row[0]);
    const startOffset = parseCount(row[1]);
    const last = terms.at(-1);
    if (epoch === undefined || startOffset === undefined) return undefined;
    if (last !== undefined && (epoch <= last.epoch || startOffset < last.startOffset)) return undefined;
    terms.push({ epoch, startOffset });
  }
  return terms;
}
