import { SerialQueue } from "../../base/index.ts";
import type { MillraceError } from "../../errors/index.ts";
import type { PositionReset } from "../api/reader.ts";
import type { TopicPartition } from "../api/places.ts";
import type { Cluster } from "../cluster/cluster.ts";
import { partitionKey } from "../reader/assigned-state.ts";
import type { PartitionReader } from "../reader/partition-reader.ts";
import type { Committer } from "./committer.ts";
import type { ConsumerSettings } from "./consumer-settings.ts";
import type { Membership } from "./membership.ts";
import type { MemberChange } from "./membership-stream.ts";
import { OwnedPartition } from "./owned-partition.ts";
import type { PartitionStarter } from "./partition-starter.ts";
import { within } from "./within.ts";

/** Part of a time limit within which partitions are given up: the rest is for the way to the coordinator. */
const GIVE_UP_PART = 0.8;

/** What a rebalancer needs, and who hears of it. */
export interface RebalancerPorts {
  readonly cluster: Cluster;
  readonly reader: PartitionReader;
  readonly starter: PartitionStarter;
  readonly committer: Committer;
  readonly membership: Membership;
  /** A callback of the program has thrown. */
  failed(thrown: unknown): void;
  /** Partitions came or went. */
  moved(): void;
}

/**
 * Takes partitions over and gives them up, with the callbacks of the program one after another.
 *
 *     assigned ──► starting ── onAssigned ──► reading ──► revoking ── handlers end, commit, onRevoked ──► released
 *                     └────────────────────────┴─────────────┴── lost: onLost, nothing is committed
 */
export class Rebalancer {
  readonly #owned: Map<string, OwnedPartition>;
  readonly #settings: ConsumerSettings;
  readonly #ports: RebalancerPorts;
  readonly #callbacks = new SerialQueue();
  /** Those that `onAssigned` was called for, and neither `onRevoked` nor `onLost`. */
  readonly #told = new Set<OwnedPartition>();
  #lostUncommitted: MillraceError | undefined;
  #isClosing = false;

  /** Keeps `owned`, the partitions by their keys. */
  constructor(settings: ConsumerSettings, owned: Map<string, OwnedPartition>, ports: RebalancerPorts) {
    this.#owned = owned;
    this.#settings = settings;
    this.#ports = ports;
  }

  /** The coordinator gives and wants back. */
  changed({ assigned, revoked }: MemberChange): void {
    if (this.#isClosing) return; // it is on its way out
    const going = revoked.flatMap((partition) => this.#ownedAs(partition) ?? []);
    const unknown = revoked.filter((partition) => this.#ownedAs(partition) === undefined);
    if (unknown.length > 0) this.#ports.membership.release(unknown);
    const { rebalanceTimeoutMs } = this.#settings.membership;
    if (going.length > 0) void this.#giveUp(going, rebalanceTimeoutMs * GIVE_UP_PART, "release");
    const coming: OwnedPartition[] = [];
    for (const partition of assigned) {
      if (this.#ownedAs(partition) !== undefined) continue;
      const owner = new OwnedPartition(partition);
      this.#owned.set(owner.key, owner);
      coming.push(owner);
    }
    if (coming.length > 0) void this.#callbacks.run(() => this.#assign(coming));
    this.#ports.moved();
  }

  /** Whether the program has the partition as far as it was told: it may be on its way out already, or lost. */
  isTold({ topic, partition }: TopicPartition): boolean {
    const key = partitionKey(topic, partition);
    for (const owner of this.#told) if (owner.key === key) return true;
    return false;
  }

  /** The session is over. */
  loseAll(why: MillraceError): void {
    this.lose([...this.#owned.values()], why);
  }

  /** Others may have these already. */
  lose(owners: readonly OwnedPartition[], why: MillraceError): void {
    const { autoCommit } = this.#settings;
    if (!autoCommit && owners.some(({ hasUncommitted }) => hasUncommitted)) this.#lostUncommitted = why;
    this.#remove(owners, why);
    void this.#callbacks.run(() => this.#tellLost(owners, why));
  }

  /** Throws, once, that something was lost that the program has not committed. */
  throwLost(): void {
    const why = this.#lostUncommitted;
    this.#lostUncommitted = undefined;
    if (why !== undefined) throw why;
  }

  /**
   * Gives everything up in good order, within `timeoutMs`, even if a callback of before does not come to its end. The
   * coordinator is not told: whoever goes leaves, or means to be back.
   */
  async giveUpAll(timeoutMs: number): Promise<void> {
    this.#isClosing = true;
    const owners = [...this.#owned.values()];
    const given = this.#giveUp(owners, timeoutMs * GIVE_UP_PART, "keep");
    await within(this.#ports.cluster.clock, timeoutMs, given);
    this.#remove(owners);
  }

  /** The position of a partition had fallen out of the log. Throws what the program's callback does, with nothing changed. */
  reset({ topic, partition, from, to, error }: PositionReset): void {
    const owner = this.#owned.get(partitionKey(topic, partition));
    if (owner === undefined) return;
    const lost = Math.max(0, to - from);
    this.#settings.hooks.onReset?.({ topic, partition, from, to, lost, error });
    owner.skipped(to);
    this.#ports.committer.commitStart(owner);
  }

  async #assign(coming: readonly OwnedPartition[]): Promise<void> {
    const owners = coming.filter(({ phase }) => phase === "starting");
    if (owners.length === 0) return;
    for (const owner of owners) this.#told.add(owner);
    const { onAssigned } = this.#settings.hooks;
    await this.#guard(() => onAssigned?.(owners.map(describe)));
    for (const owner of owners) owner.isReady = true;
    void this.#ports.starter.start(owners.filter(({ phase }) => phase === "starting"));
  }

  /**
   * Nothing is handed out from now on. Handlers and commits are waited for beside everything else, so that slow ones hold
   * no other partition up; then it is the callbacks' turn.
   */
  async #giveUp(all: readonly OwnedPartition[], timeoutMs: number, then: "release" | "keep"): Promise<void> {
    const { cluster, committer } = this.#ports;
    const untilMs = cluster.clock.monotonicMs() + timeoutMs;
    const inTime = (promise: Promise<unknown>) =>
      within(cluster.clock, untilMs - cluster.clock.monotonicMs(), promise);
    const owners = all.filter(({ phase }) => phase === "starting" || phase === "reading");
    for (const owner of owners) {
      this.#stopReading(owner);
      owner.phase = "revoking";
    }
    await inTime(Promise.all(owners.map((owner) => owner.idle())));
    committer.commitDone(owners);
    await inTime(committer.settled(owners));
    await this.#callbacks.run(async () => {
      await this.#tellRevoked(owners, inTime);
      const left = owners.filter(({ isOurs }) => isOurs);
      this.#remove(left);
      if (then === "release" && left.length > 0) this.#ports.membership.release(left);
    });
  }

  async #tellRevoked(
    owners: readonly OwnedPartition[],
    inTime: (promise: Promise<unknown>) => Promise<boolean>,
  ): Promise<void> {
    const told = owners.filter((owner) => owner.isOurs && this.#told.delete(owner));
    const { onRevoked } = this.#settings.hooks;
    if (told.length > 0) await this.#guard(() => inTime((async () => onRevoked?.(told.map(place)))()));
  }

  async #tellLost(owners: readonly OwnedPartition[], why: MillraceError): Promise<void> {
    const told = owners.filter((owner) => this.#told.delete(owner));
    if (told.length > 0) await this.#guard(() => this.#settings.hooks.onLost?.(told.map(place), why));
  }

  #remove(owners: readonly OwnedPartition[], why?: MillraceError): void {
    for (const owner of owners) {
      if (this.#owned.get(owner.key) !== owner) continue;
      this.#stopReading(owner);
      owner.gone(why);
      this.#owned.delete(owner.key);
    }
    this.#ports.committer.forgetGone();
    this.#ports.moved();
  }

  #stopReading(owner: OwnedPartition): void {
    if (this.#ports.reader.has(owner)) this.#ports.reader.unassign([owner]);
  }

  async #guard(call: () => unknown): Promise<void> {
    try {
      await call();
    } catch (thrown) {
      this.#ports.failed(thrown);
    }
  }

  #ownedAs({ topic, partition }: TopicPartition): OwnedPartition | undefined {
    return this.#owned.get(partitionKey(topic, partition));
  }
}

function describe({ topic, partition, found }: OwnedPartition) {
  return { topic, partition, committed: found };
}

function place({ topic, partition }: TopicPartition): TopicPartition {
  return { topic, partition };
}
