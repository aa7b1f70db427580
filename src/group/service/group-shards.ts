import { type Clock, type Logger, sleep } from "../../base/index.ts";
import { MillraceError } from "../../errors/index.ts";
import { type LoadedGroup, loadGroups } from "./load-groups.ts";
import { LogAppender } from "../storage/log-appender.ts";
import type { GroupLog, GroupLogs, TopicCatalogue } from "../ports.ts";
import { RecoveredEnds } from "./recovered-ends.ts";

/** The groups of one log: where they are stored, and why none of them can be served, if so. */
export interface GroupShard {
  readonly log: GroupLog;
  readonly appender: LogAppender;
  failure: MillraceError | undefined;
}

/** What the logs of groups need. */
export interface GroupShardsParts {
  readonly logs: GroupLogs;
  readonly catalogue: Pick<TopicCatalogue, "topics" | "bounds">;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Failures that pass: a log is read again once they have. */
const PASSING: readonly string[] = ["OVERLOADED", "STORAGE_FULL"];
const RETRY_MS = 1_000;
const TAILS_LOST = "committed offsets expired: they lie above the ends of logs that lost their tails";

/** Takes what a log has over. */
export type Loaded = (shard: GroupShard, groups: ReadonlyMap<string, LoadedGroup>) => void;

/** The logs of groups in service. */
export class GroupShards {
  readonly #logs: GroupLogs;
  readonly #catalogue: GroupShardsParts["catalogue"];
  readonly #clock: Clock;
  readonly #logger: Logger;
  #shards: readonly GroupShard[] | undefined;
  #isStopped = false;
  #stop = (): void => undefined;
  /** Resolves when loading is not wanted any more. */
  readonly #stopped = new Promise<void>((resolve) => {
    this.#stop = resolve;
  });

  constructor(parts: GroupShardsParts) {
    this.#logs = parts.logs;
    this.#catalogue = parts.catalogue;
    this.#clock = parts.clock;
    this.#logger = parts.logger;
  }

  /** Whether there were groups before. */
  get exist(): boolean {
    return this.#logs.existing() !== undefined;
  }

  /** Where a group is stored; the logs are made if there are none. Throws why its log cannot be used. */
  async of(group: string): Promise<GroupShard> {
    if (this.#shards === undefined) {
      const logs = await this.#logs.create();
      // Others may have waited for the same: a log has one appender.
      this.#shards ??= shardsOf(logs);
    }
    return usable(this.#shards[this.#logs.numberOf(group, this.#shards.length)]!);
  }

  /** Throws why the log of a group cannot be used, if there is one that cannot. */
  requireUsable(group: string): void {
    if (this.#shards !== undefined) usable(this.#shards[this.#logs.numberOf(group, this.#shards.length)]!);
  }

  /**
   * Reads all logs that there are, and hands over what each has; a log that cannot be read is out of use. To be called
   * before anything is appended to a topic.
   */
  async load(loaded: Loaded): Promise<void> {
    const logs = this.#logs.existing();
    if (logs === undefined) return;
    this.#shards = shardsOf(logs);
    const ends = new RecoveredEnds(this.#catalogue);
    for (const shard of this.#shards) {
      if (!this.#isStopped) shard.failure = await this.#load(shard, ends, loaded);
    }
  }

  /** Ends a wait for what cannot be read now. */
  stop(): void {
    this.#isStopped = true;
    this.#stop();
  }

  /** Resolves when nothing waits for its append that came before. */
  async settled(): Promise<void> {
    await Promise.all((this.#shards ?? []).map(({ appender }) => appender.settled()));
  }

  /** Returns why it could not. */
  async #load(shard: GroupShard, ends: RecoveredEnds, loaded: Loaded): Promise<MillraceError | undefined> {
    for (;;) {
      try {
        const groups = await loadGroups(shard.log);
        for (const [name, { offsets }] of groups) {
          const lost = await ends.expireAbove({ name, offsets, appender: shard.appender });
          if (lost > 0) this.#logger.warn({ group: name, partitions: lost }, TAILS_LOST);
        }
        loaded(shard, groups);
        return undefined;
      } catch (error) {
        const failure = MillraceError.from(error);
        if (!PASSING.includes(failure.reason) || this.#isStopped) {
          this.#logger.error({ reason: failure.reason, error: failure.message }, "groups not read");
          return failure;
        }
        await Promise.race([sleep(this.#clock, failure.retryDelayMs ?? RETRY_MS), this.#stopped]);
      }
    }
  }
}

function shardsOf(logs: readonly GroupLog[]): GroupShard[] {
  return logs.map((log) => ({ log, appender: new LogAppender(log), failure: undefined }));
}

function usable(shard: GroupShard): GroupShard {
  if (shard.failure !== undefined) throw shard.failure;
  return shard;
}
