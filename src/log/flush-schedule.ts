import { TIMER_MS_MAX } from "../base/index.ts";
import type { GroupCommit } from "./group-commit.ts";
import type { LogState } from "./log-state.ts";
import type { LogConfig, LogEnvironment } from "./types.ts";

/** With flush mode "written": flushes by count and by time, as `flush.messages` and `flush.ms` say. */
export class FlushSchedule {
  readonly #env: LogEnvironment;
  readonly #state: LogState;
  readonly #commit: GroupCommit;
  #isDue = false;
  #isClosed = false;

  constructor(env: LogEnvironment, state: LogState, commit: GroupCommit) {
    this.#env = env;
    this.#state = state;
    this.#commit = commit;
  }

  /** Something was written. */
  written({ flushMessages, flushMs }: LogConfig): void {
    const unflushed = this.#state.logEndOffset - this.#state.durableOffset;
    if (unflushed === 0) return;
    if (flushMessages !== undefined && unflushed >= flushMessages) this.#commit.request();
    if (flushMs === undefined || this.#isDue) return;
    this.#isDue = true;
    this.#env.clock.schedule(Math.min(flushMs, TIMER_MS_MAX), () => {
      this.#isDue = false;
      if (!this.#isClosed) this.#commit.request();
    });
  }

  /** Flushes nothing more. */
  close(): void {
    this.#isClosed = true;
  }
}
