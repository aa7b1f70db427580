import type { ClientDuplexStream, ServiceError } from "@grpc/grpc-js";
import { MillraceError } from "../../errors/index.ts";
import type { millrace } from "../../gen/millrace.js";
import { type BatchToSend, messageToError } from "../../wire/index.ts";
import type { BrokerConnection } from "../transport/broker-connection.ts";
import { streamEnded } from "../transport/call-failure.ts";
import { logService } from "../transport/services.ts";

/** Hears what became of one request, exactly once. */
export interface PublishListener {
  /** The broker appended the batch. */
  acknowledged(receipt: millrace.v1.Receipt.$Properties): void;
  /** The broker refused the batch; the stream goes on. */
  refused(error: MillraceError): void;
  /** The stream broke before an answer came. */
  lost(error: MillraceError): void;
}

/**
 * One Publish stream: requests go out in order, answers come back in the same order, one for each. Nothing waits for an
 * answer here: how much may be under way is the business of the caller.
 */
export class PublishStream {
  readonly #connection: BrokerConnection;
  readonly #call: ClientDuplexStream<BatchToSend, millrace.v1.PublishResponse>;
  readonly #onEnd: (stream: PublishStream) => void;
  /** Those without an answer yet, in order. */
  #unanswered: PublishListener[] = [];
  /** Answers so far: the number of the next. */
  #answered = 0;
  #isOpen = true;

  /** `onEnd` is called once, when the stream can no longer be used, before its listeners hear of it. */
  constructor(connection: BrokerConnection, onEnd: (stream: PublishStream) => void) {
    this.#connection = connection;
    this.#onEnd = onEnd;
    this.#call = connection.openStream(logService.publish);
    this.#call.on("data", (response: millrace.v1.PublishResponse) => this.#onResponse(response));
    this.#call.on("error", (failure: ServiceError) => this.#end(connection.explain(failure)));
    this.#call.on("end", () => this.#end(streamEnded(connection.endpoint)));
  }

  /** Sends a batch, whose bytes must not change before the listener hears of it. Only while `isOpen`. */
  send(request: BatchToSend, listener: PublishListener): void {
    this.#unanswered.push(listener);
    this.#call.write(request);
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** Gives the stream up: what is unanswered is lost with `error`. */
  abort(error: MillraceError): void {
    if (!this.#isOpen) return;
    this.#call.cancel();
    this.#end(error);
  }

  /** Ends the stream in good order, for when nothing is unanswered. */
  close(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#call.end();
  }

  #onResponse(response: millrace.v1.PublishResponse): void {
    if (!this.#isOpen) return;
    const listener = this.#unanswered.shift();
    if (listener === undefined || response.sequence !== this.#answered) {
      if (listener) this.#unanswered.unshift(listener);
      this.abort(this.#outOfStep(response.sequence));
      return;
    }
    this.#answered++;
    if (response.receipt) listener.acknowledged(response.receipt);
    else listener.refused(messageToError(response.error ?? {}));
  }

  #end(error: MillraceError): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#onEnd(this);
    const lost = this.#unanswered;
    this.#unanswered = [];
    for (const listener of lost) listener.lost(error);
  }

  #outOfStep(sequence: number): MillraceError {
    const text = `the broker at ${this.#connection.endpoint} answered request ${sequence} when ${this.#answered} was due`;
    return new MillraceError("DISCONNECTED", text, { details: { endpoint: this.#connection.endpoint } });
  }
}
