import { MillraceError } from "../../errors/index.ts";
import { CoordinatedGroups } from "../admin/coordinated-groups.ts";
import type { OffsetToCommit, PartitionCommit } from "../api/group-admin.ts";
import type {
  CloseOptions,
  ConsumerSubscription,
  GroupConsumer,
  MemberPartition,
  RunOptions,
} from "../api/group-consumer.ts";
import type { StartPosition, TopicPartition } from "../api/places.ts";
import type { ConsumedBatch, ConsumedRecord } from "../api/reader.ts";
import type { Cluster } from "../cluster/cluster.ts";
import { requireKnown, wholeNumber } from "../option-checks.ts";
import { partitionKey } from "../reader/assigned-state.ts";
import { type ConsumerSettings, memberSubscription, runSettings } from "./consumer-settings.ts";
import { GroupBatchIteration } from "./group-batch-iteration.ts";
import { GroupRecordIteration } from "./group-record-iteration.ts";
import { HandlerRun } from "./handler-run.ts";
import { MemberParts } from "./member-parts.ts";
import type { OwnedPartition } from "./owned-partition.ts";
import { within } from "./within.ts";

/** Longest time that `close` waits unless told otherwise. */
const CLOSE_MS_DEFAULT = 30_000;
const CLOSE_MS_MAX = 3_600_000;
/** Least time for the farewell to the coordinator, whatever is left of the time to close. */
const LEAVE_MS_MIN = 500;

/** A member of a group; see GroupConsumer. */
export class MemberConsumer implements GroupConsumer {
  readonly group: string;
  readonly #cluster: Cluster;
  readonly #settings: ConsumerSettings;
  readonly #parts: MemberParts;
  readonly #onClosed: () => void;
  #running: Promise<void> | undefined;
  #closing: Promise<void> | undefined;

  constructor(cluster: Cluster, settings: ConsumerSettings, onClosed: () => void) {
    this.group = settings.membership.group;
    this.#cluster = cluster;
    this.#settings = settings;
    this.#onClosed = onClosed;
    this.#parts = new MemberParts(cluster, settings);
  }

  get memberId(): string {
    return this.#parts.membership.memberId;
  }

  get memberEpoch(): number {
    return this.#parts.membership.identity.memberEpoch;
  }

  records(): AsyncIterableIterator<ConsumedRecord> {
    return new GroupRecordIteration(this.#parts);
  }

  batches(): AsyncIterableIterator<ConsumedBatch> {
    return new GroupBatchIteration(this.#parts);
  }

  [Symbol.asyncIterator](): AsyncIterableIterator<ConsumedRecord> {
    return this.records();
  }

  async run(options: RunOptions): Promise<void> {
    const settings = runSettings(options);
    const run = new HandlerRun(settings, this.#settings, this.#parts);
    const running = run.run();
    this.#running ??= running;
    try {
      await running;
    } finally {
      if (this.#running === running) this.#running = undefined;
    }
  }

  stop(): void {
    this.#parts.handout.stop();
  }

  async commit(offsets?: readonly OffsetToCommit[]): Promise<void> {
    this.#requireOpen();
    const { committer, handout, rebalancer } = this.#parts;
    if (offsets !== undefined) return committer.commitThese(offsets);
    handout.countAsDone();
    rebalancer.throwLost();
    return committer.commitAll();
  }

  async committed(partitions?: readonly TopicPartition[]): Promise<PartitionCommit[]> {
    this.#requireOpen();
    const wanted = partitions ?? [...this.#parts.owned.values()];
    const places = wanted.map(({ topic, partition }) => ({ topic, partition }));
    return new CoordinatedGroups(this.#cluster).committedOffsets(this.group, places);
  }

  subscribe(subscription: ConsumerSubscription): void {
    requireKnown("a subscription", subscription, { topics: true, topicPattern: true });
    this.#requireOpen();
    this.#parts.subscribe(memberSubscription(subscription));
  }

  pause(partitions?: readonly TopicPartition[]): void {
    const { reader, handout, membership } = this.#parts;
    for (const owner of this.#chosen(partitions)) {
      if (owner.isPaused) continue;
      owner.isPaused = true;
      owner.giveBack();
      if (reader.isAssigned(owner)) reader.pause([owner]);
    }
    membership.tellPaused();
    handout.wake();
  }

  resume(partitions?: readonly TopicPartition[]): void {
    const { reader, handout, membership } = this.#parts;
    for (const owner of this.#chosen(partitions)) {
      if (!owner.isPaused) continue;
      owner.isPaused = false;
      if (!owner.isHeld && reader.isAssigned(owner)) reader.resume([owner]);
    }
    membership.tellPaused();
    handout.tryAgain();
  }

  async seek(partition: TopicPartition, to: StartPosition): Promise<void> {
    const owner = this.#chosenOne(partition);
    if (owner === undefined) return;
    await this.#parts.seek(owner, to);
    this.#parts.handout.wake();
  }

  position(topic: string, partition: number): number | undefined {
    return this.#parts.owned.get(partitionKey(topic, partition))?.tracker?.end;
  }

  assignment(): MemberPartition[] {
    return [...this.#parts.owned.values()].map(
      ({ topic, partition, tracker, committed, state, isPaused }) => {
        return {
          topic,
          partition,
          position: tracker?.end,
          committed,
          highWatermark: state?.highWatermark,
          isPaused,
        };
      },
    );
  }

  close(options: CloseOptions = {}): Promise<void> {
    requireKnown("close", options, { leave: true, timeoutMs: true });
    const { leave = true } = options;
    const range = { preset: CLOSE_MS_DEFAULT, min: 0, max: CLOSE_MS_MAX };
    const timeoutMs = wholeNumber("timeoutMs", options.timeoutMs, range);
    this.#closing ??= this.#close(leave, timeoutMs);
    return this.#closing;
  }

  async #close(leave: boolean, timeoutMs: number): Promise<void> {
    const { clock } = this.#cluster;
    const { handout, rebalancer, committer, membership, reader } = this.#parts;
    const untilMs = clock.monotonicMs() + timeoutMs;
    const leftMs = () => Math.max(0, untilMs - clock.monotonicMs());
    handout.close();
    // What fails in a run is thrown there.
    if (this.#running !== undefined)
      await within(
        clock,
        leftMs(),
        this.#running.catch(() => undefined),
      );
    await rebalancer.giveUpAll(leftMs());
    committer.stop();
    if (leave) await membership.leave(Math.max(LEAVE_MS_MIN, leftMs()));
    else membership.detach();
    await reader.close();
    this.#onClosed();
  }

  #chosen(partitions: readonly TopicPartition[] | undefined): OwnedPartition[] {
    if (partitions === undefined) return [...this.#parts.owned.values()];
    return partitions.flatMap((partition) => this.#chosenOne(partition) ?? []);
  }

  /** Undefined for one that is going and of which the program has not heard that: what it wants of it means nothing now. */
  #chosenOne({ topic, partition }: TopicPartition): OwnedPartition | undefined {
    this.#requireOpen();
    const { owned, rebalancer } = this.#parts;
    const owner = owned.get(partitionKey(topic, partition));
    if (owner !== undefined && owner.phase !== "revoking") return owner;
    if (rebalancer.isTold({ topic, partition })) return undefined;
    const text = `partition ${partition} of topic "${topic}" is not assigned to this member of group "${this.group}" now`;
    throw new MillraceError("INVALID_REQUEST", text, { details: { topic, partition } });
  }

  #requireOpen(): void {
    if (this.#closing === undefined) return;
    throw new MillraceError("CANCELLED", "the consumer is closed", { effect: "none" });
  }
}
