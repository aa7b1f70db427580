import type { Clock, Logger, Timer } from "../base/index.ts";
import { MillraceError } from "../errors/index.ts";
import type { LiveGroup } from "./live-group.ts";
import { expireOffsets, forgetDeletedTopics } from "./offsets-upkeep.ts";
import type { TopicCatalogue } from "./ports.ts";

/** Time between two looks at the committed offsets: when they expire, and what could not be done before. */
const INTERVAL_MS = 60_000;

/** What the upkeep of groups needs. */
export interface GroupUpkeepParts {
  readonly catalogue: Pick<TopicCatalogue, "topic">;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly offsetsRetentionMs?: number | undefined;
}

/** Lets committed offsets expire and forgets those of deleted topics. What fails is done at the next turn. */
export class GroupUpkeep {
  readonly #parts: GroupUpkeepParts;
  readonly #groups: () => Iterable<LiveGroup>;
  #timer: Timer | undefined;
  #isRunning = false;
  /** Topics changed since the last turn looked at them. */
  #isDue = false;
  #isClosed = false;

  constructor(parts: GroupUpkeepParts, groups: () => Iterable<LiveGroup>) {
    this.#parts = parts;
    this.#groups = groups;
  }

  /** Takes the first turn, and from then on one at regular times. */
  begin(): void {
    this.topicsChanged();
  }

  /** Takes a turn soon. */
  topicsChanged(): void {
    this.#isDue = true;
    if (!this.#isRunning && !this.#isClosed) void this.#run();
  }

  close(): void {
    this.#isClosed = true;
    this.#timer?.cancel();
  }

  /** Never throws: what a group could not do is logged. */
  async #run(): Promise<void> {
    this.#isRunning = true;
    this.#timer?.cancel();
    while (this.#isDue && !this.#isClosed) {
      this.#isDue = false;
      for (const group of [...this.#groups()]) if (!this.#isClosed) await this.#tend(group);
    }
    this.#isRunning = false;
    if (this.#isClosed) return;
    this.#timer = this.#parts.clock.schedule(INTERVAL_MS, () => this.topicsChanged());
  }

  async #tend(group: LiveGroup): Promise<void> {
    const { catalogue, clock, logger, offsetsRetentionMs } = this.#parts;
    try {
      const failure =
        (await forgetDeletedTopics(group, catalogue)) ??
        (offsetsRetentionMs === undefined
          ? undefined
          : await expireOffsets(group, offsetsRetentionMs, clock));
      if (failure !== undefined) throw failure;
    } catch (error) {
      const { message } = MillraceError.from(error);
      logger.warn({ group: group.name, error: message }, "committed offsets not tidied yet");
    }
  }
}
