import { MillraceError } from "../../errors/index.ts";
import type { millrace } from "../../gen/millrace.js";
import { messageToError } from "../../wire/index.ts";
import type { Cluster } from "../cluster/cluster.ts";
import { type AssignedState, partitionKey } from "./assigned-state.ts";
import { BrokerSubscription, chargeOf, type SubscriptionListener } from "./broker-subscription.ts";
import type { EventQueue } from "./event-queue.ts";
import type { ReaderSettings } from "./reader-settings.ts";

/** Subscribes partitions at their leaders, wherever these are at the moment, and queues what comes from there. */
export class PartitionRouter implements SubscriptionListener {
  readonly #cluster: Cluster;
  readonly #settings: ReaderSettings;
  readonly #queue: EventQueue;
  readonly #states: ReadonlyMap<string, AssignedState>;
  /** By endpoint. */
  readonly #subscriptions = new Map<string, BrokerSubscription>();
  #assignments = 0;
  #isClosed = false;

  constructor(
    cluster: Cluster,
    settings: ReaderSettings,
    reader: { readonly queue: EventQueue; readonly states: ReadonlyMap<string, AssignedState> },
  ) {
    this.#cluster = cluster;
    this.#settings = settings;
    this.#queue = reader.queue;
    this.#states = reader.states;
  }

  /** Subscribes a partition from its `fetchOffset` on. */
  attach(state: AssignedState): void {
    const { topic, partition } = state;
    try {
      const metadata = this.#cluster.metadata.peek(topic);
      if (metadata === undefined) throw leaderUnknown(state);
      state.topicId ??= metadata.topicId;
      if (state.topicId !== metadata.topicId) throw topicReplaced(state, metadata.topicId);
      const subscription = this.#subscriptionAt(this.#cluster.leader(metadata, partition).endpoint);
      if (state.subscription !== undefined && state.subscription !== subscription) this.detach(state);
      state.subscription = subscription;
      state.assignmentId = ++this.#assignments;
      subscription.assign({
        topic,
        partition,
        offset: state.fetchOffset,
        assignmentId: state.assignmentId,
      });
    } catch (thrown) {
      const error = MillraceError.from(thrown);
      if (this.#attachLater(state, error)) this.#tellRetry(error);
    }
  }

  /** Ends the subscription of a partition. */
  detach(state: AssignedState): void {
    state.subscription?.unassign(state.topic, state.partition);
    state.subscription = undefined;
    state.assignmentId = undefined;
  }

  /** Ends all streams. */
  close(): void {
    this.#isClosed = true;
    for (const subscription of this.#subscriptions.values()) subscription.close();
    this.#subscriptions.clear();
  }

  delivered(subscription: BrokerSubscription, delivery: millrace.v1.Delivery.$Properties): void {
    const state = this.#current(delivery);
    if (state === undefined) {
      subscription.taken(chargeOf(delivery));
      return;
    }
    state.recovered();
    state.fetchOffset = delivery.nextOffset ?? state.fetchOffset;
    state.highWatermark = delivery.highWatermark ?? 0;
    this.#queue.push({ kind: "delivery", state, generation: state.generation, subscription, delivery });
  }

  caughtUp(mark: millrace.v1.CaughtUp.$Properties): void {
    const state = this.#current(mark);
    if (state === undefined) return;
    const highWatermark = mark.highWatermark ?? 0;
    state.recovered();
    state.highWatermark = highWatermark;
    this.#queue.push({ kind: "caught-up", state, generation: state.generation, highWatermark });
  }

  failed(failure: millrace.v1.PartitionFailure.$Properties): void {
    const state = this.#current(failure);
    if (state === undefined) return;
    state.subscription = undefined;
    state.assignmentId = undefined;
    const error = messageToError(failure.error ?? {});
    if (this.#attachLater(state, error)) this.#tellRetry(error);
  }

  lost(subscription: BrokerSubscription, error: MillraceError): void {
    let isRetried = false;
    for (const state of this.#states.values()) {
      if (state.subscription !== subscription) continue;
      state.subscription = undefined;
      state.assignmentId = undefined;
      isRetried = this.#attachLater(state, error) || isRetried;
    }
    if (isRetried) this.#tellRetry(error);
  }

  /** The assigned partition that the broker speaks of, unless it speaks of a former position. */
  #current(event: millrace.v1.CaughtUp.$Properties): AssignedState | undefined {
    const state = this.#states.get(partitionKey(event.topic ?? "", event.partition ?? 0));
    return state !== undefined && state.assignmentId === event.assignmentId ? state : undefined;
  }

  /** Tries again after a while; false if that is hopeless, and the program will hear of the failure. */
  #attachLater(state: AssignedState, error: MillraceError): boolean {
    const now = this.#cluster.clock.monotonicMs();
    state.troubleSinceMs ??= now;
    const isMissing = error.reason === "TOPIC_NOT_FOUND" || error.reason === "PARTITION_NOT_FOUND";
    const isHopeless = error.retry === "never" || (isMissing && state.backoff.failures > 0);
    if (isHopeless || now - state.troubleSinceMs >= this.#settings.retryTimeoutMs) {
      this.#queue.push({ kind: "failure", state, generation: state.generation, error });
      return false;
    }
    const { generation } = state;
    const again = () => void this.#refreshAndAttach(state, generation);
    this.#cluster.clock.schedule(state.backoff.next(error), again, "keep-alive");
    return true;
  }

  async #refreshAndAttach(state: AssignedState, generation: number): Promise<void> {
    const isVoid = () =>
      this.#isClosed || state.generation !== generation || state.subscription !== undefined;
    if (isVoid()) return;
    let failure: MillraceError | undefined;
    try {
      await this.#cluster.metadata.refresh(state.topic);
    } catch (thrown) {
      failure = MillraceError.from(thrown);
    }
    if (isVoid()) return;
    if (failure === undefined) this.attach(state);
    else if (this.#attachLater(state, failure)) this.#tellRetry(failure);
  }

  #subscriptionAt(endpoint: string): BrokerSubscription {
    let subscription = this.#subscriptions.get(endpoint);
    if (subscription === undefined) {
      const { deliveryBytes, prefetchBytes, prefetchRecords } = this.#settings;
      const prefetch = { records: prefetchRecords, bytes: prefetchBytes };
      const connection = this.#cluster.connections.to(endpoint);
      subscription = new BrokerSubscription(connection, { deliveryBytes, prefetch }, this);
      this.#subscriptions.set(endpoint, subscription);
    }
    return subscription;
  }

  #tellRetry(error: MillraceError): void {
    const { onRetry } = this.#settings;
    if (onRetry) queueMicrotask(() => onRetry(error));
  }
}

/** The position means nothing in a topic of the same name that was created since: as good as fallen out of the log. */
function topicReplaced({ topic, partition, fetchOffset }: AssignedState, newTopicId: string): MillraceError {
  return new MillraceError(
    "OFFSET_OUT_OF_RANGE",
    `topic "${topic}" was deleted and created again: offset ${fetchOffset} of partition ${partition} belongs to the old one; seek to the start or the end`,
    { details: { topic, partition, offset: fetchOffset, new_topic_id: newTopicId } },
  );
}

function leaderUnknown({ topic, partition }: AssignedState): MillraceError {
  const text = `the leader of partition ${partition} of topic "${topic}" is not known yet`;
  return new MillraceError("NOT_LEADER", text, { details: { topic, partition } });
}
