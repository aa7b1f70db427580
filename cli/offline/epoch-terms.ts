import type { FileSystem } from "../../src/fs/index.ts";
import { EPOCHS_FILE_NAME, type LeaderTerm, parseTerms, readCheckpoint } from "../../src/log/index.ts";
import type { Findings } from "./finding.ts";

/** Which leader epoch was in force where, by the checkpoint of a partition; knows nothing if that is not there. */
export class EpochTerms {
  readonly #terms: readonly LeaderTerm[];

  private constructor(terms: readonly LeaderTerm[]) {
    this.#terms = terms;
  }

  /** Reads the checkpoint of a partition's folder; one that is damaged is reported and counts as missing. */
  static async read(fs: FileSystem, folder: string, findings: Findings): Promise<EpochTerms> {
    const rows = await readCheckpoint(fs, folder, EPOCHS_FILE_NAME, 2);
    if (rows === undefined) return new EpochTerms([]);
    const terms = rows === "damaged" ? undefined : parseTerms(rows);
    if (terms !== undefined) return new EpochTerms(terms);
    const problem =
      "it is no checkpoint of leader epochs; remove it: the broker learns them from the batches";
    findings({ severity: "damage", file: `${folder}/${EPOCHS_FILE_NAME}`, fault: "bad-checkpoint", problem });
    return new EpochTerms([]);
  }

  /** The epoch in force at an offset; undefined if that is not known. */
  epochOf(offset: number): number | undefined {
    return this.#terms.findLast(({ startOffset }) => startOffset <= offset)?.epoch;
  }
}
