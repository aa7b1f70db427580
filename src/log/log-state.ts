import { assert } from "../base/index.ts";
import type { MillraceError } from "../errors/index.ts";
import type { Segment } from "./segment.ts";

/** Hears that something about a log changed: more to read, less to read, or offline. */
export type LogListener = () => void;

/** What the parts of one partition log share: its segments and the offsets that bound it. */
export class LogState {
  /** `<topic>-<partition>`, for errors and logs. */
  readonly name: string;
  readonly folder: string;
  /** By base offset; the last is the active one. Empty until the first append. */
  readonly segments: Segment[];
  /** First readable offset. Never decreases. */
  logStartOffset: number;
  /** Next offset to assign, exclusive end of what was written. */
  logEndOffset: number;
  /** Everything below is flushed. */
  durableOffset: number;
  /** End of what consumers may read, exclusive. Never decreases. */
  #highWatermark: number;
  #failure: MillraceError | undefined;
  readonly #listeners = new Set<LogListener>();

  constructor(
    name: string,
    folder: string,
    segments: Segment[],
    logStartOffset: number,
    logEndOffset: number,
  ) {
    assert(logStartOffset <= logEndOffset, `the log start offset of ${name} is not beyond its end`);
    this.name = name;
    this.folder = folder;
    this.segments = segments;
    this.logStartOffset = logStartOffset;
    this.logEndOffset = logEndOffset;
    this.durableOffset = logEndOffset;
    this.#highWatermark = logEndOffset;
  }

  get highWatermark(): number {
    return this.#highWatermark;
  }

  get activeSegment(): Segment | undefined {
    return this.segments.at(-1);
  }

  /** Bytes of all segments. */
  get sizeBytes(): number {
    let bytes = 0;
    for (const segment of this.segments) bytes += segment.sizeBytes;
    return bytes;
  }

  /** Why the log is offline, if it is. */
  get failure(): MillraceError | undefined {
    return this.#failure;
  }

  /** Takes the log offline for good; the first failure stays. */
  fail(error: MillraceError): void {
    this.#failure ??= error;
    this.notify();
  }

  advanceHighWatermark(offset: number): void {
    if (offset <= this.#highWatermark) return;
    assert(offset <= this.logEndOffset, `the high watermark of ${this.name} stays within the log`);
    this.#highWatermark = offset;
    this.notify();
  }

  /** The segment that holds the offset or, if none does, the one before it. */
  segmentFor(offset: number): Segment | undefined {
    let low = 0;
    let high = this.segments.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.segments[middle]!.baseOffset <= offset) low = middle + 1;
      else high = middle;
    }
    return this.segments[low - 1];
  }

  listen(listener: LogListener): void {
    this.#listeners.add(listener);
  }

  unlisten(listener: LogListener): void {
    this.#listeners.delete(listener);
  }

  notify(): void {
    for (const listener of this.#listeners) listener();
  }
}
