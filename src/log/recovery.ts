/**
 * Opens the segments of a partition, after a clean stop or a crash.
 *
 * Only bytes above the recovery point can be torn: everything below it was flushed, and so was every segment but the
 * last, because a roll flushes before it begins a new one. After a crash the last segment is scanned from the
 * recovery point; the first batch that is not whole, right and in its place ends the log, since nothing from there on
 * was promised durable, and the rest is cut. A bad batch below that point is damage and takes the partition offline:
 * nothing is cut. What was scanned is then written again and flushed, because after a failed fsync the page cache may
 * show bytes that the disk never got.
 */
import { READ_CHUNK_BYTES_MAX } from "../base/index.ts";
import { MillraceError } from "../errors/index.ts";
import { BATCH_HEADER_BYTES, type BatchHeader, readBatchHeader } from "../record/index.ts";
import type { LeaderEpochs } from "./leader-epochs.ts";
import type { ProducerState } from "./producer-state.ts";
import { Segment, type SegmentIndexes } from "./segment.ts";
import { scanBatches, type ScanStop } from "./segment-scan.ts";
import { baseOffsetOfLogName, DELETED_SUFFIX, LOG_SUFFIX } from "./segment-names.ts";
import { keepTornTail } from "./torn-tail.ts";
import type { LogEnvironment } from "./types.ts";

/** What is known of a log before its files are read. */
export interface RecoveryInput {
  readonly env: LogEnvironment;
  readonly folder: string;
  /** The last stop was clean: everything was flushed and the indexes are complete. */
  readonly isClean: boolean;
  /** Everything below was flushed; 0 if nothing is known. */
  readonly recoveryPoint: number;
  /** First readable offset as checkpointed; undefined if that checkpoint was lost. */
  readonly logStartOffset: number | undefined;
  readonly indexIntervalBytes: () => number;
  readonly epochs: LeaderEpochs;
  /** The epoch file was unusable: learn the terms from the batches. */
  readonly epochsLost: boolean;
  readonly producers: ProducerState;
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
  const found = await findSegments(input);
  if (found.length === 0) {
    if (
      input.recoveryPoint > 0 ||
      (input.logStartOffset ?? 0) > 0 ||
      input.epochs.latestEpoch !== undefined
    ) {
      throw corrupt(input.folder, 0, "all segments are missing");
    }
    return { segments: found, logStartOffset: 0, logEndOffset: 0 };
  }
  const first = found[0]!;
  if (input.logStartOffset !== undefined && first.baseOffset > input.logStartOffset) {
    const text = `the first segment begins at offset ${first.baseOffset}, the log at ${input.logStartOffset}: a segment is missing`;
    throw corrupt(first.log.path, 0, text);
  }
  const terms: Term[] | undefined =
    input.epochsLost || input.epochs.latestEpoch === undefined ? [] : undefined;
  for (const [number, segment] of found.entries()) {
    const next = found[number + 1];
    if (next === undefined) await settleLast(input, segment, terms);
    else await settleSealed(input, segment, next.baseOffset, terms);
  }
  if (terms !== undefined && terms.length > 0) await input.epochs.rebuild(terms);
  const logEndOffset = found.at(-1)!.nextOffset;
  return { segments: found, logStartOffset: input.logStartOffset ?? first.baseOffset, logEndOffset };
}

/** The segments of the folder by offset. Finishes removals that a crash interrupted; strange files are left alone. */
async function findSegments(input: RecoveryInput): Promise<Segment[]> {
  const { env, folder } = input;
  const segments: Segment[] = [];
  for (const { name, kind } of await env.fs.list(folder)) {
    if (kind !== "file") continue;
    if (isOwnLeftover(name)) {
      await env.fs.remove(`${folder}/${name}`);
      continue;
    }
    const baseOffset = baseOffsetOfLogName(name);
    if (baseOffset === undefined) continue;
    const segment = new Segment(env, folder, baseOffset, input.indexIntervalBytes);
    segment.sizeBytes = (await env.fs.fileSize(segment.log.path)) ?? 0;
    segments.push(segment);
  }
  return segments.sort((a, b) => a.baseOffset - b.baseOffset);
}

function isOwnLeftover(name: string): boolean {
  const stem = name.slice(0, 20);
  return (
    (name.endsWith(DELETED_SUFFIX) && baseOffsetOfLogName(stem + LOG_SUFFIX) !== undefined) ||
    name === "leader-epoch-checkpoint.tmp" ||
    name === "partition.metadata.tmp"
  );
}

async function settleSealed(
  input: RecoveryInput,
  segment: Segment,
  nextBaseOffset: number,
  terms: Term[] | undefined,
): Promise<void> {
  const stop = await walk(input, segment, Number.POSITIVE_INFINITY, terms);
  if (stop.fault !== undefined) throw corrupt(segment.log.path, stop.position, stop.fault);
  if (segment.nextOffset !== nextBaseOffset) {
    const text = `the segment ends at offset ${segment.nextOffset}, the next begins at ${nextBaseOffset}: a segment is missing or out of place`;
    throw corrupt(segment.log.path, stop.position, text);
  }
  await segment.seal();
}

async function settleLast(input: RecoveryInput, segment: Segment, terms: Term[] | undefined): Promise<void> {
  const { env, isClean } = input;
  const flushedEnd = Math.max(input.recoveryPoint, segment.baseOffset);
  const sizeBytes = segment.sizeBytes;
  const stop = await walk(input, segment, isClean ? Number.POSITIVE_INFINITY : flushedEnd, terms);
  if (segment.nextOffset < flushedEnd || (isClean && stop.fault !== undefined)) {
    const fault = stop.fault ?? `the log ends at offset ${segment.nextOffset}`;
    throw corrupt(
      segment.log.path,
      stop.position,
      `${fault}, although everything below offset ${isClean ? "its end" : flushedEnd} was flushed`,
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
  segment.firstAppendMs = await firstTimestamp(segment);
  if (!isClean) await rewrite(segment, stop.startPosition);
}

/**
 * Accounts for the batches of a segment from the last indexed one that holds or precedes `fromOffset`, and checks
 * each in its place. Index entries that do not fit what is found are dropped and the whole segment is read instead.
 */
async function walk(
  input: RecoveryInput,
  segment: Segment,
  fromOffset: number,
  terms: Term[] | undefined,
): Promise<ScanStop & { startPosition: number }> {
  const sizeBytes = segment.sizeBytes;
  const stored = terms === undefined ? await segment.readIndexFiles(sizeBytes) : undefined;
  const start = stored === undefined ? undefined : resumeAt(stored, fromOffset);
  if (stored !== undefined && start !== undefined) {
    const stop = await walkFrom(input, segment, stored, start, sizeBytes, terms);
    if (stop.fault !== INDEX_MISMATCH) return { ...stop, startPosition: start.position };
  }
  if (sizeBytes > 0 && stored === undefined && terms === undefined) {
    input.env.logger.warn({ path: segment.log.path }, "index missing or damaged; rebuilding it from the log");
  }
  const empty = await segment.resetIndexes();
  segment.nextOffset = segment.baseOffset;
  const stop = await walkFrom(input, segment, empty, { position: 0 }, sizeBytes, terms);
  // What lies below the recovery point is flushed, but finding its place would cost as much as writing it again.
  return { ...stop, startPosition: 0 };
}

const INDEX_MISMATCH = "index points elsewhere";

/** Where a walk starts; `lastOffset` is that of the batch there, as the index says. */
interface WalkStart {
  readonly position: number;
  readonly lastOffset?: number;
}

/** Drops the entries beyond the one for `fromOffset`, whose batch is where the walk starts. */
function resumeAt(indexes: SegmentIndexes, fromOffset: number): WalkStart | undefined {
  const entry = indexes.offsets.lookup(fromOffset);
  if (entry === undefined) return undefined;
  indexes.offsets.truncateAbove(entry.lastOffset);
  indexes.times.truncateFrom(entry.lastOffset);
  return entry;
}

async function walkFrom(
  input: RecoveryInput,
  segment: Segment,
  indexes: SegmentIndexes,
  start: WalkStart,
  sizeBytes: number,
  terms: Term[] | undefined,
): Promise<ScanStop> {
  segment.largest = indexes.times.last();
  let expected = start.lastOffset === undefined ? segment.baseOffset : undefined;
  const visit = (header: BatchHeader, position: number): string | undefined => {
    const lastOffset = header.baseOffset + header.lastOffsetDelta;
    if (expected === undefined && lastOffset !== start.lastOffset) return INDEX_MISMATCH;
    const fault = faultInPlace(
      header,
      expected ?? header.baseOffset,
      terms === undefined ? input.epochs : undefined,
    );
    if (fault !== undefined) return fault;
    noteTerm(terms, header);
    if (!input.isClean) {
      input.producers.stage(header, header.baseOffset, header.maxTimestampMs);
      input.producers.commit();
    }
    segment.noteBatch(header, lastOffset, position, indexes);
    expected = lastOffset + 1;
    return undefined;
  };
  const stop = await segment.log.use((file) => scanBatches(file, start.position, sizeBytes, visit));
  if (stop.position === start.position && start.lastOffset !== undefined) {
    return { position: stop.position, fault: INDEX_MISMATCH };
  }
  segment.activate(indexes);
  return stop;
}

/** What is wrong with a batch, whole in itself, at the place where it was found; these fields have no checksum. */
export function faultInPlace(
  header: BatchHeader,
  expectedBaseOffset: number,
  epochs: LeaderEpochs | undefined,
): string | undefined {
  if (header.baseOffset !== expectedBaseOffset) {
    return `base offset ${header.baseOffset} where ${expectedBaseOffset} follows`;
  }
  if (header.leaderEpoch === undefined) return "no leader epoch was stamped";
  const epoch = epochs?.epochOf(header.baseOffset);
  if (epoch !== undefined && header.leaderEpoch !== epoch) {
    return `leader epoch ${header.leaderEpoch} where ${epoch} was in force`;
  }
  return undefined;
}

function noteTerm(terms: Term[] | undefined, header: BatchHeader): void {
  const epoch = header.leaderEpoch;
  if (terms === undefined || epoch === undefined || terms.at(-1)?.epoch === epoch) return;
  terms.push({ epoch, startOffset: header.baseOffset });
}

/** Timestamp of the first batch: the age of the segment, for rolling by time. */
async function firstTimestamp(segment: Segment): Promise<number | undefined> {
  if (segment.sizeBytes === 0) return undefined;
  const head = Buffer.allocUnsafe(BATCH_HEADER_BYTES);
  await segment.log.use((file) => file.read(head, 0, head.length, 0));
  return readBatchHeader(head, 0).maxTimestampMs;
}

/** Writes the bytes from `start` again and flushes them. They do not change, so a crash meanwhile costs nothing. */
async function rewrite(segment: Segment, start: number): Promise<void> {
  await segment.log.use(async (file) => {
    const buffer = Buffer.allocUnsafe(Math.min(READ_CHUNK_BYTES_MAX, Math.max(1, segment.sizeBytes - start)));
    for (let position = start; position < segment.sizeBytes; ) {
      const wanted = Math.min(buffer.length, segment.sizeBytes - position);
      const read = await file.read(buffer, 0, wanted, position);
      if (read === 0) throw corrupt(segment.log.path, position, "the file shrank while it was recovered");
      for (let done = 0; done < read; ) {
        done += await file.write([buffer.subarray(done, read)], position + done);
      }
      position += read;
    }
    await file.datasync();
  });
}

function corrupt(path: string, position: number, fault: string): MillraceError {
  return new MillraceError(
    "LOG_CORRUPT",
    `${path} is damaged at position ${position}: ${fault}. Nothing was cut; restore the file from a copy, or inspect it with "millrace log verify" and delete the topic`,
    { details: { segment: path.split("/").at(-1) ?? path, position } },
  );
}
