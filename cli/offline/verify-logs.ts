import type { FileSystem } from "../../src/fs/index.ts";
import { parseCount, readCheckpoint, readPartitionMetadata, SWAP_SUFFIX } from "../../src/log/index.ts";
import { EpochTerms } from "./epoch-terms.ts";
import type { Findings } from "./finding.ts";
import type { FoundLogs, PartitionFiles } from "./log-files.ts";
import { verifySegment } from "./verify-segment.ts";

/** How much was verified. */
export interface VerifyTotals {
  partitions: number;
  segments: number;
  batches: number;
  records: number;
  bytes: number;
}

/** Verifies all logs that were found: batches, indexes, checkpoints, and that no segment is missing. Writes nothing. */
export async function verifyLogs(fs: FileSystem, logs: FoundLogs, findings: Findings): Promise<VerifyTotals> {
  const totals: VerifyTotals = { partitions: 0, segments: 0, batches: 0, records: 0, bytes: 0 };
  const recoveryPoints = await readOffsets(fs, logs.root, "recovery-point-offset-checkpoint", findings);
  const logStarts = await readOffsets(fs, logs.root, "log-start-offset-checkpoint", findings);
  for (const partition of logs.partitions) {
    const logStartOffset = logStarts.get(partition.name) ?? 0;
    const kept = withoutLeftovers(partition, logStartOffset, findings);
    const ends = await verifyPartition(fs, kept, totals, findings);
    if (partition.isWhole) await verifyMetadata(fs, partition, findings);
    const recoveryPoint = recoveryPoints.get(partition.name) ?? 0;
    compareWithCheckpoints(kept, ends, { recoveryPoint, logStartOffset }, findings);
    totals.partitions++;
  }
  return totals;
}

/** The partition without the segments wholly below the log start: whatever is left of them, no reader sees it. */
function withoutLeftovers(
  partition: PartitionFiles,
  logStartOffset: number,
  findings: Findings,
): PartitionFiles {
  const { segments } = partition;
  const first = Math.max(
    0,
    segments.findLastIndex(({ baseOffset }) => baseOffset <= logStartOffset),
  );
  for (const { logPath } of segments.slice(0, first)) {
    const problem = `it lies below offset ${logStartOffset}, where the log starts: its deletion was interrupted, and the broker's next start ends it`;
    findings({ severity: "notice", file: logPath, fault: "leftover", problem });
  }
  return { ...partition, segments: segments.slice(first) };
}

interface LogEnds {
  readonly firstOffset: number;
  readonly nextOffset: number;
}

async function verifyPartition(
  fs: FileSystem,
  { folder, segments, isWhole }: PartitionFiles,
  totals: VerifyTotals,
  findings: Findings,
): Promise<LogEnds> {
  const epochs = await EpochTerms.read(fs, folder, findings);
  let expected: number | undefined;
  let nextOffset = 0;
  for (const [number, segment] of segments.entries()) {
    const isLast = isWhole && number === segments.length - 1;
    if (expected !== undefined && segment.baseOffset < expected) {
      const problem = `the segment before it holds its offsets up to ${expected}: it was compacted, its removal was interrupted, and the broker's next start ends it`;
      findings({ severity: "notice", file: segment.logPath, fault: "leftover", problem });
      continue;
    }
    if (segment.logPath.endsWith(SWAP_SUFFIX)) {
      const problem =
        "compaction was interrupted as it put this file into its place; the broker's next start does so";
      findings({ severity: "notice", file: segment.logPath, fault: "unfinished-swap", problem });
    }
    if (expected !== undefined && segment.baseOffset !== expected) {
      const problem = `it begins at offset ${segment.baseOffset}, the segment before it ends at ${expected}: a segment is missing or out of place`;
      findings({ severity: "damage", file: segment.logPath, fault: "segment-gap", problem });
    }
    const facts = await verifySegment(fs, segment, { isLast, epochs }, findings);
    totals.segments++;
    totals.batches += facts.batches;
    totals.records += facts.records;
    totals.bytes += facts.bytes;
    nextOffset = facts.nextOffset;
    // How far a segment with a damaged end went is not known, and the damage has been told.
    expected = facts.endsDamaged ? undefined : nextOffset;
  }
  return { firstOffset: segments[0]?.baseOffset ?? 0, nextOffset };
}

/** The file that ties a partition's folder to its topic. */
async function verifyMetadata(fs: FileSystem, { folder }: PartitionFiles, findings: Findings): Promise<void> {
  if ((await readPartitionMetadata(fs, folder)) !== undefined) return;
  const file = `${folder}/partition.metadata`;
  const isThere = (await fs.fileSize(file)) !== undefined;
  const problem = isThere ? "it holds no topic id" : "the file with the topic id is missing";
  findings({ severity: isThere ? "damage" : "notice", file, fault: "bad-metadata", problem });
}

function compareWithCheckpoints(
  { folder, segments }: PartitionFiles,
  { firstOffset, nextOffset }: LogEnds,
  { recoveryPoint, logStartOffset }: { readonly recoveryPoint: number; readonly logStartOffset: number },
  findings: Findings,
): void {
  const file = segments.at(-1)?.logPath ?? folder;
  if (nextOffset < recoveryPoint) {
    const problem = `the log ends at offset ${nextOffset}, but everything below ${recoveryPoint} was flushed: flushed records are missing`;
    findings({ severity: "damage", file, fault: "records-missing", problem });
  }
  if (segments.length > 0 && firstOffset > logStartOffset) {
    const problem = `the first segment begins at offset ${firstOffset}, the log at ${logStartOffset}: a segment is missing`;
    findings({ severity: "damage", file: segments[0]!.logPath, fault: "segment-gap", problem });
  }
}

/** Offsets by `<topic>-<partition>`; none without a data folder. */
async function readOffsets(
  fs: FileSystem,
  root: string | undefined,
  name: string,
  findings: Findings,
): Promise<ReadonlyMap<string, number>> {
  const offsets = new Map<string, number>();
  const rows = root === undefined ? undefined : await readCheckpoint(fs, root, name, 3);
  const isDamaged = rows === "damaged";
  for (const [topic, partition, text] of isDamaged || rows === undefined ? [] : rows) {
    const offset = parseCount(text);
    if (offset !== undefined) offsets.set(`${topic}-${partition}`, offset);
  }
  if (isDamaged || (rows !== undefined && offsets.size < rows.length)) {
    const problem =
      "it is no checkpoint of offsets; the broker goes on without it and reads more at its start";
    findings({ severity: "damage", file: `${root}/${name}`, fault: "bad-checkpoint", problem });
  }
  return offsets;
}
