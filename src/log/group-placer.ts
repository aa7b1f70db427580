import { MillraceError } from "../errors/index.ts";
import { type BatchHeader, stampAppendTime, stampBatch } from "../record/index.ts";
import type { AppendCondition, AppendGuard } from "./append-guard.ts";
import type { LogState } from "./log-state.ts";
import type { ProducerState } from "./producer-state.ts";
import type { Segment } from "./segment.ts";
import type { AppendResult, Durability, LogConfig, LogEnvironment } from "./types.ts";

/** Most bytes and buffers of one vectored write. */
const GROUP_BYTES_MAX = 1_048_576;
const GROUP_BATCHES_MAX = 512;
/** Kafka's indexes hold offsets relative to the segment's base in 32 bits. */
export const RELATIVE_OFFSET_MAX = 2 ** 31 - 1;

/** A checked batch that waits to be written. */
export interface Pending {
  readonly batch: Buffer;
  readonly header: BatchHeader;
  readonly durability: Durability;
  readonly condition: AppendCondition | undefined;
  readonly resolve: (result: AppendResult) => void;
  readonly reject: (error: MillraceError) => void;
}

/** A batch with its place in the log. */
export interface Placed {
  readonly pending: Pending;
  readonly header: BatchHeader;
  readonly baseOffset: number;
  readonly duplicate: boolean;
}

/** Where a batch would go, and on which terms. */
interface PlaceTerms {
  readonly nextOffset: number;
  readonly guard: AppendGuard | undefined;
  readonly config: LogConfig;
  readonly nowMs: number;
}

/** What placing needs to know. */
export interface PlacerParts {
  readonly env: LogEnvironment;
  readonly state: LogState;
  readonly producers: ProducerState;
  readonly leaderEpoch: number;
  readonly config: () => LogConfig;
}

/** Decides which of the waiting batches go into one write, and gives them their offsets. */
export class GroupPlacer {
  readonly #parts: PlacerParts;

  constructor(parts: PlacerParts) {
    this.#parts = parts;
  }

  /**
   * Places and stamps batches from the front of the queue, as many as fit one write and the segment; at least one if
   * the segment is empty or has room for it. `taken` counts the refused ones too, which are answered here.
   */
  place(
    queue: readonly Pending[],
    segment: Segment,
    guard?: AppendGuard,
  ): { readonly placed: Placed[]; readonly taken: number } {
    const { state, env } = this.#parts;
    const config = this.#parts.config();
    const nowMs = env.clock.nowMs();
    const placed: Placed[] = [];
    let nextOffset = state.logEndOffset;
    let bytes = 0;
    let taken = 0;
    for (const pending of queue) {
      const groupBytes = bytes + pending.batch.length;
      const isGroupFull = bytes > 0 && groupBytes > GROUP_BYTES_MAX;
      const isFull = isGroupFull || segment.sizeBytes + groupBytes > config.segmentBytes;
      const isTooFar = nextOffset + pending.header.recordCount - segment.baseOffset > RELATIVE_OFFSET_MAX;
      const isFirstInSegment = segment.sizeBytes + bytes === 0;
      if (taken === GROUP_BATCHES_MAX || (!isFirstInSegment && (isFull || isTooFar))) break;
      taken++;
      const item = this.#place(pending, { nextOffset, guard, config, nowMs });
      if (item === undefined) continue;
      placed.push(item);
      if (item.duplicate) continue;
      nextOffset += item.header.recordCount;
      bytes = groupBytes;
    }
    return { placed, taken };
  }

  /** A batch that the log has already, with its place there; undefined if it does not, or if it does not follow. */
  placeKnown(pending: Pending): Placed | undefined {
    try {
      return this.#known(pending, this.#parts.env.clock.nowMs());
    } catch (error) {
      if (error instanceof MillraceError) return undefined;
      throw error;
    }
  }

  #known(pending: Pending, nowMs: number): Placed | undefined {
    const verdict = this.#parts.producers.check(pending.header, nowMs);
    if (verdict === undefined) return undefined;
    const { baseOffset, timestampMs } = verdict.duplicateOf;
    const header = { ...pending.header, maxTimestampMs: timestampMs };
    return { pending, header, baseOffset, duplicate: true };
  }

  /** Gives a batch its offset, or that of the first time it came; refuses it if its sequence or the guard says so. */
  #place(pending: Pending, { nextOffset, guard, config, nowMs }: PlaceTerms): Placed | undefined {
    const { producers } = this.#parts;
    try {
      const known = this.#known(pending, nowMs);
      if (known !== undefined) return known;
      this.#ask(pending, nextOffset, guard);
    } catch (error) {
      pending.reject(MillraceError.from(error));
      return undefined;
    }
    const header = this.#stamp(pending, nextOffset, config, nowMs);
    producers.stage(header, nextOffset, nowMs);
    return { pending, header, baseOffset: nextOffset, duplicate: false };
  }

  #ask({ batch, header, condition }: Pending, baseOffset: number, guard: AppendGuard | undefined): void {
    if (guard !== undefined) guard.place({ batch, header, baseOffset, condition });
    else if (condition !== undefined) throw noGuard(this.#parts.state.name);
  }

  #stamp(pending: Pending, baseOffset: number, config: LogConfig, nowMs: number): BatchHeader {
    const { batch, header } = pending;
    stampBatch(batch, 0, baseOffset, this.#parts.leaderEpoch);
    if (config.timestampType === "create") return header;
    stampAppendTime(batch, 0, nowMs);
    return { ...header, timestampType: "append", maxTimestampMs: nowMs };
  }
}

/** The config was changed while the append waited. */
function noGuard(name: string): MillraceError {
  const text = `partition ${name} takes no appends with a condition any more: its topic has no stream.index=true now`;
  return new MillraceError("INVALID_REQUEST", text, { details: { partition: name } });
}
