import { BATCH_BYTES_MAX, type Clock, type Timer } from "../base/index.ts";
import type { PartitionLog } from "../log/index.ts";
import type { FetchOptions, ReadRoom } from "./types.ts";

/** A partition that a fetch waits for. */
export interface WatchedPart {
  readonly log: PartitionLog;
  /** Where the fetch will read, and at most how much. */
  readonly offset: number;
  readonly maxBytes: number;
  /** Bytes that were there when the wait began, and the offset that follows them. */
  readonly bytes: number;
  readonly nextOffset: number;
}

interface Watched {
  readonly log: PartitionLog;
  readonly offset: number;
  readonly maxBytes: number;
  readonly listener: () => void;
  /** Everything below is counted. */
  countedTo: number;
  bytes: number;
  hasChanged: boolean;
}

/**
 * Counts the bytes that come to the partitions of a fetch while it waits. Each is read once to be counted and let go
 * of: a fetch that waits holds no bytes, however many wait, and no room for any.
 */
export class GrowthWatch {
  readonly #parts: readonly Watched[];
  readonly #signal: AbortSignal | undefined;
  readonly #room: ReadRoom | undefined;
  readonly #timer: Timer;
  readonly #wakeUp = () => {
    this.#hasNews = true;
    this.#wake?.();
  };
  readonly #endWait = () => {
    this.#isOver = true;
    this.#room?.giveBack(); // a count that waits for room is not wanted any more
    this.#wakeUp();
  };
  #hasNews = true;
  #isOver = false;
  #wake: (() => void) | undefined;

  /** Watches until `close`, and waits for at most `maxWaitMs`, or until the signal. */
  constructor(parts: readonly WatchedPart[], clock: Clock, { maxWaitMs, signal, room }: FetchOptions) {
    this.#parts = parts.map((part) => this.#watch(part));
    this.#timer = clock.schedule(Math.ceil(maxWaitMs), this.#endWait);
    this.#room = room;
    this.#signal = signal;
    signal?.addEventListener("abort", this.#endWait);
    if (signal?.aborted === true) this.#isOver = true;
  }

  /** Resolves when `minBytes` can be read, a part cannot be read, or the wait is over. Never fails. */
  async enough(minBytes: number): Promise<void> {
    while (!this.#isOver) {
      if (!this.#hasNews) {
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
        continue;
      }
      this.#hasNews = false;
      if (await this.#count(minBytes)) return;
    }
  }

  close(): void {
    for (const { log, listener } of this.#parts) log.unlisten(listener);
    this.#timer.cancel();
    this.#signal?.removeEventListener("abort", this.#endWait);
  }

  #watch({ log, offset, maxBytes, bytes, nextOffset }: WatchedPart): Watched {
    const listener = () => {
      part.hasChanged = true;
      this.#wakeUp();
    };
    const part: Watched = { log, offset, maxBytes, listener, countedTo: nextOffset, bytes, hasChanged: true };
    log.listen(listener);
    return part;
  }

  /** Whether there is enough, or a part that cannot be read, which the fetch then finds out for itself. */
  async #count(minBytes: number): Promise<boolean> {
    for (const part of this.#parts) {
      if (!part.hasChanged) continue;
      part.hasChanged = false;
      try {
        const isOver = () => this.#isOver;
        const wanted = Math.min(minBytes, part.maxBytes);
        while (part.bytes < wanted && (await countOnce(part, minBytes, this.#room, isOver)));
      } catch {
        return true;
      }
      if (part.log.logStartOffset > part.offset) return true;
    }
    let bytes = 0;
    for (const part of this.#parts) bytes += Math.min(part.bytes, part.maxBytes);
    return bytes >= minBytes;
  }
}

/** Reads once what came, and lets go of it. False if there was nothing, or nobody wants it any more. */
async function countOnce(
  part: Watched,
  minBytes: number,
  room: ReadRoom | undefined,
  isOver: () => boolean,
): Promise<boolean> {
  const { log } = part;
  try {
    if (log.highWatermark > part.countedTo) await room?.take(BATCH_BYTES_MAX);
    if (isOver()) return false;
    const { bytes, nextOffset, release } = await log.read(part.countedTo, minBytes);
    release?.();
    part.bytes += bytes;
    part.countedTo = nextOffset;
    return bytes > 0;
  } finally {
    room?.giveBack();
  }
}
