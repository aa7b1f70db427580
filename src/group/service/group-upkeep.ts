import { afterTurn, type Clock, type Logger, type Timer } from "../../base/index.ts";
import { MillraceError } from "../../errors/index.ts";
import type { GroupRegistry } from "./group-registry.ts";
import { forgetIdleGroup } from "./idle-groups.ts";
import type { LiveGroup } from "./live-group.ts";
import { expireOffsets, forgetDeletedTopics } from "./offsets-upkeep.ts";
import type { TopicCatalogue } from "../ports.ts";

/** Time between two looks at the committed offsets: when they expire, and what could not be done before. */
const INTERVAL_MS = 60_000;
/** Time after a change of topics: more changes may follow. */
const DELAY_MS = 1_000;
/** Groups that are looked at before others have their turn. */
const GROUPS_AT_ONCE = 100;

/** What the upkeep of groups needs. */
export interface GroupUpkeepParts {
  readonly catalogue: Pick<TopicCatalogue, "topic">;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly offsetsRetentionMs?: number | undefined;
}

/** Lets committed offsets expire, and forgets those of deleted topics and groups that have nothing. What fails is done at the next turn. */
export class GroupUpkeep {
  readonly #parts: GroupUpkeepParts;
  readonly #groups: GroupRegistry;
  #timer: Timer | undefined;
  #isRunning = false;
  /** Topics changed since the last turn began. */
  #isDue = false;
  #isClosed = false;

  constructor(parts: GroupUpkeepParts, groups: GroupRegistry) {
    this.#parts = parts;
    this.#groups = groups;
  }

  /** Takes a turn now and then. */
  begin(): void {
    this.#schedule(DELAY_MS);
  }

  /** Takes a turn soon. */
  topicsChanged(): void {
    if (this.#isDue) return;
    this.#isDue = true;
    if (!this.#isRunning) this.#schedule(DELAY_MS);
  }

  close(): void {
    this.#isClosed = true;
    this.#timer?.cancel();
  }

  #schedule(delayMs: number): void {
    this.#timer?.cancel();
    if (!this.#isClosed) this.#timer = this.#parts.clock.schedule(delayMs, () => void this.#run());
  }

  /** Never throws: what a group could not do is logged. */
  async #run(): Promise<void> {
    this.#isRunning = true;
    this.#isDue = false;
    for (const [index, group] of [...this.#groups.all()].entries()) {
      if (index % GROUPS_AT_ONCE === GROUPS_AT_ONCE - 1) await new Promise<void>(afterTurn);
      if (!this.#isClosed) await this.#tend(group);
    }
    this.#isRunning = false;
    this.#schedule(this.#isDue ? DELAY_MS : INTERVAL_MS);
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
      await forgetIdleGroup(group, this.#groups, () => clock.nowMs());
    } catch (error) {
      const { message } = MillraceError.from(error);
      logger.warn({ group: group.name, error: message }, "group not tidied yet");
    }
  }
}
