import type { PartitionLog } from "../../log/index.ts";
import type { Bell } from "./bell.ts";
import { CatchUp } from "./catch-up.ts";
import type { HeadMap } from "./head-map.ts";
import type { IndexEnvironment } from "./index-environment.ts";
import type { IndexWriter } from "./index-writer.ts";
import type { Progress } from "./progress.ts";
import type { StreamGuard } from "./stream-guard.ts";

/** What joining stands on. */
export interface JoiningParts {
  readonly name: string;
  readonly env: IndexEnvironment;
  readonly log: PartitionLog;
  readonly heads: HeadMap;
  readonly writer: IndexWriter;
  readonly guard: StreamGuard;
  readonly progress: Progress;
  /** Rings when log, writes or index have changed. */
  readonly bell: Bell;
  /** The index is given up or built again. */
  readonly isOver: () => boolean;
  /** Called whenever the index has come further, or whoever writes may have to wait no more. */
  readonly changed: () => void;
}

/** Brings an index to the end of its log: reads what it lacks, then lets its guard go live. */
export class Joining {
  readonly #parts: JoiningParts;
  #catchUp: CatchUp | undefined;
  /** No batch may be written until the index is live. */
  #isClose = false;

  constructor(parts: JoiningParts) {
    this.#parts = parts;
  }

  /** Whoever writes has to wait. */
  get holdsWriters(): boolean {
    return this.#isClose || this.#catchUp?.isOutrun === true;
  }

  /** Returns when the guard is live, or it is over. Throws what reading the log and writing the index throw. */
  async run(): Promise<void> {
    const { name, env, log, heads, writer, progress, bell, isOver, changed } = this.#parts;
    const { clock, logger, catchUps } = env;
    const catchUp = new CatchUp({ name, log, heads, writer, clock, logger }, progress.state);
    this.#catchUp = catchUp;
    try {
      while (!isOver()) {
        if (!catchUp.isAtEnd) {
          await catchUps.run(() => catchUp.step());
          progress.state = catchUp.state;
          changed();
        } else if (this.#isAllReadable && (await this.#goLive(catchUp))) {
          catchUp.finished();
          return;
        } else {
          // Whoever writes pauses until everything written is readable: then nothing is between log and index.
          this.#isClose = true;
          await bell.heard();
        }
      }
    } finally {
      this.#catchUp = undefined;
      this.#isClose = false;
      changed();
    }
  }

  /** Between two writes: one under way might not have been placed before the guard as it is. */
  #goLive(catchUp: CatchUp): Promise<boolean> {
    const { log, guard, isOver } = this.#parts;
    return log.betweenWrites(() => {
      const isCurrent = catchUp.isAtEnd && this.#isAllReadable && !isOver();
      if (isCurrent) guard.goLive();
      return isCurrent;
    });
  }

  /** Of a log that is offline what is not readable never will be. */
  get #isAllReadable(): boolean {
    const { logEndOffset, highWatermark, failure } = this.#parts.log;
    return logEndOffset === highWatermark || failure !== undefined;
  }
}
