/**
 * Opens the segments of a partition, after a clean stop or a crash.
 *
 * Only bytes above the recovery point can be torn: everything below it was flushed, and so was every segment but the
 * last, because a roll flushes before it begins a new one. After a crash the last segment is scanned to its end; the
 * first batch above the recovery point that is not whole, right and in its place ends the log, since nothing from
 * there on was promised durable, and the rest is cut. What lies above the point is then written again and flushed, because after a failed fsync the page
 * cache may show bytes that the disk never got; for the same reason the name of a segment that is still empty is made
 * anew.
 */
import { READ_CHUNK_BYTES_MAX } from "../base/index.ts";
import type { BatchHeader } from "../record/index.ts";
import { findSegments, type SegmentSearch } from "./find-segments.ts";
import { isTimeEntryTrue } from "./index-check.ts";
import type { LeaderEpochs } from "./leader-epochs.ts";
import { corruptFile, faultInPlace } from "./log-damage.ts";
import type { Segment } from "./segment.ts";
import type { SegmentIndexes } from "./segment-indexes.ts";
import { scanBatches, type ScanStop } from "./segment-scan.ts";
import { keepTornTail } from "./torn-tail.ts";
import { writeAll } from "./write-whole.ts";

/** What is known of a log before its files are read. */
export interface RecoveryInput extends SegmentSearch {
  /** The last stop was clean: everything was flushed and the indexes are complete. */
  readonly isClean: boolean;
  /** Everything below was flushed; 0 if nothing is known. */
  readonly recoveryPoint: number;
  /** First readable offset as checkpointed; undefined if that checkpoint was lost. */
  readonly logStartOffset: number | undefined;
  /** The term that is to begin. */
  readonly leaderEpoch: number;
  readonly epochs: LeaderEpochs;
  /** The epoch file was unusable: learn the terms from the batches. */
  readonly epochsLost: boolean;
}

/** The segments in order, the last of them active; none if nothing was ever written. */
export interface RecoveredLog {
  readonly segments: Segment[];
  readonly logStartOffset: number;
  readonly logEndOffset: number;
}

interface Term {
  readonly epoch: number;
  readonly startOffset: number;
}

/** Reads the folder and makes it whole. Throws LOG_CORRUPT for damage, FileSystemError if the disk refuses. */
export async function recoverLog(input: RecoveryInput): Promise<RecoveredLog> {
  requireNewestEpoch(input);
  const found = await findSegments(input);
  const trimmed = takeTrimmed(found, input.logStartOffset);
  const unsure = takeUnsure(found, input);
  const first = found[0];
  if (first === undefined) {
    requireNeverWritten(input);
    await unsure?.removeEmpty();
    return { segments: found, logStartOffset: 0, logEndOffset: 0 };
  }
  const { logStartOffset = first.baseOffset } = input;
  if (first.baseOffset > logStartOffset) {
    const text = `the first segment begins at offset ${first.baseOffset}, the log at ${logStartOffset}: a segment is missing`;
    throw corruptFile(first.log.path, 0, text);
  }
  // A roll flushes before it makes a file, and a trim before it raises the log start: both prove that much.
  const recoveryPoint = Math.max(input.recoveryPoint, logStartOffset, unsure?.baseOffset ?? 0);
  const isUnknown = input.epochsLost || input.epochs.latestEpoch === undefined;
  const terms: Term[] | undefined = isUnknown ? [] : undefined;
  const replaced: Segment[] = [];
  for (let number = 0; number < found.length; number++) {
    const isSealed = number + 1 < found.length && (await settleSealed(input, found, number, replaced, terms));
    if (!isSealed) await settleLast({ ...input, recoveryPoint }, found[number]!, terms);
  }
  await unsure?.removeEmpty();
  for (const segment of [...trimmed, ...replaced]) await segment.markDeleted();
  if (terms !== undefined && terms.length > 0) await input.epochs.rebuild(terms);
  return { segments: found, logStartOffset, logEndOffset: found.at(-1)!.nextOffset };
}

/** Throws if the log has batches of a later term than this broker's: they and its own would contradict each other. */
function requireNewestEpoch({ folder, leaderEpoch, epochs }: RecoveryInput): void {
  const { latestEpoch } = epochs;
  if (latestEpoch === undefined || latestEpoch <= leaderEpoch) return;
  const text = `it was written under leader epoch ${latestEpoch}, this broker has only ${leaderEpoch}: its metadata is older than its logs`;
  throw corruptFile(folder, 0, text);
}

/**
 * Takes the segments that lie wholly below the log start out of the list. It is durable before the first of them
 * goes, so their deletion was under way; which of their names a crash left depends on the disk, and gaps among them
 * mean nothing.
 */
function takeTrimmed(found: Segment[], logStartOffset = 0): Segment[] {
  const firstNeeded = found.findLastIndex((segment) => segment.baseOffset <= logStartOffset);
  return found.splice(0, Math.max(0, firstNeeded));
}

function requireNeverWritten({ folder, recoveryPoint, logStartOffset = 0, epochs }: RecoveryInput): void {
  if (recoveryPoint === 0 && logStartOffset === 0 && epochs.latestEpoch === undefined) return;
  throw corruptFile(folder, 0, "all segments are missing");
}

/**
 * Takes a last segment that is still empty out of the list, after an unclean stop: the flush of its name may have
 * been interrupted or have failed, and a later one would not make up for that. The next append makes it anew. Alone,
 * it stays if anything was ever written, for then its name was flushed, and it tells where the log ends.
 */
function takeUnsure(found: Segment[], { isClean, epochs }: RecoveryInput): Segment | undefined {
  const isEmpty = found.at(-1)?.sizeBytes === 0;
  const mayBeUnsure = found.length > 1 || epochs.latestEpoch === undefined;
  return !isClean && isEmpty && mayBeUnsure ? found.pop() : undefined;
}

/**
 * Settles a segment that others follow, and moves those that it replaces from `found` to `replaced`: the removal of
 * their names may not have lasted. False if then none follows.
 */
async function settleSealed(
  input: RecoveryInput,
  found: Segment[],
  number: number,
  replaced: Segment[],
  terms: Term[] | undefined,
): Promise<boolean> {
  const segment = found[number]!;
  const stop = await walk(input, segment, Number.POSITIVE_INFINITY, terms);
  if (stop.fault !== undefined) throw corruptFile(segment.log.path, stop.position, stop.fault);
  const firstBehind = found.findIndex(({ baseOffset }) => baseOffset >= segment.nextOffset);
  const end = firstBehind < 0 ? found.length : firstBehind;
  if (end > number + 1) replaced.push(...found.splice(number + 1, end - number - 1));
  const next = found[number + 1];
  if (next === undefined) return false;
  if (segment.nextOffset !== next.baseOffset) {
    const text = `the segment ends at offset ${segment.nextOffset}, the next begins at ${next.baseOffset}: a segment is missing or out of place`;
    throw corruptFile(segment.log.path, stop.position, text);
  }
  await segment.seal();
  return true;
}

async function settleLast(input: RecoveryInput, segment: Segment, terms: Term[] | undefined): Promise<void> {
  const { env, isClean } = input;
  const flushedEnd = Math.max(input.recoveryPoint, segment.baseOffset);
  const sizeBytes = segment.sizeBytes;
  const stop = await walk(input, segment, isClean ? Number.POSITIVE_INFINITY : flushedEnd, terms);
  if (segment.nextOffset < flushedEnd || (isClean && stop.fault !== undefined)) {
    const fault = stop.fault ?? `the log ends at offset ${segment.nextOffset}`;
    throw corruptFile(
      segment.log.path,
      stop.position,
      `${fault}, although everything ${isClean ? "" : `below offset ${flushedEnd} `}was flushed`,
    );
  }
  if (stop.fault !== undefined) {
    const cutBytes = sizeBytes - stop.position;
    const keptAs = await keepTornTail(env, segment, stop.position, sizeBytes);
    await segment.log.use((file) => file.truncate(stop.position));
    env.logger.warn(
      {
        segment: segment.log.path,
        position: stop.position,
        cutBytes,
        fault: stop.fault,
        logEndOffset: segment.nextOffset,
        keptAs,
      },
      "cut the torn tail of a log after an unclean stop",
    );
  }
  segment.sizeBytes = stop.position;
  await segment.firstTimestamp();
  if (!isClean) await rewrite(segment, stop.flushedPosition);
}

/** How far a walk came; below `flushedPosition` lie the batches below the recovery point. */
interface WalkStop extends ScanStop {
  readonly flushedPosition: number;
}

/**
 * Accounts for the batches of a segment from the last indexed one below `fromOffset` or its beginning on, and checks
 * each in its place. Indexes that do not fit what is found are dropped and the whole segment is read instead.
 */
async function walk(
  input: RecoveryInput,
  segment: Segment,
  fromOffset: number,
  terms: Term[] | undefined,
): Promise<WalkStop> {
  const stored = terms === undefined ? await segment.loadIndexes() : undefined;
  const start = stored === undefined ? undefined : resumeAt(stored, fromOffset);
  if (stored !== undefined && start !== undefined && (await isLargestTrue(segment, stored))) {
    const stop = await walkFrom(input, segment, stored, start, terms);
    if (stop.fault !== INDEX_MISMATCH) return stop;
  }
  const isDamaged = stored === undefined || start !== undefined;
  if (isDamaged && segment.sizeBytes > 0 && terms === undefined) {
    input.env.logger.warn({ path: segment.log.path }, "index missing or damaged; rebuilding it from the log");
  }
  return walkFrom(input, segment, segment.startOver(), { position: 0 }, terms);
}

const INDEX_MISMATCH = "index points elsewhere";

/** Where a walk starts; `lastOffset` is that of the batch there, as the index says. */
interface WalkStart {
  readonly position: number;
  readonly lastOffset?: number;
}

/** The indexed batch where the walk starts, undefined for the segment's beginning; later index entries are dropped. */
function resumeAt(indexes: SegmentIndexes, fromOffset: number): WalkStart | undefined {
  const entry = indexes.offsets.lookup(fromOffset - 1);
  if (entry !== undefined) indexes.truncateAbove(entry.lastOffset);
  return entry;
}

/** True if the largest timestamp that the indexes know is where they say. */
async function isLargestTrue(segment: Segment, indexes: SegmentIndexes): Promise<boolean> {
  const { largest } = indexes;
  return largest !== undefined && (await isTimeEntryTrue(segment, indexes, largest));
}

async function walkFrom(
  input: RecoveryInput,
  segment: Segment,
  indexes: SegmentIndexes,
  start: WalkStart,
  terms: Term[] | undefined,
): Promise<WalkStop> {
  const epochs = terms === undefined ? input.epochs : undefined;
  const largestMs = indexes.largest?.timestampMs ?? -1;
  let expected = start.lastOffset === undefined ? segment.baseOffset : undefined;
  let flushedPosition = start.position;
  const visit = (header: BatchHeader, position: number): string | undefined => {
    const lastOffset = header.baseOffset + header.lastOffsetDelta;
    const isIndexed = expected === undefined;
    if (isIndexed && (lastOffset !== start.lastOffset || header.maxTimestampMs > largestMs)) {
      return INDEX_MISMATCH;
    }
    const fault = faultInPlace(header, expected ?? header.baseOffset, epochs) ?? noteTerm(terms, header);
    if (fault !== undefined) return fault;
    segment.noteBatch(header, lastOffset, position, indexes);
    expected = lastOffset + 1;
    if (header.baseOffset < input.recoveryPoint) flushedPosition = position + header.sizeInBytes;
    return undefined;
  };
  const { sizeBytes } = segment;
  const stop = await segment.log.use((file) => scanBatches(file, start.position, sizeBytes, visit));
  segment.sizeBytes = sizeBytes;
  if (stop.position === start.position && start.lastOffset !== undefined) {
    return { position: stop.position, fault: INDEX_MISMATCH, flushedPosition };
  }
  segment.activate(indexes);
  return { ...stop, flushedPosition };
}

/** Learns the term of a batch from its leader epoch where that is asked for; epochs never fall. */
function noteTerm(terms: Term[] | undefined, { leaderEpoch, baseOffset }: BatchHeader): string | undefined {
  const latest = terms?.at(-1)?.epoch ?? -1;
  if (terms === undefined || leaderEpoch === undefined || leaderEpoch === latest) return undefined;
  if (leaderEpoch < latest) return `leader epoch ${leaderEpoch} after ${latest}`;
  terms.push({ epoch: leaderEpoch, startOffset: baseOffset });
  return undefined;
}

/** Writes the bytes from `start` again and flushes them. They do not change, so a crash meanwhile costs nothing. */
async function rewrite(segment: Segment, start: number): Promise<void> {
  await segment.log.use(async (file) => {
    const buffer = Buffer.allocUnsafe(Math.min(READ_CHUNK_BYTES_MAX, Math.max(1, segment.sizeBytes - start)));
    for (let position = start; position < segment.sizeBytes; ) {
      const wanted = Math.min(buffer.length, segment.sizeBytes - position);
      const read = await file.read(buffer, 0, wanted, position);
      if (read === 0) throw corruptFile(segment.log.path, position, "the file shrank while it was recovered");
      await writeAll(file, segment.log.path, [buffer.subarray(0, read)], position);
      position += read;
    }
    await file.datasync();
  });
}
