import { type Clock, COMMITTED_OFFSETS_MAX, type Random } from "../../base/index.ts";
import { MillraceError } from "../../errors/index.ts";
import type { CommitOutcome } from "../api/group-admin.ts";
import { Backoff } from "../backoff.ts";
import type { OwnedPartition } from "./owned-partition.ts";

/** An offset of a partition that this member has, or had when it was given. */
export interface CommitItem {
  readonly owner: OwnedPartition;
  readonly offset: number;
  readonly metadata: string;
  readonly rewind: boolean;
}

/** Hears once what became of an item, or of a newer one of the same partition that took its place. */
export type CommitSettled = (error: MillraceError | undefined) => void;

interface Pending {
  readonly item: CommitItem;
  readonly settled: readonly CommitSettled[];
}

/** What a queue needs, and who hears of it. */
export interface CommitPorts {
  readonly clock: Clock;
  readonly random: Random;
  /** Commits; outcomes in the order of the items. */
  send(items: readonly CommitItem[]): Promise<readonly CommitOutcome[]>;
  /** They are committed, durably. */
  committed(items: readonly CommitItem[], outcomes: readonly CommitOutcome[]): void;
  /** They are not, and trying again is hopeless. `isHeard`: whoever committed hears of it as well. */
  refused(items: readonly CommitItem[], error: MillraceError, isHeard: boolean): void;
  /** They are not yet. */
  retrying(error: MillraceError): void;
}

/**
 * Commits offsets, one call at a time, so that none overtakes another. What comes while a call is under way goes with
 * the next, the newest offset of each partition only; what fails is sent again for as long as that may help and the
 * partition is this member's.
 */
export class CommitQueue {
  readonly #ports: CommitPorts;
  readonly #backoff: Backoff;
  /** In the order they came. */
  readonly #pending = new Map<OwnedPartition, Pending>();
  #sent = new Map<OwnedPartition, Pending>();
  #isBusy = false;
  #watchers: (() => void)[] = [];
  #lastFailure: MillraceError | undefined;

  constructor(ports: CommitPorts) {
    this.#ports = ports;
    this.#backoff = new Backoff(ports.random);
  }

  /** Why the last call failed; undefined if it did not. */
  get lastFailure(): MillraceError | undefined {
    return this.#lastFailure;
  }

  add(item: CommitItem, settled?: CommitSettled): void {
    const added = { item, settled: settled === undefined ? [] : [settled] };
    const known = this.#pending.get(item.owner);
    this.#pending.set(item.owner, known === undefined ? added : merged(known, added));
    void this.#run();
  }

  /** Whether something of this partition waits or is under way. */
  has(owner: OwnedPartition): boolean {
    return this.#pending.has(owner) || this.#sent.has(owner);
  }

  /** Forgets what waits of partitions that are not this member's any more. */
  forgetGone(): void {
    for (const [owner, pending] of this.#pending) {
      if (owner.isOurs) continue;
      this.#pending.delete(owner);
      settle(pending, owner.lostBy);
    }
    this.#tellWatchers();
  }

  /** Resolves when nothing of these partitions waits or is under way. */
  async settled(owners: readonly OwnedPartition[]): Promise<void> {
    while (owners.some((owner) => this.has(owner))) {
      await new Promise<void>((resolve) => this.#watchers.push(resolve));
    }
  }

  async #run(): Promise<void> {
    if (this.#isBusy) return;
    this.#isBusy = true;
    await undefined; // what is added in one go goes with one call
    while (this.#pending.size > 0) {
      const failure = await this.#sendNext();
      this.#lastFailure = failure;
      this.#tellWatchers();
      if (failure === undefined) this.#backoff.reset();
      else await this.#wait(this.#backoff.next(failure));
    }
    this.#isBusy = false;
  }

  /** Makes one call. Returns why something of it has to be sent again. */
  async #sendNext(): Promise<MillraceError | undefined> {
    this.#sent = new Map([...this.#pending].slice(0, COMMITTED_OFFSETS_MAX));
    for (const owner of this.#sent.keys()) this.#pending.delete(owner);
    const sent = [...this.#sent.values()];
    const items = sent.map(({ item }) => item);
    let outcomes: readonly CommitOutcome[] | undefined;
    let failure: MillraceError | undefined;
    try {
      outcomes = await this.#ports.send(items);
    } catch (thrown) {
      failure = MillraceError.from(thrown);
    }
    this.#sent = new Map();
    if (outcomes === undefined) return this.#failed(sent, failure!);
    const good = sent.filter((_, index) => outcomes[index]?.error === undefined);
    const goodOutcomes = outcomes.filter(({ error }) => error === undefined);
    if (good.length > 0) {
      const goodItems = good.map(({ item }) => item);
      this.#ports.committed(goodItems, goodOutcomes);
    }
    for (const pending of good) settle(pending, undefined);
    for (const [reason, group] of groupedByReason(sent, outcomes)) {
      failure = this.#failed(group, reason) ?? failure;
    }
    return failure;
  }

  #failed(failed: readonly Pending[], error: MillraceError): MillraceError | undefined {
    if (!isWorthAgain(error)) {
      const isHeard = failed.every(({ settled }) => settled.length > 0);
      this.#ports.refused(
        failed.map(({ item }) => item),
        error,
        isHeard,
      );
      for (const pending of failed) settle(pending, error);
      return undefined;
    }
    this.#ports.retrying(error);
    for (const older of failed) {
      const { owner } = older.item;
      const newer = this.#pending.get(owner);
      if (owner.isOurs) this.#pending.set(owner, newer === undefined ? older : merged(older, newer));
      else settle(older, owner.lostBy);
    }
    return error;
  }

  #wait(delayMs: number): Promise<void> {
    return new Promise((resolve) => this.#ports.clock.schedule(delayMs, resolve, "keep-alive"));
  }

  #tellWatchers(): void {
    const watchers = this.#watchers;
    this.#watchers = [];
    for (const resolve of watchers) resolve();
  }
}

/** One for two: the higher offset, unless the newer one goes back on purpose; that the older one did is not forgotten. */
function merged(older: Pending, newer: Pending): Pending {
  const settled = [...older.settled, ...newer.settled];
  if (newer.item.rewind) return { item: newer.item, settled };
  if (newer.item.offset < older.item.offset) return { item: older.item, settled };
  return { item: { ...newer.item, rewind: older.item.rewind }, settled };
}

function settle({ settled }: Pending, error: MillraceError | undefined): void {
  for (const tell of settled) tell(error);
}

/** A topic that is not there will not come back with the partition that the offset belongs to. */
function isWorthAgain({ reason, retry }: MillraceError): boolean {
  if (reason === "TOPIC_NOT_FOUND" || reason === "PARTITION_NOT_FOUND") return false;
  return retry === "same" || retry === "refresh";
}

/** Those that were refused, by reason, each with the first error of it. */
function groupedByReason(
  sent: readonly Pending[],
  outcomes: readonly CommitOutcome[],
): [MillraceError, Pending[]][] {
  const groups = new Map<string, [MillraceError, Pending[]]>();
  for (const [index, pending] of sent.entries()) {
    const error = outcomes[index]?.error;
    if (error === undefined) continue;
    const group = groups.get(error.reason);
    if (group === undefined) groups.set(error.reason, [error, [pending]]);
    else group[1].push(pending);
  }
  return [...groups.values()];
}
