import { type Clock, sleep } from "../base/index.ts";
import { MillraceError } from "../errors/index.ts";
import { type LoadedGroup, loadGroups } from "./load-groups.ts";
import { LogAppender } from "./log-appender.ts";
import type { GroupLog, GroupLogs } from "./ports.ts";

/** The groups of one log: where they are stored, and why none of them can be served, if so. */
export interface GroupShard {
  readonly log: GroupLog;
  readonly appender: LogAppender;
  failure: MillraceError | undefined;
}

/** The logs of groups in service. */
export class GroupShards {
  readonly #logs: GroupLogs;
  readonly #clock: Clock;
  #shards: readonly GroupShard[] | undefined;

  constructor(logs: GroupLogs, clock: Clock) {
    this.#logs = logs;
    this.#clock = clock;
  }

  /** Whether there were groups before. */
  get exist(): boolean {
    return this.#logs.existing() !== undefined;
  }

  /** Where a group is stored; the logs are made if there are none. Throws why its log cannot be used. */
  async of(group: string): Promise<GroupShard> {
    this.#shards ??= shardsOf(await this.#logs.create());
    return usable(this.#shards[this.#logs.numberOf(group, this.#shards.length)]!);
  }

  /** Throws why the log of a group cannot be used, if there is one that cannot. */
  requireUsable(group: string): void {
    if (this.#shards !== undefined) usable(this.#shards[this.#logs.numberOf(group, this.#shards.length)]!);
  }

  /** Reads all logs that there are, and hands over what each has; a log that cannot be read is out of use. */
  async load(loaded: (shard: GroupShard, groups: ReadonlyMap<string, LoadedGroup>) => void): Promise<void> {
    const logs = this.#logs.existing();
    if (logs === undefined) return;
    this.#shards = shardsOf(logs);
    for (const shard of this.#shards) {
      const groups = await this.#load(shard);
      if (groups !== undefined) loaded(shard, groups);
    }
  }

  /** Resolves when nothing waits for its append that came before. */
  async settled(): Promise<void> {
    await Promise.all((this.#shards ?? []).map(({ appender }) => appender.settled()));
  }

  async #load(shard: GroupShard): Promise<ReadonlyMap<string, LoadedGroup> | undefined> {
    for (;;) {
      try {
        return await loadGroups(shard.log);
      } catch (error) {
        const failure = MillraceError.from(error);
        if (failure.reason !== "OVERLOADED") {
          shard.failure = failure;
          return undefined;
        }
        await sleep(this.#clock, failure.retryDelayMs ?? 0);
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
