import { MillraceError } from "../../errors/index.ts";
import type { StartPosition, TopicPartition } from "../api/places.ts";
import type {
  AssignedPartition,
  ConsumedBatch,
  ConsumedRecord,
  IterationOptions,
  Reader,
  ReaderAssignment,
} from "../api/reader.ts";
import type { Cluster } from "../cluster/cluster.ts";
import { AssignedState, partitionKey } from "./assigned-state.ts";
import { BatchIteration } from "./batch-iteration.ts";
import { chargeOf } from "./broker-subscription.ts";
import { DeliveredBatch } from "./delivered-batch.ts";
import type { EndWatch } from "./end-watch.ts";
import { EventQueue, type ReaderEvent } from "./event-queue.ts";
import { FailedPartitions } from "./failed-partitions.ts";
import { IterationSlot } from "./iteration-slot.ts";
import { PartitionRouter } from "./partition-router.ts";
import type { ReaderSettings } from "./reader-settings.ts";
import { RecordIteration } from "./record-iteration.ts";
import { startPositions } from "./start-positions.ts";
import type { Taken, TakingReader } from "./taking-reader.ts";

/** Reads assigned partitions; see Reader. */
export class PartitionReader implements Reader, TakingReader {
  readonly #cluster: Cluster;
  readonly #settings: ReaderSettings;
  readonly #queue = new EventQueue();
  readonly #states = new Map<string, AssignedState>();
  readonly #router: PartitionRouter;
  readonly #failed = new FailedPartitions();
  readonly #slot = new IterationSlot();
  readonly #onClosed: () => void;
  #isClosed = false;

  constructor(cluster: Cluster, settings: ReaderSettings, onClosed: () => void) {
    this.#onClosed = onClosed;
    this.#cluster = cluster;
    this.#settings = settings;
    this.#router = new PartitionRouter(cluster, settings, { queue: this.#queue, states: this.#states });
  }

  async assign(assignments: readonly ReaderAssignment[]): Promise<void> {
    this.#requireOpen();
    const { starts, offline } = await startPositions(this.#cluster, assignments);
    this.#requireOpen();
    for (const { topic, partition, error } of offline) this.#fail(topic, partition, error);
    for (const { topic, partition, offset } of starts) {
      this.#failed.forget(topic, partition);
      const key = partitionKey(topic, partition);
      let state = this.#states.get(key);
      if (state === undefined) {
        state = new AssignedState(topic, partition, offset, this.#cluster.random);
        this.#states.set(key, state);
      }
      this.#moveTo(state, offset);
    }
  }

  /** What is known of an assigned partition. */
  stateOf({ topic, partition }: TopicPartition): AssignedState | undefined {
    return this.#states.get(partitionKey(topic, partition));
  }

  /** Whether a partition is assigned. */
  isAssigned({ topic, partition }: TopicPartition): boolean {
    return this.#states.has(partitionKey(topic, partition));
  }

  /** Whether a partition is assigned, or has a failure to be thrown. */
  has({ topic, partition }: TopicPartition): boolean {
    return this.#states.has(partitionKey(topic, partition)) || this.#failed.has(topic, partition);
  }

  unassign(partitions?: readonly TopicPartition[]): void {
    const assigned = partitions?.filter(({ topic, partition }) => !this.#failed.has(topic, partition));
    for (const state of this.#chosen(assigned)) this.#remove(state);
    if (partitions === undefined) this.#failed.clear();
    else for (const { topic, partition } of partitions) this.#failed.forget(topic, partition);
    this.#dropVoid();
  }

  async seek({ topic, partition }: TopicPartition, to: StartPosition): Promise<void> {
    this.#require(topic, partition);
    const { starts } = await startPositions(this.#cluster, [{ topic, partition, from: to }]);
    this.#moveTo(this.#require(topic, partition), starts[0]!.offset);
  }

  pause(partitions?: readonly TopicPartition[]): void {
    for (const state of this.#chosen(partitions)) {
      if (state.isPaused) continue;
      state.isPaused = true;
      this.#router.detach(state);
      state.goBack(state.position);
    }
    this.#dropVoid();
  }

  resume(partitions?: readonly TopicPartition[]): void {
    for (const state of this.#chosen(partitions)) {
      if (!state.isPaused) continue;
      state.isPaused = false;
      this.#router.attach(state);
    }
  }

  position(topic: string, partition: number): number | undefined {
    return this.#states.get(partitionKey(topic, partition))?.position;
  }

  isCaughtUp(partition?: TopicPartition): boolean {
    if (partition) return this.#require(partition.topic, partition.partition).isCaughtUp;
    return [...this.#states.values()].every((state) => state.isCaughtUp);
  }

  assignments(): AssignedPartition[] {
    return [...this.#states.values()].map((state) => state.describe());
  }

  batches(options: IterationOptions = {}): AsyncIterableIterator<ConsumedBatch> {
    return new BatchIteration(this, options);
  }

  records(options: IterationOptions = {}): AsyncIterableIterator<ConsumedRecord> {
    return new RecordIteration(this, options);
  }

  [Symbol.asyncIterator](): AsyncIterableIterator<ConsumedRecord> {
    return this.records();
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#router.close();
    for (const state of this.#states.values()) this.#forget(state);
    this.#queue.wake();
    this.#onClosed();
  }

  /** For the iterations: the next batch, or undefined at the end. */
  async take(end: EndWatch): Promise<Taken | undefined> {
    this.#slot.enter(end);
    try {
      return await this.#takeNext(end);
    } catch (thrown) {
      this.#slot.leave(end);
      throw thrown;
    } finally {
      this.#slot.taken(end);
    }
  }

  /** For the iterations: nothing more is taken, and another iteration may begin. */
  leave(end: EndWatch): void {
    this.#slot.leave(end);
    this.#queue.wake();
  }

  /** For the iterations: gives back what was taken and not used, from the position on. */
  rewind(state: AssignedState): void {
    if (!state.isAssigned || state.isPaused) return;
    state.goBack(state.position);
    this.#attach(state);
  }

  /** Reads a partition again that has failed, from its position on; nothing if it has been assigned anew since. */
  readAgain(state: AssignedState): void {
    const { topic, partition } = state;
    if (this.#isClosed || this.isAssigned(state)) return;
    this.#failed.forget(topic, partition);
    this.#states.set(partitionKey(topic, partition), state);
    state.isAssigned = true;
    state.isPaused = false;
    state.recovered();
    state.goBack(state.position);
    this.#attach(state);
  }

  async #takeNext(end: EndWatch): Promise<Taken | undefined> {
    await end.begin(this.#cluster, this.#states.values());
    for (;;) {
      if (this.#isClosed || !this.#slot.isHeldBy(end)) return undefined;
      // One partition that fails must not keep the others from their ends.
      if (end.isOver || !end.stopsAtEnd) this.#failed.throwNext();
      if (end.isOver) return undefined;
      const event = this.#queue.shift();
      if (event === undefined) await this.#queue.wait();
      else {
        const taken = this.#handle(event);
        if (taken !== undefined) return taken;
      }
    }
  }

  #handle(event: ReaderEvent): Taken | undefined {
    const { state, generation } = event;
    if (event.kind === "delivery") event.subscription.taken(chargeOf(event.delivery));
    if (generation !== state.generation) return undefined;
    if (event.kind === "failure") {
      this.#handleFailure(state, event.error);
    } else if (event.kind === "caught-up") {
      const { topic, partition } = state;
      state.marks++;
      this.#settings.onCaughtUp?.({ topic, partition, highWatermark: event.highWatermark });
    } else {
      const batch = this.#open(state, event.delivery);
      if (batch === undefined) return undefined;
      if (batch.recordCount > 0) return { batch, state, generation };
      state.position = batch.nextOffset;
    }
    return undefined;
  }

  #open(state: AssignedState, delivery: Parameters<typeof chargeOf>[0]): DeliveredBatch | undefined {
    try {
      return new DeliveredBatch(delivery, state.position, this.#settings.verifyChecksums);
    } catch (thrown) {
      this.#fail(state.topic, state.partition, MillraceError.from(thrown));
      return undefined;
    }
  }

  /** Resets the position if that is declared; else the partition has failed for good. */
  #handleFailure(state: AssignedState, error: MillraceError): void {
    const { onOutOfRange, onReset } = this.#settings;
    const end = onOutOfRange === "start" ? "log_start_offset" : "high_watermark";
    const to = Number(error.details[end] ?? Number.NaN);
    if (error.reason !== "OFFSET_OUT_OF_RANGE" || onOutOfRange === "error" || Number.isNaN(to)) {
      this.#fail(state.topic, state.partition, error);
      return;
    }
    const { topic, partition, position: from } = state;
    try {
      onReset?.({ topic, partition, from, to, error });
    } catch (thrown) {
      this.#fail(topic, partition, thrown); // who refuses to take note of a gap is not led past it
      return;
    }
    this.#moveTo(state, to);
  }

  #moveTo(state: AssignedState, offset: number): void {
    state.move(offset);
    this.#attach(state);
  }

  #attach(state: AssignedState): void {
    this.#dropVoid();
    if (!state.isPaused) this.#router.attach(state);
  }

  /** Unassigns a partition that cannot be read; the iteration throws why when it is time. */
  #fail(topic: string, partition: number, thrown: unknown): void {
    const state = this.#states.get(partitionKey(topic, partition));
    if (state !== undefined) this.#remove(state);
    this.#failed.add(topic, partition, thrown);
    this.#dropVoid();
  }

  #remove(state: AssignedState): void {
    this.#router.detach(state);
    this.#forget(state);
  }

  #forget(state: AssignedState): void {
    this.#states.delete(partitionKey(state.topic, state.partition));
    state.isAssigned = false;
    state.generation++;
  }

  /** Gives back the credit of what a move has made void. */
  #dropVoid(): void {
    for (const event of this.#queue.removeVoid()) {
      if (event.kind === "delivery") event.subscription.taken(chargeOf(event.delivery));
    }
    this.#queue.wake();
  }

  #chosen(partitions: readonly TopicPartition[] | undefined): AssignedState[] {
    if (partitions === undefined) return [...this.#states.values()];
    return partitions.map(({ topic, partition }) => this.#require(topic, partition));
  }

  #require(topic: string, partition: number): AssignedState {
    this.#requireOpen();
    const state = this.#states.get(partitionKey(topic, partition));
    if (state !== undefined) return state;
    const text = `partition ${partition} of topic "${topic}" is not assigned to this reader: assign it first`;
    throw new MillraceError("INVALID_REQUEST", text, { details: { topic, partition } });
  }

  #requireOpen(): void {
    if (this.#isClosed) throw new MillraceError("CANCELLED", "the reader is closed", { effect: "none" });
  }
}
