import type { Clock } from "../base/index.ts";
import { MillraceError } from "../errors/index.ts";
import type { PartitionLog } from "../log/index.ts";
import type { FetchedPart, FetchOptions, FetchPosition, ReadResult } from "./types.ts";

/** A position with the log that has it, or why none can be read. */
export interface FetchTarget {
  readonly position: FetchPosition;
  readonly log: PartitionLog | MillraceError;
}

/**
 * Reads several partitions at once and waits, without polling, until there are `minBytes`, something fails, the time
 * is over or the caller gives up.
 */
export async function waitingFetch(
  clock: Clock,
  targets: readonly FetchTarget[],
  options: FetchOptions,
): Promise<FetchedPart[]> {
  const deadlineMs = clock.monotonicMs() + options.maxWaitMs;
  const changes = new ChangeWaiter(targets);
  try {
    for (;;) {
      const parts = await readAll(targets, options.maxBytes);
      const waitMs = deadlineMs - clock.monotonicMs();
      if (isEnough(parts, options.minBytes) || waitMs <= 0 || options.signal?.aborted === true) return parts;
      await changes.next(clock, waitMs, options.signal);
    }
  } finally {
    changes.close();
  }
}

function isEnough(parts: readonly FetchedPart[], minBytes: number): boolean {
  let bytes = 0;
  for (const part of parts) {
    if (part instanceof MillraceError) return true;
    bytes += part.bytes;
  }
  return bytes >= minBytes;
}

async function readAll(targets: readonly FetchTarget[], maxBytes: number): Promise<FetchedPart[]> {
  const parts: FetchedPart[] = [];
  let budget = maxBytes;
  for (const { position, log } of targets) {
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
    return isFirst || read.bytes <= budget ? read : nothingRead(log, position.offset);
  } catch (error) {
    return MillraceError.from(error);
  }
}

function nothingRead(log: PartitionLog, offset: number): ReadResult {
  const { logStartOffset, highWatermark } = log;
  return { chunks: [], bytes: 0, recordCount: 0, nextOffset: offset, logStartOffset, highWatermark };
}

/** Tells when any of the logs changed since it was last asked. */
class ChangeWaiter {
  readonly #logs: readonly PartitionLog[];
  #changed = false;
  #wake: (() => void) | undefined;
  readonly #listener = () => {
    this.#changed = true;
    this.#wake?.();
  };

  constructor(targets: readonly FetchTarget[]) {
    this.#logs = targets.flatMap(({ log }) => (log instanceof MillraceError ? [] : [log]));
    for (const log of this.#logs) log.listen(this.#listener);
  }

  async next(clock: Clock, waitMs: number, signal: AbortSignal | undefined): Promise<void> {
    if (!this.#changed) {
      await new Promise<void>((resolve) => {
        const timer = clock.schedule(Math.ceil(waitMs), resolve);
        signal?.addEventListener("abort", () => resolve(), { once: true });
        this.#wake = () => {
          timer.cancel();
          resolve();
        };
      });
      this.#wake = undefined;
    }
    this.#changed = false;
  }

  close(): void {
    for (const log of this.#logs) log.unlisten(this.#listener);
  }
}
