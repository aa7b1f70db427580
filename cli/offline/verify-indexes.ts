import { type FileSystem, isMissing } from "../../src/fs/index.ts";
import type { BatchHeader } from "../../src/record/index.ts";
import type { Findings } from "./finding.ts";
import { OFFSET_ENTRY_BYTES, offsetEntry, TIME_ENTRY_BYTES, timeEntry } from "./index-entries.ts";
import type { SegmentFiles } from "./log-files.ts";
import type { Damage } from "./walk-batches.ts";

const INDEX_FILE_BYTES_MAX = 512 * 1_048_576;
const REMEDY = "remove the file while no broker runs: it is built anew from the .log";

/**
 * Holds the two indexes of a segment against its batches while those are walked. Entries must point at batches that
 * are there; that some are missing is no fault, for indexes are sparse and written late.
 */
export class IndexVerifier {
  readonly #segment: SegmentFiles;
  readonly #findings: Findings;
  readonly #offsets: Buffer;
  readonly #times: Buffer;
  #nextOffsetEntry = 0;
  #nextTimeEntry = 0;
  /** Largest timestamp so far. */
  #timestampMsMax = -1;
  /** Batches were unreadable, so the largest timestamp is not known for sure. */
  #isDamaged = false;

  private constructor(segment: SegmentFiles, findings: Findings, offsets: Buffer, times: Buffer) {
    this.#segment = segment;
    this.#findings = findings;
    this.#offsets = offsets;
    this.#times = times;
  }

  /** Reads the index files of a segment; reports those that are missing or have no whole number of entries. */
  static async open(fs: FileSystem, segment: SegmentFiles, findings: Findings): Promise<IndexVerifier> {
    const offsets = await readEntries(fs, segment.offsetIndexPath, OFFSET_ENTRY_BYTES, findings);
    const times = await readEntries(fs, segment.timeIndexPath, TIME_ENTRY_BYTES, findings);
    return new IndexVerifier(segment, findings, offsets, times);
  }

  /** A batch of the .log, in order. */
  batch(header: BatchHeader, position: number): void {
    const lastOffset = header.baseOffset + header.lastOffsetDelta;
    this.#timestampMsMax = Math.max(this.#timestampMsMax, header.maxTimestampMs);
    this.#checkOffsets(position, lastOffset);
    this.#checkTimes(lastOffset);
  }

  /** Bytes that are no batch: what points there cannot be judged. */
  damage({ end }: Damage): void {
    this.#isDamaged = true;
    while ((this.#offsetEntry()?.position ?? end) < end) this.#nextOffsetEntry++;
  }

  /** After the last batch: entries that are left point beyond it. */
  end(): void {
    this.#checkOffsets(Number.POSITIVE_INFINITY, undefined);
    this.#checkTimes(Number.POSITIVE_INFINITY);
  }

  /** Judges the entries that point at the batch at `position`, or before it where no batch begins. */
  #checkOffsets(position: number, lastOffset: number | undefined): void {
    for (let entry = this.#offsetEntry(); entry !== undefined; entry = this.#offsetEntry()) {
      if (entry.position > position) return;
      if (entry.position < position)
        this.#offsetFault(`it points at position ${entry.position}, where no batch begins`);
      else if (entry.lastOffset !== lastOffset) {
        const there = `the batch at position ${position} ends at offset ${lastOffset}`;
        this.#offsetFault(`${there}, the index says ${entry.lastOffset}`);
      }
      this.#nextOffsetEntry++;
    }
  }

  #checkTimes(lastOffset: number): void {
    for (let entry = this.#timeEntry(); entry !== undefined; entry = this.#timeEntry()) {
      if (entry.offset > lastOffset) return;
      const isRight = entry.offset === lastOffset && entry.timestampMs === this.#timestampMsMax;
      if (!isRight && !this.#isDamaged) {
        const found =
          entry.offset === lastOffset
            ? `the largest timestamp up to there is ${this.#timestampMsMax}`
            : "no batch ends there";
        this.#timeFault(`it tells timestamp ${entry.timestampMs} up to offset ${entry.offset}, but ${found}`);
      }
      this.#nextTimeEntry++;
    }
  }

  #offsetEntry() {
    const number = this.#nextOffsetEntry;
    if ((number + 1) * OFFSET_ENTRY_BYTES > this.#offsets.length) return undefined;
    return offsetEntry(this.#offsets, number, this.#segment.baseOffset);
  }

  #timeEntry() {
    const number = this.#nextTimeEntry;
    if ((number + 1) * TIME_ENTRY_BYTES > this.#times.length) return undefined;
    return timeEntry(this.#times, number, this.#segment.baseOffset);
  }

  #offsetFault(problem: string): void {
    this.#fault(this.#segment.offsetIndexPath, this.#nextOffsetEntry * OFFSET_ENTRY_BYTES, problem);
  }

  #timeFault(problem: string): void {
    this.#fault(this.#segment.timeIndexPath, this.#nextTimeEntry * TIME_ENTRY_BYTES, problem);
  }

  #fault(file: string, position: number, problem: string): void {
    this.#findings({
      severity: "damage",
      file,
      position,
      fault: "bad-index",
      problem: `${problem}; ${REMEDY}`,
    });
  }
}

async function readEntries(
  fs: FileSystem,
  file: string,
  entryBytes: number,
  findings: Findings,
): Promise<Buffer> {
  const content = await readIfThere(fs, file);
  if (content === undefined) {
    const problem = "the index is missing; the broker builds it anew when it needs it";
    findings({ severity: "notice", file, fault: "index-missing", problem });
    return Buffer.alloc(0);
  }
  const extra = content.length % entryBytes;
  if (extra > 0) {
    const problem = `the file has ${content.length} bytes, entries have ${entryBytes}; ${REMEDY}`;
    findings({ severity: "damage", file, position: content.length - extra, fault: "bad-index", problem });
  }
  return content;
}

async function readIfThere(fs: FileSystem, file: string): Promise<Buffer | undefined> {
  try {
    return await fs.readFile(file, INDEX_FILE_BYTES_MAX);
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}
