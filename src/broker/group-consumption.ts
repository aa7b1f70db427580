import type { Random } from "../base/index.ts";
import { MillraceError } from "../errors/index.ts";
import type {
  AssignmentChange,
  GroupsApi,
  MemberSession,
  MemberSink,
  OffsetCommit,
  PartitionBounds,
  TopicPartition,
} from "../group/index.ts";
import type { ReadResult } from "../log/index.ts";
import {
  afterGap,
  type ConsumedPartition,
  keyOf,
  markMoved,
  newlyAssigned,
  notAssigned,
  notRevoked,
  type ReadStart,
  refuseSeek,
  startOf,
} from "./consumed-partition.ts";
import { ConsumerCommits } from "./consumer-commits.ts";
import type {
  ConsumeCommand,
  ConsumeCommitted,
  ConsumePosition,
  ConsumptionApi,
  ConsumptionSink,
} from "./consumption.ts";
import type { Assignment, Delivered, SubscriptionApi, SubscriptionSink } from "./subscription-api.ts";

/** What a consumption is composed of. */
export interface ConsumptionParts {
  readonly groups: Pick<GroupsApi, "join" | "commit">;
  readonly subscribe: (sink: SubscriptionSink, options: { readonly maxBytes: number }) => SubscriptionApi;
  /** Ends of a partition that exists and can be read. Throws MillraceError. */
  readonly bounds: (topic: string, partition: number) => PartitionBounds;
  readonly random: Random;
}

/**
 * A member and a subscription as one: what is assigned is read from where the group has got to, and what is revoked is
 * read no more from the same turn on. Knows what it delivered, so that nothing beyond it is committed.
 */
export class GroupConsumption implements ConsumptionApi, MemberSink {
  readonly #parts: ConsumptionParts;
  readonly #command: ConsumeCommand;
  readonly #sink: ConsumptionSink;
  readonly #subscription: SubscriptionApi;
  readonly #partitions = new Map<string, ConsumedPartition>();
  readonly #commits: ConsumerCommits;
  readonly #memberId: string;
  #memberEpoch = 0;
  #session: MemberSession | undefined;
  #isOver = false;

  private constructor(parts: ConsumptionParts, command: ConsumeCommand, sink: ConsumptionSink) {
    this.#parts = parts;
    this.#command = command;
    this.#sink = sink;
    this.#memberId = command.memberId ?? parts.random.id();
    const reading = {
      room: sink.room,
      deliver: (assignment: Assignment, read: ReadResult) => this.#deliver(assignment, read),
      caughtUp: (assignment: Assignment, end: number) => sink.caughtUp(assignment, end),
      failed: (assignment: Assignment, error: MillraceError) => this.#readFailed(assignment, error),
    };
    this.#commits = new ConsumerCommits(this.#partitions, (offsets) => {
      const member = { memberId: this.#memberId, memberEpoch: this.#memberEpoch };
      return parts.groups.commit({ group: command.group, member, offsets });
    });
    this.#subscription = parts.subscribe(reading, { maxBytes: command.maxBytes });
  }

  /** Joins the group; throws what `GroupsApi.join` throws. */
  static async join(
    parts: ConsumptionParts,
    command: ConsumeCommand,
    sink: ConsumptionSink,
  ): Promise<GroupConsumption> {
    const consumption = new GroupConsumption(parts, command, sink);
    const memberId = consumption.#memberId;
    try {
      consumption.#session = await parts.groups.join({ ...command, memberId, owned: [] }, consumption);
      return consumption;
    } catch (error) {
      consumption.#finish();
      throw error;
    }
  }

  /** For the coordinator. */
  changed({ memberEpoch, assigned, revoked }: AssignmentChange): void {
    if (this.#isOver) return;
    this.#memberEpoch = memberEpoch;
    if (revoked.length > 0) this.#revoke(revoked);
    if (assigned.length > 0 || revoked.length === 0) this.#assign(assigned);
  }

  /** For the coordinator. */
  ended(error: MillraceError): void {
    if (!this.#finish()) return;
    this.#sink.ended(error);
  }

  addCredit(records: number, bytes: number): void {
    if (!this.#isOver) this.#subscription.addCredit(records, bytes);
  }

  commit(offsets: readonly OffsetCommit[]): Promise<readonly ConsumeCommitted[]> {
    return this.#commits.commit(offsets);
  }

  release(partitions: readonly TopicPartition[]): void {
    if (this.#isOver) return;
    for (const place of partitions) {
      if (this.#partitions.get(keyOf(place))?.isRevoked !== true) throw notRevoked(place);
    }
    for (const place of partitions) this.#partitions.delete(keyOf(place));
    // Whoever gets a partition next must begin where the last commit here ends.
    void this.#commits.settled.then(() => this.#release(partitions));
  }

  pause(partitions: readonly TopicPartition[]): void {
    for (const consumed of this.#chosen(partitions)) {
      consumed.isPaused = true;
      this.#subscription.unassign(consumed.topic, consumed.partition);
    }
    this.#tellPaused();
  }

  resume(partitions: readonly TopicPartition[]): void {
    for (const consumed of this.#chosen(partitions)) {
      if (!consumed.isPaused) continue;
      consumed.isPaused = false;
      this.#read(consumed);
    }
    this.#tellPaused();
  }

  seek(assignment: Assignment, offset: number): void {
    if (this.#isOver) return;
    const consumed = this.#partitions.get(keyOf(assignment));
    if (consumed?.isRevoked === true) return; // it was told
    const refusal = consumed === undefined ? notAssigned(assignment) : this.#refuseSeek(assignment, offset);
    if (consumed !== undefined) {
      this.#subscription.unassign(assignment.topic, assignment.partition);
      consumed.assignmentId = assignment.assignmentId;
      consumed.position = refusal === undefined ? offset : undefined;
      markMoved(consumed, "sought");
      this.#read(consumed);
    }
    if (refusal !== undefined) this.#fail(assignment, refusal);
  }

  async leave(): Promise<void> {
    if (!this.#finish()) return;
    await this.#commits.settled;
    await this.#session?.leave();
  }

  async close(): Promise<void> {
    const wasOpen = this.#finish();
    await this.#commits.settled;
    if (wasOpen) this.#session?.disconnected();
  }

  disconnected(): void {
    if (this.#finish()) this.#session?.disconnected();
  }

  /** False if it was over already. */
  #finish(): boolean {
    if (this.#isOver) return false;
    this.#isOver = true;
    this.#subscription.close();
    return true;
  }

  #assign(assigned: AssignmentChange["assigned"]): void {
    const positions: ConsumePosition[] = [];
    const begin: (() => void)[] = [];
    for (const partition of assigned) {
      const consumed = newlyAssigned(partition);
      this.#partitions.set(keyOf(partition), consumed);
      const bounds = this.#bounds(partition);
      const start = bounds instanceof MillraceError ? bounds : startOf(partition, bounds, this.#command);
      const isReadable = !(start instanceof MillraceError);
      begin.push(isReadable ? () => this.#goOn(consumed, start) : () => this.#fail(consumed, start));
      const { topic, partition: number, committed } = partition;
      positions.push({ topic, partition: number, offset: isReadable ? start.offset : undefined, committed });
    }
    this.#sink.assigned({ memberId: this.#memberId, memberEpoch: this.#memberEpoch, partitions: positions });
    for (const step of begin) step();
  }

  #revoke(partitions: readonly TopicPartition[]): void {
    for (const place of partitions) {
      this.#subscription.unassign(place.topic, place.partition);
      const consumed = this.#partitions.get(keyOf(place)) ?? newlyAssigned(place);
      consumed.isRevoked = true;
      this.#partitions.set(keyOf(place), consumed);
    }
    this.#sink.revoked(this.#memberEpoch, partitions);
  }

  #release(partitions: readonly TopicPartition[]): void {
    if (this.#isOver) return;
    try {
      this.#session?.release(partitions);
    } catch (thrown) {
      this.disconnected();
      this.#sink.ended(MillraceError.from(thrown));
    }
  }

  /** Reads from there, after the gap if there is one. */
  #goOn(consumed: ConsumedPartition, { offset, gap }: ReadStart): void {
    consumed.position = offset;
    if (gap !== undefined) {
      if (gap.to < gap.from) markMoved(consumed, "after-gap");
      this.#sink.gap(gap);
    }
    this.#read(consumed);
  }

  #read(consumed: ConsumedPartition): void {
    const { position, isPaused, assignmentId, topic, partition } = consumed;
    if (position === undefined || isPaused) return;
    this.#subscription.assign({ topic, partition, assignmentId }, position);
  }

  #deliver(assignment: Assignment, read: ReadResult): Delivered {
    const delivered = this.#sink.deliver(assignment, read);
    const consumed = this.#partitions.get(keyOf(assignment))!;
    consumed.position = delivered.nextOffset;
    consumed.toCommit = delivered.nextOffset;
    consumed.deliveredEnd = Math.max(consumed.deliveredEnd, delivered.nextOffset);
    return delivered;
  }

  /** The subscription reads it no more: its position fell out of the log, or it cannot be read. */
  #readFailed(assignment: Assignment, error: MillraceError): Promise<void> {
    const consumed = this.#partitions.get(keyOf(assignment))!;
    const from = consumed.position!;
    const bounds = error.reason === "OFFSET_OUT_OF_RANGE" ? this.#bounds(assignment) : error;
    const lost = { ...assignment, from, expired: false };
    const start = bounds instanceof MillraceError ? bounds : afterGap(lost, bounds, this.#command.onGap);
    consumed.position = undefined;
    if (start instanceof MillraceError) return this.#sink.failed(assignment, start);
    this.#goOn(consumed, start);
    return Promise.resolve();
  }

  #fail({ topic, partition, assignmentId }: Assignment, error: MillraceError): void {
    void this.#sink.failed({ topic, partition, assignmentId }, error);
  }

  #bounds({ topic, partition }: TopicPartition): PartitionBounds | MillraceError {
    try {
      return this.#parts.bounds(topic, partition);
    } catch (thrown) {
      return MillraceError.from(thrown);
    }
  }

  #refuseSeek(place: TopicPartition, offset: number): MillraceError | undefined {
    const bounds = this.#bounds(place);
    return bounds instanceof MillraceError ? bounds : refuseSeek(place, offset, bounds);
  }

  /** Those of the partitions that it has and need not give up; of all if none is named. */
  #chosen(partitions: readonly TopicPartition[]): ConsumedPartition[] {
    const places = partitions.length > 0 ? partitions : [...this.#partitions.values()];
    return places.flatMap((place) => {
      const consumed = this.#partitions.get(keyOf(place));
      return consumed === undefined || consumed.isRevoked ? [] : [consumed];
    });
  }

  #tellPaused(): void {
    if (this.#isOver) return;
    const paused = [...this.#partitions.values()].filter(({ isPaused }) => isPaused);
    this.#session?.paused(paused.map(({ topic, partition }) => ({ topic, partition })));
  }
}
