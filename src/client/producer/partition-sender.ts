import { assert } from "../../base/index.ts";
import { MillraceError } from "../../errors/index.ts";
import { DURABILITY_DURABLE, DURABILITY_UNSPECIFIED, DURABILITY_WRITTEN } from "../../wire/index.ts";
import { Backoff, pause } from "../backoff.ts";
import { batchReceipt } from "./batch-receipt.ts";
import type { OutgoingBatch } from "./outgoing-batch.ts";
import type { ProducerHost } from "./producer-host.ts";
import type { PublishStream } from "./publish-stream.ts";
import { decide } from "./retry-decision.ts";
import { Sequencer } from "./sequencer.ts";

/** Where a sender takes batches from. */
export interface BatchSource {
  readonly topic: string;
  readonly partition: number;
  /** The next batch that is full or due, which is then the sender's. */
  next(): OutgoingBatch | undefined;
}

/**
 * flowing: batches are sent as the window allows.
 * draining: one failed; nothing is sent until all under way are answered.
 * resting: nothing is under way; time, metadata or an identity is waited for.
 */
type State = "flowing" | "draining" | "resting";

/**
 * Sends the batches of one partition in order. Order holds across failures: a failure stops the sending, and what is
 * sent again goes before what was not sent yet. At the start and after a failure one batch goes alone: a broker that
 * does not know the producer takes any sequence as its first, so it could take a second batch after refusing the first.
 */
export class PartitionSender {
  readonly #host: ProducerHost;
  readonly #source: BatchSource;
  readonly #backoff: Backoff;
  readonly #sequencer: Sequencer;
  #state: State = "flowing";
  #window = 1;
  #stream: PublishStream | undefined;
  #underWay: OutgoingBatch[] = [];
  /** Failed since the sending stopped, in order: they go before all of `#again`. */
  #failed: OutgoingBatch[] = [];
  /** To send again, in order. */
  #again: OutgoingBatch[] = [];
  #needsRefresh = false;
  /** The failure that the present trouble began with, until it has been waited for. */
  #trouble: MillraceError | undefined;
  /** Why the last try failed; undefined after a success. */
  #lastFailure: MillraceError | undefined;

  constructor(host: ProducerHost, source: BatchSource) {
    this.#host = host;
    this.#source = source;
    this.#backoff = new Backoff(host.random);
    this.#sequencer = new Sequencer(host);
  }

  /** Whether nothing keeps it from sending. */
  get isFlowing(): boolean {
    return this.#state === "flowing";
  }

  /** Sends what is full or due, as far as the window allows. */
  dispatch(): void {
    while (this.#state === "flowing" && this.#underWay.length < this.#window) {
      const batch = this.#again.shift() ?? this.#source.next();
      if (batch === undefined) return;
      if (!this.#sequencer.canStamp(batch)) {
        this.#again.unshift(batch);
        if (this.#underWay.length === 0) void this.#rest();
        return;
      }
      this.#send(batch);
    }
  }

  /** Gives a batch up that took too long. False if it is not here. */
  expire(batch: OutgoingBatch): boolean {
    if (this.#underWay.includes(batch)) {
      // The broker does not answer: whatever is on that stream is lost, and this batch among it.
      this.#stream!.abort(new MillraceError("DISCONNECTED", "the broker did not answer in time"));
      return true;
    }
    const list = this.#failed.includes(batch) ? this.#failed : this.#again;
    const index = list.indexOf(batch);
    if (index < 0) return false;
    list.splice(index, 1);
    this.#giveUp(batch, this.timedOut());
    return true;
  }

  #send(batch: OutgoingBatch): void {
    const { topic, partition } = this.#source;
    if (this.#underWay.length === 0) {
      try {
        // Only then: while batches are under way, the next must follow them on the same stream.
        this.#stream = this.#host.streamTo(topic, partition);
      } catch (thrown) {
        this.#judge(batch, MillraceError.from(thrown));
        this.#drain();
        return;
      }
    }
    const request = { topic, partition, batch: this.#sequencer.stamp(batch), durability: this.#durability };
    this.#underWay.push(batch);
    this.#host.sent(batch);
    this.#stream!.send(request, {
      acknowledged: (receipt) => {
        this.#answered(batch);
        this.#host.succeeded(batch, batchReceipt(batch, receipt));
        this.#goOn(batch);
      },
      refused: (error) => this.#fail(batch, error),
      lost: (error) => {
        this.#needsRefresh = true; // the leader may be another by now
        this.#fail(batch, error);
      },
    });
  }

  #answered(batch: OutgoingBatch): void {
    assert(this.#underWay[0] === batch, "batches of a partition are answered in the order they were sent");
    this.#underWay.shift();
  }

  #goOn(acknowledged: OutgoingBatch): void {
    if (this.#state === "flowing") {
      this.#backoff.reset();
      this.#lastFailure = undefined;
      if (this.#sequencer.isCurrent(acknowledged)) this.#window = this.#host.settings.maxInFlightBatches;
      this.dispatch();
    } else {
      this.#drain();
    }
  }

  #fail(batch: OutgoingBatch, error: MillraceError): void {
    this.#answered(batch);
    if (error.effect === "unknown") batch.mayBeAppended = true;
    this.#judge(batch, error);
    this.#drain();
  }

  #judge(batch: OutgoingBatch, error: MillraceError): void {
    if (batch.expiresMs <= this.#host.clock.monotonicMs()) {
      this.#giveUp(batch, this.timedOut(error));
      return;
    }
    const decision = decide(error, {
      isIdempotent: this.#host.settings.isIdempotent,
      followsTrouble: this.#state === "draining",
      mayBeAppended: batch.mayBeAppended,
      refreshes: batch.refreshes,
    });
    if (decision === "give-up") {
      this.#giveUp(batch, error);
      return;
    }
    if (decision === "fresh-identity") this.#sequencer.startAnew();
    if (decision === "refresh") {
      this.#needsRefresh = true;
      batch.refreshes++;
    }
    this.#trouble ??= error;
    this.#lastFailure = error;
    this.#failed.push(batch);
  }

  #giveUp(batch: OutgoingBatch, error: MillraceError): void {
    const known = batch.mayBeAppended && error.effect === "none" ? withUnknownEffect(error) : error;
    if (batch.baseSequence !== undefined) this.#sequencer.startAnew();
    this.#host.failed(batch, known);
  }

  #drain(): void {
    if (this.#state === "flowing") this.#state = "draining";
    this.#window = 1;
    if (this.#state === "draining" && this.#underWay.length === 0) void this.#rest();
  }

  async #rest(): Promise<void> {
    this.#state = "resting";
    for (;;) {
      this.#again = [...this.#failed, ...this.#again];
      this.#failed = [];
      const trouble = this.#trouble;
      this.#trouble = undefined;
      if (trouble) {
        this.#host.retrying(trouble);
        await pause(this.#host.clock, this.#backoff.next(trouble));
      }
      try {
        if (this.#needsRefresh && this.#again.length > 0) await this.#host.refresh(this.#source.topic);
        this.#needsRefresh = false;
        await this.#sequencer.prepare();
        break;
      } catch (thrown) {
        const error = MillraceError.from(thrown);
        const batches = this.#again;
        this.#again = [];
        for (const batch of batches) this.#judge(batch, error);
        if (this.#failed.length === 0) break;
      }
    }
    this.#state = "flowing";
    this.dispatch();
  }

  get #durability(): number {
    const { durability } = this.#host.settings;
    if (durability === undefined) return DURABILITY_UNSPECIFIED;
    return durability === "durable" ? DURABILITY_DURABLE : DURABILITY_WRITTEN;
  }

  /** The failure of a batch that took too long; `last` is what kept it back. */
  timedOut(last = this.#lastFailure): MillraceError {
    const { topic, partition } = this.#source;
    const { deliveryTimeoutMs } = this.#host.settings;
    const failure = last ? `; last failure: ${last.message}` : "";
    return new MillraceError(
      "DEADLINE_EXCEEDED",
      `records for partition ${partition} of topic "${topic}" were not acknowledged within deliveryTimeoutMs, ${deliveryTimeoutMs} ms${failure}`,
      { details: { topic, partition, delivery_timeout_ms: deliveryTimeoutMs }, cause: last, effect: "none" },
    );
  }
}

function withUnknownEffect(error: MillraceError): MillraceError {
  return new MillraceError(error.reason, error.message, {
    details: error.details,
    cause: error,
    effect: "unknown",
  });
}
