import type { Clock, Logger } from "../../base/index.ts";
import type { PartitionLog } from "../../log/index.ts";
import type { AppliedState } from "../store/index-values.ts";
import type { HeadMap } from "./head-map.ts";
import type { IndexWriter } from "./index-writer.ts";
import { noteRead } from "./log-notes.ts";

/** Bytes read from the log at once. */
const READ_BYTES = 262_144;
/** How often a long catch-up tells how far it is. */
const TELL_EVERY_MS = 5_000;
/** Appends may be this far ahead, beside what the log had. */
const LAG_FREE = 100_000;

/** What catching up stands on. */
export interface CatchUpParts {
  readonly name: string;
  readonly log: PartitionLog;
  readonly heads: HeadMap;
  readonly writer: IndexWriter;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Takes a log into the index by reading it, from where the index is. */
export class CatchUp {
  readonly #parts: CatchUpParts;
  readonly #fromOffset: number;
  readonly #lagAtStart: number;
  readonly #startedMs: number;
  #toldMs: number;
  #state: AppliedState;

  constructor(parts: CatchUpParts, state: AppliedState) {
    this.#parts = parts;
    this.#state = state;
    this.#fromOffset = state.appliedOffset;
    this.#lagAtStart = parts.log.logEndOffset - state.appliedOffset;
    this.#startedMs = parts.clock.monotonicMs();
    this.#toldMs = this.#startedMs;
  }

  get state(): AppliedState {
    return this.#state;
  }

  /** Everything readable is in the index. */
  get isAtEnd(): boolean {
    return this.#state.appliedOffset >= this.#parts.log.highWatermark;
  }

  /**
   * Appends are so far ahead that they have to wait. They may add half as much as is taken in, so that the index comes
   * to the end of the log whatever producers do.
   */
  get isOutrun(): boolean {
    const { log } = this.#parts;
    const done = this.#state.appliedOffset - this.#fromOffset;
    const lagMax = this.#lagAtStart + LAG_FREE - done / 2;
    return log.logEndOffset - this.#state.appliedOffset > Math.max(0, lagMax);
  }

  /** Takes the next piece in. Throws what reading the log and writing the index throw. */
  async step(): Promise<void> {
    const { log, heads, writer } = this.#parts;
    const { appliedOffset } = this.#state;
    const read = await log.read(appliedOffset, READ_BYTES);
    try {
      const unit = await noteRead(read.chunks, appliedOffset, heads);
      if (unit.endOffset > appliedOffset) this.#state = await writer.write([unit]);
    } finally {
      read.release?.();
    }
    this.#tell();
  }

  /** Tells that the end is reached, if that took long. */
  finished(): void {
    if (this.#toldMs === this.#startedMs) return;
    const { name: partition, logger } = this.#parts;
    logger.info({ partition, records: this.#done, recordsPerS: this.#speed }, "stream index caught up");
  }

  #tell(): void {
    const { name: partition, clock, logger, log } = this.#parts;
    if (clock.monotonicMs() - this.#toldMs < TELL_EVERY_MS) return;
    this.#toldMs = clock.monotonicMs();
    const left = log.highWatermark - this.#state.appliedOffset;
    const percent = Math.floor((100 * this.#done) / (this.#done + left));
    const progress = { partition, records: this.#done, left, percent, recordsPerS: this.#speed };
    logger.info(progress, "stream index catching up with the log");
  }

  get #done(): number {
    return this.#state.appliedOffset - this.#fromOffset;
  }

  get #speed(): number {
    const tookMs = Math.max(1, this.#parts.clock.monotonicMs() - this.#startedMs);
    return Math.round((1_000 * this.#done) / tookMs);
  }
}
