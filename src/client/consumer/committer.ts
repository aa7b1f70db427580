import type { Timer } from "../../base/index.ts";
import { MillraceError } from "../../errors/index.ts";
import { commitOutcome } from "../admin/group-descriptions.ts";
import type { CommitOutcome, OffsetToCommit } from "../api/group-admin.ts";
import { partitionKey } from "../reader/assigned-state.ts";
import type { Cluster } from "../cluster/cluster.ts";
import { requireKnown } from "../option-checks.ts";
import { groupService } from "../transport/services.ts";
import { type CommitItem, CommitQueue } from "./commit-queue.ts";
import type { ConsumerSettings } from "./consumer-settings.ts";
import type { CoordinatorLink } from "./coordinator-link.ts";
import type { Membership } from "./membership.ts";
import type { OwnedPartition } from "./owned-partition.ts";
import { within } from "./within.ts";

/** What a committer needs, and who hears of it. */
export interface CommitterPorts {
  readonly cluster: Cluster;
  readonly coordinator: CoordinatorLink;
  readonly membership: Membership;
  /** The partitions of this member by their keys. */
  readonly owned: ReadonlyMap<string, OwnedPartition>;
  /** The coordinator says that these are not this member's. */
  lose(owners: readonly OwnedPartition[], why: MillraceError): void;
  report(offsets: readonly OffsetToCommit[], error: MillraceError | undefined): void;
  /** A commit that nobody waits for will never be made. */
  failed(error: MillraceError): void;
  retrying(error: MillraceError): void;
}

/** Commits what is done, by itself and by hand, in the name of the member. */
export class Committer {
  readonly #settings: ConsumerSettings;
  readonly #ports: CommitterPorts;
  readonly #queue: CommitQueue;
  #timer: Timer | undefined;

  constructor(settings: ConsumerSettings, ports: CommitterPorts) {
    this.#settings = settings;
    this.#ports = ports;
    this.#queue = new CommitQueue({
      clock: ports.cluster.clock,
      random: ports.cluster.random,
      send: (items) => this.#send(items),
      committed: (items, outcomes) => this.#committed(items, outcomes),
      refused: (items, error, isHeard) => this.#refused(items, error, isHeard),
      retrying: (error) => ports.retrying(error),
    });
  }

  /** Commits what is done every now and then, if that is to happen by itself. */
  start(): void {
    const { autoCommit, autoCommitIntervalMs } = this.#settings;
    if (!autoCommit || this.#timer !== undefined) return;
    this.#timer = this.#ports.cluster.clock.schedule(autoCommitIntervalMs, () => {
      this.#timer = undefined;
      this.commitDone(this.#ports.owned.values());
      this.start();
    });
  }

  stop(): void {
    this.#timer?.cancel();
  }

  /** Commits what is done of these partitions, if that is to happen by itself; nobody waits for it here. */
  commitDone(owners: Iterable<OwnedPartition>): void {
    if (!this.#settings.autoCommit || this.#settings.isAtMostOnce) return;
    for (const owner of owners) {
      const due = owner.isOurs ? owner.takeDue() : undefined;
      if (due !== undefined) this.#queue.add({ owner, metadata: "", ...due });
    }
  }

  /** Commits where reading begins, if commits happen by themselves: others are not to begin elsewhere. */
  commitStart(owner: OwnedPartition): void {
    const due = this.#settings.autoCommit ? owner.takeDue() : undefined;
    if (due !== undefined) this.#queue.add({ owner, metadata: "", ...due });
  }

  /** Resolves when no commit of these partitions waits or is under way. */
  settled(owners: readonly OwnedPartition[]): Promise<void> {
    return this.#queue.settled(owners);
  }

  /** Partitions are gone: what waits of them is not sent. */
  forgetGone(): void {
    this.#queue.forgetGone();
  }

  /**
   * Lets records be handed out up to `offset` by committing it first, unless the partition is moved or given up
   * meanwhile. Throws why it was refused to a member that still has it.
   */
  async allow(owner: OwnedPartition, offset: number): Promise<void> {
    const { tracker } = owner;
    const error = await this.#added({ owner, metadata: "", ...owner.requested(offset) });
    if (owner.phase !== "reading" || owner.tracker !== tracker) return;
    if (error !== undefined) throw error;
    owner.aheadTo = offset;
  }

  /** For `commit` without argument. Throws the first refusal. */
  async commitAll(): Promise<void> {
    const owners = [...this.#ports.owned.values()];
    if (this.#settings.isAtMostOnce) return this.#inTime([this.#queue.settled(owners).then(() => undefined)]);
    const added = owners.flatMap((owner) => {
      const offset = owner.tracker?.watermark;
      const isUnderWay = offset !== undefined && this.#queue.has(owner);
      const due = owner.takeDue() ?? (isUnderWay ? owner.requested(offset) : undefined);
      return due === undefined ? [] : [this.#added({ owner, metadata: "", ...due })];
    });
    return this.#inTime(added);
  }

  /** For `commit` with offsets. Throws the first refusal. */
  async commitThese(offsets: readonly OffsetToCommit[]): Promise<void> {
    const known = { topic: true, partition: true, offset: true, metadata: true, rewind: true } as const;
    for (const offset of offsets) requireKnown("an offset to commit", offset, known);
    const added = offsets.map(async ({ topic, partition, offset, metadata = "", rewind = false }) => {
      const owner = this.#ports.owned.get(partitionKey(topic, partition));
      if (owner === undefined) return notOurs(topic, partition);
      const due = owner.requested(offset);
      return this.#added({ owner, offset, metadata, rewind: rewind || due.rewind });
    });
    return this.#inTime(added);
  }

  #added(item: CommitItem): Promise<MillraceError | undefined> {
    return new Promise((resolve) => this.#queue.add(item, resolve));
  }

  async #inTime(added: readonly Promise<MillraceError | undefined>[]): Promise<void> {
    let refusal: MillraceError | undefined;
    const all = Promise.all(added.map((one) => one.then((error) => (refusal ??= error))));
    const { retryTimeoutMs } = this.#settings.membership;
    const isSettled = await within(this.#ports.cluster.clock, retryTimeoutMs, all);
    if (refusal !== undefined) throw refusal;
    if (!isSettled) throw this.#queue.lastFailure ?? notInTime(retryTimeoutMs);
  }

  async #send(items: readonly CommitItem[]): Promise<readonly CommitOutcome[]> {
    const { coordinator, membership } = this.#ports;
    const { memberId, memberEpoch, session } = membership.identity;
    const offsets = items.map(message);
    const { group } = this.#settings.membership;
    try {
      const request = { group, memberId, memberEpoch, offsets };
      const { results } = await coordinator.call(groupService.commitOffsets, request);
      return results.map(commitOutcome);
    } catch (thrown) {
      const error = MillraceError.from(thrown);
      if (error.retry === "rejoin") membership.sessionOver(session, error);
      throw error;
    }
  }

  #committed(items: readonly CommitItem[], outcomes: readonly CommitOutcome[]): void {
    for (const [index, { owner }] of items.entries()) owner.committed = outcomes[index]?.offset;
    this.#ports.report(items.map(message), undefined);
  }

  #refused(items: readonly CommitItem[], error: MillraceError, isHeard: boolean): void {
    for (const item of items) item.owner.refused(item);
    this.#ports.report(items.map(message), error);
    const owners = items.map(({ owner }) => owner).filter(({ isOurs }) => isOurs);
    const isNone = error.retry === "rejoin" || error.reason === "MEMBER_FENCED";
    if (isNone && owners.length > 0) this.#ports.lose(owners, error);
    if (isNone) return;
    // An offset outside the log is told by the reading of the partition as well.
    if (error.retry === "never" && error.reason !== "OFFSET_OUT_OF_RANGE" && !isHeard)
      this.#ports.failed(error);
  }
}

function message({ owner, offset, metadata, rewind }: CommitItem): OffsetToCommit {
  return { topic: owner.topic, partition: owner.partition, offset, metadata, rewind };
}

function notOurs(topic: string, partition: number): MillraceError {
  const text = `partition ${partition} of topic "${topic}" is not assigned to this member now: its new owner commits`;
  return new MillraceError("STALE_MEMBER_EPOCH", text, { details: { topic, partition } });
}

function notInTime(retryTimeoutMs: number): MillraceError {
  const text = `the commit was not answered within the retryTimeoutMs of ${retryTimeoutMs} ms`;
  return new MillraceError("DEADLINE_EXCEEDED", text);
}
