import { BATCH_BYTES_MAX, DECOMPRESSED_BYTES_MAX } from "../../src/base/index.ts";
import { MillraceError } from "../../src/errors/index.ts";
import type { FileSystem } from "../../src/fs/index.ts";
import { type BatchHeader, checkBatch } from "../../src/record/index.ts";
import type { EpochTerms } from "./epoch-terms.ts";
import type { Finding, Findings } from "./finding.ts";
import type { SegmentFiles } from "./log-files.ts";
import { IndexVerifier } from "./verify-indexes.ts";
import { type Damage, walkBatches } from "./walk-batches.ts";

/** What a segment holds. */
export interface SegmentFacts {
  readonly bytes: number;
  readonly batches: number;
  readonly records: number;
  /** Offset that follows the last readable batch. */
  readonly nextOffset: number;
  /** What lies after the last readable batch is damaged, so the segment may have gone on. */
  readonly endsDamaged: boolean;
}

/** What is known of a segment beside its own files. */
export interface SegmentSurroundings {
  /** The last of its log: a broker that was stopped uncleanly may have left its end torn. */
  readonly isLast: boolean;
  readonly epochs: EpochTerms;
}

/** Checks every batch of a segment, in itself and in its place, and both indexes. Reads everything, writes nothing. */
export async function verifySegment(
  fs: FileSystem,
  segment: SegmentFiles,
  surroundings: SegmentSurroundings,
  findings: Findings,
): Promise<SegmentFacts> {
  const file = await fs.open(segment.logPath, "read");
  try {
    const bytes = await file.size();
    const indexes = await IndexVerifier.open(fs, segment, findings);
    const checker = new BatchChecker(segment, { bytes, ...surroundings, findings });
    await walkBatches(file, bytes, {
      batch(header, position, batch) {
        checker.batch(header, position, batch);
        indexes.batch(header, position);
      },
      damage(damage) {
        checker.damage(damage);
        indexes.damage(damage);
      },
    });
    indexes.end();
    return checker.facts;
  } finally {
    await file.close();
  }
}

interface CheckContext extends SegmentSurroundings {
  readonly bytes: number;
  readonly findings: Findings;
}

class BatchChecker {
  readonly #segment: SegmentFiles;
  readonly #context: CheckContext;
  #batches = 0;
  #records = 0;
  #nextOffset: number;
  /** Where the log goes on if the base offset of the last batch was wrong, and not its place. */
  #nextOffsetIfMisnumbered: number | undefined;
  #leaderEpoch = -1;
  #isAfterDamage = false;

  constructor(segment: SegmentFiles, context: CheckContext) {
    this.#segment = segment;
    this.#context = context;
    this.#nextOffset = segment.baseOffset;
  }

  get facts(): SegmentFacts {
    return {
      bytes: this.#context.bytes,
      batches: this.#batches,
      records: this.#records,
      nextOffset: this.#nextOffset,
      endsDamaged: this.#isAfterDamage,
    };
  }

  batch(header: BatchHeader, position: number, bytes: Buffer): void {
    this.#batches++;
    this.#records += header.recordCount;
    this.#checkPlace(header, position);
    this.#checkRecords(bytes, position);
    this.#isAfterDamage = false;
  }

  damage({ position, end, fault, problem }: Damage): void {
    this.#isAfterDamage = true;
    const lost = `${end - position} bytes are unreadable`;
    const isTail = end === this.#context.bytes && this.#context.isLast;
    const isTorn = isTail && (fault === "short-header" || fault === "short-body");
    const remedy = isTorn
      ? "an unclean stop leaves such a tail, and the broker cuts it at its next start unless it was flushed"
      : "restore the file from a copy";
    this.#report("damage", position, isTorn ? "torn-tail" : fault, `${problem}: ${lost}; ${remedy}`);
  }

  /** Base offset and leader epoch are outside the checksum: only their neighbours can tell that they are wrong. */
  #checkPlace({ baseOffset, leaderEpoch, lastOffsetDelta }: BatchHeader, position: number): void {
    const expected = this.#nextOffset;
    const isRight =
      baseOffset === expected ||
      baseOffset === this.#nextOffsetIfMisnumbered ||
      (this.#isAfterDamage && baseOffset > expected);
    if (!isRight) {
      this.#report("damage", position, "wrong-offset", `base offset ${baseOffset} where ${expected} follows`);
    }
    this.#nextOffset = baseOffset + lastOffsetDelta + 1;
    this.#nextOffsetIfMisnumbered = isRight ? undefined : expected + lastOffsetDelta + 1;
    const fault = this.#epochFault(baseOffset, leaderEpoch);
    if (fault !== undefined) this.#report("damage", position, "wrong-leader-epoch", fault);
    else this.#leaderEpoch = leaderEpoch ?? this.#leaderEpoch;
  }

  #epochFault(baseOffset: number, leaderEpoch: number | undefined): string | undefined {
    if (leaderEpoch === undefined) return "no leader epoch was stamped";
    const expected = this.#context.epochs.epochOf(baseOffset);
    if (expected !== undefined && leaderEpoch !== expected) {
      return `leader epoch ${leaderEpoch} where ${expected} was in force, by leader-epoch-checkpoint`;
    }
    if (leaderEpoch >= this.#leaderEpoch) return undefined;
    return `leader epoch ${leaderEpoch} after ${this.#leaderEpoch}; epochs never fall`;
  }

  #checkRecords(bytes: Buffer, position: number): void {
    try {
      checkBatch(bytes, {
        batchBytesMax: BATCH_BYTES_MAX,
        decompressedBytesMax: DECOMPRESSED_BYTES_MAX,
        origin: "log",
      });
    } catch (error) {
      if (!(error instanceof MillraceError)) throw error;
      const isUnreadableHere = error.reason === "UNSUPPORTED_COMPRESSION";
      this.#report(
        isUnreadableHere ? "notice" : "damage",
        position,
        isUnreadableHere ? "not-checked" : "bad-records",
        error.message,
      );
    }
  }

  #report(severity: Finding["severity"], position: number, fault: string, problem: string): void {
    this.#context.findings({ severity, file: this.#segment.logPath, position, fault, problem });
  }
}
