import type { MillraceError } from "../errors/index.ts";
import type { GroupCommit } from "./group-commit.ts";
import type { Placed } from "./group-placer.ts";
import type { LogState } from "./log-state.ts";
import type { AppendResult, LogConfig } from "./types.ts";

/** What answering appends needs to know. */
export interface AnswerParts {
  readonly state: LogState;
  readonly commit: GroupCommit;
  readonly config: () => LogConfig;
}

/** Answers the appends of one write after another, each when it is as durable as it asked. */
export class AppendAnswers {
  readonly #parts: AnswerParts;
  /** Written, accounted for, and not answered yet. */
  #written: readonly Placed[] = [];

  constructor(parts: AnswerParts) {
    this.#parts = parts;
  }

  /** The batches of a write are in the log; they are answered by the next `acknowledge`. */
  wrote(placed: readonly Placed[]): void {
    this.#written = placed;
  }

  /** Answers the batches of the write before; a log that has failed meanwhile acknowledges nothing more. */
  acknowledge(): void {
    const placed = this.#written;
    this.#written = [];
    const { failure } = this.#parts.state;
    for (const item of placed) {
      if (failure === undefined) this.acknowledgeOne(item);
      else item.pending.reject(failure);
    }
  }

  /** Refuses a batch that was to be written, but not one that the log has from an earlier write. */
  refuse(item: Placed, refusal: MillraceError): void {
    const { failure, logEndOffset } = this.#parts.state;
    if (failure === undefined && item.duplicate && item.baseOffset < logEndOffset) this.acknowledgeOne(item);
    else item.pending.reject(refusal);
  }

  /** Answers when the batch is as durable as asked for. A duplicate waits as the original would. */
  acknowledgeOne({ pending, header, baseOffset, duplicate }: Placed): void {
    const result: AppendResult = {
      baseOffset,
      recordCount: header.recordCount,
      timestampMs: header.maxTimestampMs,
      durability: pending.durability,
      duplicate,
    };
    const { commit, config } = this.#parts;
    const endOffset = baseOffset + header.recordCount;
    if (pending.durability === "durable") {
      commit.whenDurable(endOffset, () => pending.resolve(result), pending.reject);
      return;
    }
    pending.resolve(result);
    if (config().flushMode === "durable") commit.request();
  }
}
