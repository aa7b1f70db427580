/**
 * StreamService.SubscribeAll: the events of all streams of a topic, and those that come later. The broker's
 * Subscription reads; the client's credit is what the transport takes.
 */
import type {
  Assignment,
  BrokerApi,
  Delivered,
  ReadResult,
  ReadRoom,
  StreamEvent,
  SubscriptionSink,
} from "../broker/index.ts";
import type { MillraceError } from "../errors/index.ts";
import { millrace } from "../gen/millrace.js";
import { type AllPosition, allPositions, type PositionsEnvironment } from "./all-positions.ts";
import { type Encoded, encodeMessage, eventMessage, EVENTS_BYTES_MAX } from "./event-messages.ts";
import type { ServerStream, StreamingHandler } from "./server-stream.ts";

const { SubscribeAllResponse } = millrace.v1;
/** Bytes read from a log at once: records unfold to more. */
const READ_BYTES = 262_144;

/** The handler of SubscribeAll. */
export function subscribeAllHandler(
  environment: PositionsEnvironment,
): StreamingHandler<millrace.v1.SubscribeAllRequest, Encoded> {
  const { broker } = environment;
  return async (request, stream) => {
    const positions = await allPositions(environment, request);
    const sink = new EventSink(broker, stream, positions);
    const subscription = broker.subscribe(sink, { maxBytes: READ_BYTES });
    const gone = new Promise<void>((resolve) => stream.onGone(resolve));
    const { topic } = request;
    for (const { partition, offset } of positions) {
      subscription.assign({ topic, partition, assignmentId: 0 }, offset);
    }
    subscription.addCredit(Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER);
    try {
      await gone;
    } finally {
      subscription.close();
    }
  };
}

/** Writes what a subscription delivers as events. */
class EventSink implements SubscriptionSink {
  readonly #broker: BrokerApi;
  readonly #stream: ServerStream<Encoded>;
  /** Where each partition is. */
  readonly #offsets: Map<number, number>;
  readonly #caughtUp = new Set<number>();

  constructor(broker: BrokerApi, stream: ServerStream<Encoded>, positions: readonly AllPosition[]) {
    this.#broker = broker;
    this.#stream = stream;
    this.#offsets = new Map(positions.map(({ partition, offset }) => [partition, offset]));
  }

  get room(): ReadRoom {
    return this.#stream.writer.room;
  }

  deliver({ topic, partition }: Assignment, read: ReadResult): Delivered {
    this.#caughtUp.delete(partition);
    const { offset: fromOffset, chunks: batches } = read;
    const records = { topic, partition, batches, fromOffset, bytesMax: EVENTS_BYTES_MAX };
    const { nextOffset, events } = this.#broker.streams.describeRecords(records);
    read.release?.();
    this.#offsets.set(partition, nextOffset);
    // The credit has no end, so that nothing need be charged.
    return { nextOffset, recordCount: 0, bytes: 0, ready: this.#write(events) };
  }

  async caughtUp({ partition }: Assignment): Promise<void> {
    this.#caughtUp.add(partition);
    if (this.#caughtUp.size < this.#offsets.size) return;
    const offsets = [...this.#offsets].map(([number, offset]) => ({ partition: number, offset }));
    await this.#send({ caughtUp: { offsets } });
  }

  async failed(_assignment: Assignment, error: MillraceError): Promise<void> {
    this.#stream.fail(error);
  }

  /** Never fails: a failure ends the call. */
  async #write(events: Promise<readonly StreamEvent[]>): Promise<void> {
    try {
      const batch = (await events).map(eventMessage);
      if (batch.length > 0) await this.#send({ events: { events: batch } });
      else this.room.giveBack();
    } catch (thrown) {
      this.room.giveBack();
      this.#stream.failWith(thrown);
    }
  }

  #send(response: millrace.v1.SubscribeAllResponse.$Properties): Promise<void> {
    const message = encodeMessage(SubscribeAllResponse, response);
    return this.#stream.writer.write(message, message.length);
  }
}
