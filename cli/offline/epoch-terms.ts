import type { FileSystem } from "../../src/fs/index.ts";
import { parseCount, readCheckpoint } from "../../src/log/index.ts";
import type { Findings } from "./finding.ts";

const FILE_NAME = "leader-epoch-checkpoint";

/** Which leader epoch was in force where, by the checkpoint of a partition; knows nothing if that is not there. */
export class EpochTerms {
  readonly #terms: readonly { readonly epoch: number; readonly startOffset: number }[];

  private constructor(terms: readonly { readonly epoch: number; readonly startOffset: number }[]) {
    this.#terms = terms;
  }

  /** Reads the checkpoint of a partition's folder; one that is damaged is reported and counts as missing. */
  static async read(fs: FileSystem, folder: string, findings: Findings): Promise<EpochTerms> {
    const rows = await readCheckpoint(fs, folder, FILE_NAME, 2);
    if (rows === undefined) return new EpochTerms([]);
    const terms = (rows === "damaged" ? [] : rows).flatMap(([epochText, offsetText]) => {
      const epoch = parseCount(epochText);
      const startOffset = parseCount(offsetText);
      return epoch === undefined || startOffset === undefined ? [] : [{ epoch, startOffset }];
    });
    if (rows !== "damaged" && terms.length === rows.length) return new EpochTerms(terms);
    const problem =
      "it is no checkpoint of leader epochs; remove it: the broker learns them from the batches";
    findings({ severity: "damage", file: `${folder}/${FILE_NAME}`, fault: "bad-checkpoint", problem });
    return new EpochTerms([]);
  }

  /** The epoch in force at an offset; undefined if that is not known. */
  epochOf(offset: number): number | undefined {
    return this.#terms.findLast(({ startOffset }) => startOffset <= offset)?.epoch;
  }
}
