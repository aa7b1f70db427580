import { type Clock, type Logger, nearestNames } from "../../base/index.ts";
import { MillraceError } from "../../errors/index.ts";
import { checkGroupName } from "./command-checks.ts";
import type { OffsetsMeter } from "../offsets/committed-offsets.ts";
import { GroupShards } from "./group-shards.ts";
import { LiveGroup } from "./live-group.ts";
import type { LoadedGroup } from "./load-groups.ts";
import type { LogAppender } from "../storage/log-appender.ts";
import type { SubscriptionMeter } from "../machine/subscriptions.ts";
import { MembersMeter } from "./members-meter.ts";
import type { GroupLogs, TopicCatalogue } from "../ports.ts";

/** Most memory for what members subscribe to. */
const SUBSCRIPTION_BYTES_MAX = 32 * 1_048_576;

/** What the groups of a broker need. */
export interface GroupRegistryParts {
  readonly logs: GroupLogs;
  readonly catalogue: TopicCatalogue;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Most groups. */
  readonly groupsMax: number;
  /** Most members of all groups. */
  readonly membersMax: number;
}

/**
 * The groups in service by name. One comes to be when somebody uses it, and goes when there is nothing of it;
 * one that was stored a while after its last member, see `forgetIdleGroup`.
 */
export class GroupRegistry {
  readonly #parts: GroupRegistryParts;
  readonly #shards: GroupShards;
  readonly #groups = new Map<string, LiveGroup>();
  readonly #meter: OffsetsMeter = { bytes: 0 };
  readonly #subscriptions: SubscriptionMeter = { bytes: 0, bytesMax: SUBSCRIPTION_BYTES_MAX };
  readonly #epochs = { floor: 0 };
  readonly #members: MembersMeter;
  /** Set when no group may come to be any more. */
  #refusal: MillraceError | undefined;

  constructor(parts: GroupRegistryParts) {
    this.#parts = parts;
    this.#shards = new GroupShards(parts);
    this.#members = new MembersMeter(parts.membersMax);
  }

  /** Whether there were groups before. */
  get isNew(): boolean {
    return !this.#shards.exist;
  }

  /** Bytes of memory that committed offsets take, roughly. */
  get offsetBytes(): number {
    return this.#meter.bytes;
  }

  /** In no order; some may only be about to come to be. */
  all(): IterableIterator<LiveGroup> {
    return this.#groups.values();
  }

  /** Undefined if there is none. Throws why the log of this group cannot be used, INVALID_REQUEST for a name. */
  find(name: string): LiveGroup | undefined {
    checkGroupName(name);
    this.#shards.requireUsable(name);
    const group = this.#groups.get(name);
    return group?.isThere === true ? group : undefined;
  }

  /** As `find`; throws GROUP_NOT_FOUND with the nearest names if there is none. */
  get(name: string): LiveGroup {
    const group = this.find(name);
    if (group !== undefined) return group;
    const nearest = nearestNames(name, this.#groups.keys());
    const hint =
      nearest.length > 0 ? `did you mean ${nearest.join(" or ")}?` : "it comes to be with its first member";
    throw new MillraceError("GROUP_NOT_FOUND", `there is no group ${JSON.stringify(name)}; ${hint}`, {
      details: { group: name, nearest: nearest.join(",") },
    });
  }

  /** Does something with a group that may be there or not; it goes again if there is nothing of it afterwards. */
  async use<T>(name: string, work: (group: LiveGroup) => Promise<T>): Promise<T> {
    checkGroupName(name);
    const { appender } = await this.#shards.of(name);
    if (this.#refusal !== undefined) throw this.#refusal;
    const group = this.#groups.get(name) ?? this.#add(name, appender);
    group.users++;
    try {
      return await work(group);
    } finally {
      group.users--;
      if (group.users === 0 && !group.isThere) this.#groups.delete(name);
    }
  }

  /** Reads all groups that were stored. Those of a log that cannot be read are refused with the reason. */
  async load(): Promise<void> {
    await this.#shards.load(({ appender }, groups) => {
      for (const [name, loaded] of groups) this.#restore(name, appender, loaded);
    });
    if (this.#refusal !== undefined) this.close(this.#refusal);
  }

  /** Ends all groups with this, also those that are still read. */
  close(refusal: MillraceError): void {
    this.#refusal = refusal;
    this.#shards.stop();
    for (const group of this.#groups.values()) group.fail(refusal);
  }

  /** Resolves when everything that was to be stored is, or has failed. */
  settled(): Promise<void> {
    return this.#shards.settled();
  }

  #add(name: string, appender: LogAppender): LiveGroup {
    const { groupsMax } = this.#parts;
    if (this.#groups.size >= groupsMax) {
      const text = `this broker has ${this.#groups.size} groups, at most ${groupsMax} are possible; delete some that are not needed`;
      throw new MillraceError("OVERLOADED", text, { details: { group: name, max: groupsMax } });
    }
    const group = new LiveGroup(this.#partsOf(name, appender));
    this.#groups.set(name, group);
    return group;
  }

  #restore(name: string, appender: LogAppender, { part, members, offsets }: LoadedGroup): void {
    const stored = part === undefined ? undefined : { part, members };
    this.#groups.set(name, new LiveGroup(this.#partsOf(name, appender), { stored, offsets }));
  }

  #partsOf(name: string, appender: LogAppender) {
    const { catalogue, clock, logger } = this.#parts;
    const [meter, members, subscriptions] = [this.#meter, this.#members, this.#subscriptions];
    const epochs = this.#epochs;
    return { name, appender, catalogue, clock, logger, meter, members, subscriptions, epochs };
  }
}
