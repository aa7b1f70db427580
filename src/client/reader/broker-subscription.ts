import type { ClientDuplexStream, ServiceError } from "@grpc/grpc-js";
import type { MillraceError } from "../../errors/index.ts";
import { millrace } from "../../gen/millrace.js";
import type { BrokerConnection } from "../transport/broker-connection.ts";
import { streamEnded } from "../transport/call-failure.ts";
import { logService } from "../transport/services.ts";
import { type Credit, PrefetchCredit } from "./prefetch-credit.ts";

type Request = millrace.v1.SubscribeRequest.$Shape;
type Response = millrace.v1.SubscribeResponse;

/** A position to read from, under the reader's number for it. */
export interface PositionToRead {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  readonly assignmentId: number;
}

/** Hears what the broker sends. */
export interface SubscriptionListener {
  delivered(subscription: BrokerSubscription, delivery: millrace.v1.Delivery.$Properties): void;
  caughtUp(mark: millrace.v1.CaughtUp.$Properties): void;
  failed(failure: millrace.v1.PartitionFailure.$Properties): void;
  /** The stream broke, and with it every assignment; the next `assign` opens another. */
  lost(subscription: BrokerSubscription, error: MillraceError): void;
}

/** How to deliver. */
export interface SubscriptionOptions {
  readonly deliveryBytes: number;
  readonly prefetch: Credit;
}

/** The subscription at one broker: a stream while anything is assigned, and the credit that bounds it. */
export class BrokerSubscription {
  readonly #connection: BrokerConnection;
  readonly #options: SubscriptionOptions;
  readonly #listener: SubscriptionListener;
  readonly #credit: PrefetchCredit;
  #call: ClientDuplexStream<Request, Response> | undefined;

  constructor(connection: BrokerConnection, options: SubscriptionOptions, listener: SubscriptionListener) {
    this.#connection = connection;
    this.#options = options;
    this.#listener = listener;
    this.#credit = new PrefetchCredit(options.prefetch);
  }

  /** Reads a partition from a position, or moves it there. */
  assign(position: PositionToRead): void {
    this.#call ??= this.#open();
    this.#call.write({ assign: position });
  }

  /** Stops reading a partition; deliveries under way still come. */
  unassign(topic: string, partition: number): void {
    this.#call?.write({ unassign: { topic, partition } });
  }

  /** A delivery has left the reader: its credit goes back to the broker. */
  taken(charge: Credit): void {
    this.#credit.taken(charge);
    const credit = this.#call && this.#credit.due();
    if (credit) this.#call?.write({ credit });
  }

  /** Ends the stream without telling the listener. */
  close(): void {
    const call = this.#call;
    this.#call = undefined;
    call?.cancel();
  }

  #open(): ClientDuplexStream<Request, Response> {
    const call: ClientDuplexStream<Request, Response> = this.#connection.openStream(logService.subscribe);
    call.on("data", (response: Response) => call === this.#call && this.#onResponse(response));
    call.on("error", (failure: ServiceError) => this.#end(call, this.#connection.explain(failure)));
    call.on("end", () => this.#end(call, streamEnded(this.#connection.endpoint)));
    const format = millrace.v1.RecordFormat.RECORD_FORMAT_BATCHES;
    call.write({ start: { format, maxBytes: this.#options.deliveryBytes } });
    call.write({ credit: this.#credit.opening() });
    return call;
  }

  #onResponse(response: Response): void {
    if (response.delivery) {
      this.#credit.received(chargeOf(response.delivery));
      this.#listener.delivered(this, response.delivery);
    } else if (response.caughtUp) {
      this.#listener.caughtUp(response.caughtUp);
    } else if (response.failure) {
      this.#listener.failed(response.failure);
    }
  }

  #end(call: ClientDuplexStream<Request, Response>, error: MillraceError): void {
    if (call !== this.#call) return;
    this.#call = undefined;
    this.#listener.lost(this, error);
  }
}

/** What a delivery costs. */
export function chargeOf(delivery: millrace.v1.Delivery.$Properties): Credit {
  return { records: delivery.chargedRecords ?? 0, bytes: delivery.chargedBytes ?? 0 };
}
