import type { PartitionLog } from "../../log/index.ts";
import type { Bell } from "./bell.ts";
import type { IndexEnvironment } from "./index-environment.ts";
import type { IndexWriter } from "./index-writer.ts";
import type { Progress } from "./progress.ts";
import type { StreamGuard } from "./stream-guard.ts";
import type { Sweep } from "./sweep.ts";
import type { Tail } from "./tail.ts";
import type { Waiters } from "./waiters.ts";

/** Runs written at once. */
const RUNS_AT_ONCE = 1_024;

/** What writing notes stands on. */
export interface NoteWriterParts {
  readonly env: IndexEnvironment;
  readonly log: PartitionLog;
  readonly guard: StreamGuard;
  readonly tail: Tail;
  readonly writer: IndexWriter;
  readonly sweep: Sweep;
  readonly progress: Progress;
  readonly waiters: Waiters;
  /** Rings when there may be something to do. */
  readonly bell: Bell;
  /** Called after each write. */
  readonly written: () => void;
}

/** Writes what the guard of a live index notes as soon as it is readable, and between writes sweeps. */
export class NoteWriter {
  readonly #parts: NoteWriterParts;
  #endOffset = Number.POSITIVE_INFINITY;

  constructor(parts: NoteWriterParts) {
    this.#parts = parts;
  }

  /** Lets `run` end with what is readable now, whatever comes behind it. */
  end(): void {
    this.#endOffset = this.#parts.log.highWatermark;
  }

  /** Writes as long as the index is live. Throws what writing the index throws. */
  async run(): Promise<void> {
    const { log, guard, tail, writer, sweep, progress, bell, written } = this.#parts;
    while (guard.isLive) {
      const units = tail.peek(Math.min(log.highWatermark, this.#endOffset), RUNS_AT_ONCE);
      if (units.length > 0) {
        progress.state = await writer.write(units);
        if (guard.isLive) tail.drop(units.length);
        written();
        await this.#linger();
      } else if (this.#isEnding) {
        return;
      } else if (!(await sweep.step())) {
        await bell.heard();
      }
    }
  }

  /** Between two writes, unless somebody waits for the next. */
  async #linger(): Promise<void> {
    const { env, tail, progress, waiters } = this.#parts;
    if (env.writeIntervalMs === 0 || tail.runCount >= RUNS_AT_ONCE) return;
    const isOver = () => progress.isUrgent || this.#isEnding || env.tail.isSpent;
    await waiters.until(isOver, env.writeIntervalMs);
  }

  get #isEnding(): boolean {
    return this.#endOffset !== Number.POSITIVE_INFINITY;
  }
}
