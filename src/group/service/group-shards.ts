import { type Clock, type Logger, sleep } from "../../base/index.ts";
import { MillraceError } from "../../errors/index.ts";
import { type LoadedGroup, loadGroups } from "./load-groups.ts";
import { LogAppender } from "../storage/log-appender.ts";
import type { GroupLog, GroupLogs } from "../ports.ts";

/** The groups of one log: where they are stored, and why none of them can be served, if so. */
export interface GroupShard {
  readonly log: GroupLog;
  readonly appender: LogAppender;
  failure: MillraceError | undefined;
}

/** What the logs of groups need. */
export interface GroupShardsParts {
  readonly logs: GroupLogs;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Takes what a log has over. */
export type Loaded = (shard: GroupShard, groups: ReadonlyMap<string, LoadedGroup>) => void;

/** The logs of groups in service. */
export class GroupShards {
  readonly #logs: GroupLogs;
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

  /** Reads all logs that there are, and hands over what each has; a log that cannot be read is out of use. */
  async load(loaded: Loaded): Promise<void> {
    const logs = this.#logs.existing();
    if (logs === undefined) return;
    this.#shards = shardsOf(logs);
    for (const shard of this.#shards) {
      if (!this.#isStopped) shard.failure = await this.#load(shard, loaded);
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
  async #load(shard: GroupShard, loaded: Loaded): Promise<MillraceError | undefined> {
    for (;;) {
      try {
        loaded(shard, await loadGroups(shard.log));
        return undefined;
      } catch (error) {
        const failure = MillraceError.from(error);
        if (failure.reason !== "OVERLOADED" || this.#isStopped) {
          this.#logger.error({ reason: failure.reason, error: failure.message }, "groups not read");
          return failure;
        }
        await Promise.race([sleep(this.#clock, failure.retryDelayMs ?? 0), this.#stopped]);
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
