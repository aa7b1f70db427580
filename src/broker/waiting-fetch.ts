import { BATCH_BYTES_MAX, type Clock } from "../base/index.ts";
import { MillraceError } from "../errors/index.ts";
import type { PartitionLog } from "../log/index.ts";
import { GrowthWatch, type WatchedPart } from "./growth-watch.ts";
import type { FetchedPart, FetchOptions, FetchPosition, ReadResult } from "./types.ts";

/** A position with the log that has it, or why none can be read. */
export interface FetchTarget {
  readonly position: FetchPosition;
  readonly log: PartitionLog | MillraceError;
}

/**
 * Reads several partitions at once and waits, without polling, until there are `minBytes`, something fails, the time
 * is over or the caller gives up. What is there when the wait begins is let go of and read again when it ends; room is
 * taken for no longer than that.
 */
export async function waitingFetch(
  clock: Clock,
  targets: readonly FetchTarget[],
  options: FetchOptions,
): Promise<FetchedPart[]> {
  const { minBytes, maxWaitMs } = options;
  const parts = await readAll(targets, options);
  if (maxWaitMs <= 0 || isEnough(parts, minBytes)) return parts;
  const watch = new GrowthWatch(watchedParts(targets, parts), clock, options);
  options.room?.giveBack();
  // Not awaited here: this call and the parts that it read must not live as long as the wait.
  return watch
    .enough(minBytes)
    .finally(() => watch.close())
    .then(() => readAll(targets, options));
}

/** The targets, with what was read of them only as numbers. */
function watchedParts(targets: readonly FetchTarget[], parts: readonly FetchedPart[]): WatchedPart[] {
  return targets.flatMap(({ position, log }, index): WatchedPart[] => {
    const part = parts[index]!;
    if (log instanceof MillraceError || part instanceof MillraceError) return [];
    part.release?.();
    const { bytes, nextOffset } = part;
    return [{ log, offset: position.offset, maxBytes: position.maxBytes, bytes, nextOffset }];
  });
}

function isEnough(parts: readonly FetchedPart[], minBytes: number): boolean {
  let bytes = 0;
  for (const part of parts) {
    if (part instanceof MillraceError) return true;
    bytes += part.bytes;
  }
  return bytes >= minBytes;
}

async function readAll(
  targets: readonly FetchTarget[],
  { maxBytes, room }: FetchOptions,
): Promise<FetchedPart[]> {
  const parts: FetchedPart[] = [];
  // The last batch read may be one that exceeds the budget.
  const bytesMax = targets.length > 1 ? maxBytes + BATCH_BYTES_MAX : BATCH_BYTES_MAX;
  let hasRoom = room === undefined;
  let budget = maxBytes;
  for (const { position, log } of targets) {
    if (!hasRoom && !(log instanceof MillraceError) && log.highWatermark > position.offset) {
      await room?.take(bytesMax);
      hasRoom = true;
    }
    const part =
      log instanceof MillraceError ? log : await readPart(log, position, budget, budget === maxBytes);
    if (!(part instanceof MillraceError)) budget -= part.bytes;
    parts.push(part);
  }
  return parts;
}

/** Reads one part; beyond the first data a batch that exceeds the budget is left for the next fetch. */
async function readPart(
  log: PartitionLog,
  position: FetchPosition,
  budget: number,
  isFirst: boolean,
): Promise<FetchedPart> {
  try {
    const limit = Math.min(position.maxBytes, budget);
    const read = limit > 0 ? await log.read(position.offset, limit) : nothingRead(log, position.offset);
    if (isFirst || read.bytes <= budget) return read;
    read.release?.();
    return nothingRead(log, position.offset);
  } catch (error) {
    return MillraceError.from(error);
  }
}

function nothingRead(log: PartitionLog, offset: number): ReadResult {
  const { logStartOffset, highWatermark } = log;
  return { offset, chunks: [], bytes: 0, recordCount: 0, nextOffset: offset, logStartOffset, highWatermark };
}
