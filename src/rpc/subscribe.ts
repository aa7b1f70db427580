/**
 * LogService.Subscribe: commands of the reader in, deliveries out. The broker's Subscription decides what to deliver
 * within the credit; here it meets the transport, whose back-pressure it waits for.
 */
import type { ServerDuplexStream } from "@grpc/grpc-js";
import { READ_CHUNK_BYTES_MAX } from "../base/index.ts";
import type {
  Assignment,
  BrokerApi,
  Delivered,
  ReadResult,
  ReadRoom,
  SubscriptionApi,
  SubscriptionSink,
} from "../broker/index.ts";
import type { MillraceError } from "../errors/index.ts";
import type { millrace } from "../gen/millrace.js";
import { errorToMessage, type GatherMessage } from "../wire/index.ts";
import { type BidiHandler, BidiStream } from "./bidi-stream.ts";
import { type CallEnvironment, shuttingDown } from "./calls.ts";
import { deliveryMessage } from "./delivery-message.ts";
import { DeliveryWriter } from "./delivery-writer.ts";
import { type RecordForm, recordForm } from "./fetch.ts";
import { resetStalled } from "./grpc-internals.ts";
import type { MalformedRequest } from "./malformed-request.ts";
import { invalid, offsetNumber, partitionNumber, topicName, withDefault } from "./request-checks.ts";

/** Most partitions of one subscription. */
const ASSIGNMENTS_MAX = 1_024;
/** Bytes that a small event is counted with. */
const EVENT_BYTES = 256;

/** A subscription's answer: deliveries come encoded. */
export type SubscribeAnswer = GatherMessage | millrace.v1.SubscribeResponse.$Properties;

/** What a subscription stands on. */
export interface SubscribeEnvironment extends CallEnvironment {
  readonly broker: BrokerApi;
}

type Call = ServerDuplexStream<millrace.v1.SubscribeRequest | MalformedRequest, SubscribeAnswer>;

/** One Subscribe call. */
export class SubscribeCall implements BidiHandler<millrace.v1.SubscribeRequest>, SubscriptionSink {
  readonly #environment: SubscribeEnvironment;
  readonly #stream: BidiStream<millrace.v1.SubscribeRequest, SubscribeAnswer>;
  readonly #writer: DeliveryWriter<SubscribeAnswer>;
  /** Ids of the assignments, by partition. */
  readonly #assigned = new Map<string, number>();
  #subscription: SubscriptionApi | undefined;
  #form: RecordForm = "records";

  constructor(environment: SubscribeEnvironment, call: Call) {
    this.#environment = environment;
    this.#stream = new BidiStream(environment, call, this);
    this.#writer = new DeliveryWriter(this.#stream, {
      clock: environment.clock,
      budget: environment.sending,
      reset: () => resetStalled(call),
      // Who does not take events gives no commands either: each may cause another event.
      blocked: (blocked) => (blocked ? this.#stream.pause() : this.#stream.resume()),
    });
  }

  request(request: millrace.v1.SubscribeRequest): void {
    const { start, assign, unassign, credit } = request;
    if (start != null) this.#start(start);
    else if (assign != null) this.#assign(assign, this.#started());
    else if (unassign != null) this.#unassign(unassign, this.#started());
    else if (credit != null) this.#credit(credit, this.#started());
    else throw invalid("command", "absent", "start, assign, unassign or credit");
  }

  malformed(error: MillraceError): void {
    this.#stream.fail(error);
  }

  /** A reader that has said all goes on to be served until it cancels. */
  halfClosed(): void {}

  drain(): void {
    this.#stream.fail(shuttingDown());
    this.#subscription?.close();
  }

  gone(): void {
    this.#subscription?.close();
    this.#writer.gone();
  }

  get room(): ReadRoom {
    return this.#writer.room;
  }

  deliver(assignment: Assignment, read: ReadResult): Delivered {
    const { message, charge, taken } = deliveryMessage("subscribe", this.#form, assignment, read);
    return { ...charge, ready: this.#writer.write(message, message.byteLength, taken) };
  }

  caughtUp(assignment: Assignment, highWatermark: number): Promise<void> {
    return this.#writer.write({ caughtUp: { ...assignment, highWatermark } }, EVENT_BYTES);
  }

  failed(assignment: Assignment, error: MillraceError): Promise<void> {
    if (this.#isCurrent(assignment)) this.#assigned.delete(key(assignment));
    return this.#writer.write({ failure: { ...assignment, error: errorToMessage(error) } }, EVENT_BYTES * 4);
  }

  #start({ format, maxBytes }: millrace.v1.SubscribeStart.$Properties): void {
    if (this.#subscription !== undefined) throw invalid("command", "a second start", "one start");
    this.#form = recordForm(format ?? 0);
    const bytes = withDefault(maxBytes ?? 0, READ_CHUNK_BYTES_MAX, READ_CHUNK_BYTES_MAX, "start.max_bytes");
    this.#subscription = this.#environment.broker.subscribe(this, { maxBytes: bytes });
  }

  #started(): SubscriptionApi {
    if (this.#subscription === undefined) throw invalid("command", "not a start", "a start first");
    return this.#subscription;
  }

  #assign(assign: millrace.v1.SubscribeAssign.$Properties, subscription: SubscriptionApi): void {
    const topic = topicName(assign.topic ?? "", "assign.topic");
    const partition = partitionNumber(assign.partition ?? 0, "assign.partition");
    const offset = offsetNumber(assign.offset ?? 0, "assign.offset");
    const assignmentId = offsetNumber(assign.assignmentId ?? 0, "assign.assignment_id");
    this.#assigned.set(key({ topic, partition }), assignmentId);
    if (this.#assigned.size > ASSIGNMENTS_MAX) {
      throw invalid("the number of assignments", this.#assigned.size, `at most ${ASSIGNMENTS_MAX}`);
    }
    subscription.assign({ topic, partition, assignmentId }, offset);
  }

  #unassign(unassign: millrace.v1.SubscribeUnassign.$Properties, subscription: SubscriptionApi): void {
    const topic = topicName(unassign.topic ?? "", "unassign.topic");
    const partition = partitionNumber(unassign.partition ?? 0, "unassign.partition");
    this.#assigned.delete(key({ topic, partition }));
    subscription.unassign(topic, partition);
  }

  #credit({ records, bytes }: millrace.v1.SubscribeCredit.$Properties, subscription: SubscriptionApi): void {
    const checked = [offsetNumber(records ?? 0, "credit.records"), offsetNumber(bytes ?? 0, "credit.bytes")];
    subscription.addCredit(checked[0]!, checked[1]!);
  }

  #isCurrent(assignment: Assignment): boolean {
    return this.#assigned.get(key(assignment)) === assignment.assignmentId;
  }
}

function key({ topic, partition }: { topic: string; partition: number }): string {
  return `${topic}/${partition}`;
}
