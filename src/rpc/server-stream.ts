import type { ServerWritableStream } from "@grpc/grpc-js";
import type { MillraceError } from "../errors/index.ts";
import { type CallStatus, errorToStatus } from "../wire/index.ts";
import { type CallEnvironment, type Drainable, failureStatus, shuttingDown } from "./calls.ts";
import { DeliveryWriter } from "./delivery-writer.ts";
import { resetStalled } from "./grpc-internals.ts";
import { MalformedRequest } from "./malformed-request.ts";

/** A call that answers with a stream. */
export type StreamingCall<Request, Response> = ServerWritableStream<Request | MalformedRequest, Response>;

/** Answers one call: what it writes goes through the writer. What it throws ends the call, else it ends well. */
export type StreamingHandler<Request, Response> = (
  request: Request,
  stream: ServerStream<Response>,
) => Promise<void>;

/**
 * A call that is answered with a stream: it ends once, with one status; an exception in its handler ends it instead of
 * the process; nothing is written after its end.
 */
export class ServerStream<Response> implements Drainable {
  readonly #environment: CallEnvironment;
  readonly #call: StreamingCall<unknown, Response>;
  /** Waits for the client to take what is written, and has the room for it. */
  readonly writer: DeliveryWriter<Response>;
  #whenGone: () => void = () => undefined;
  #ended = false;

  constructor(environment: CallEnvironment, call: StreamingCall<unknown, Response>) {
    this.#environment = environment;
    this.#call = call;
    this.writer = new DeliveryWriter(this, {
      clock: environment.clock,
      budget: environment.sending,
      reset: () => resetStalled(call),
      blocked: () => undefined,
    });
    environment.open.add(this);
    // grpc-js emits this after every end, not only after a cancellation.
    call.once("cancelled", () => this.#leave());
    if (call.cancelled) this.#leave();
  }

  /** Its status is decided, or it is gone. */
  get ended(): boolean {
    return this.#ended;
  }

  /** Calls back once when the call is over, in whatever way; at once if it is. */
  onGone(listener: () => void): void {
    this.#whenGone = listener;
    if (this.#ended) listener();
  }

  /** Writes an answer; `written` is called when the transport took it, which never happens if the client is gone. */
  write(response: Response, written?: () => void): void {
    if (this.#ended) return;
    this.#call.write(response, (error?: Error | null) => error ?? written?.());
  }

  /** Ends the call well, after what was written. */
  finish(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#call.end();
    this.#whenGone();
  }

  /** Ends the call with an error, after what was written. */
  fail(error: MillraceError): void {
    this.#end(errorToStatus(error));
  }

  /** Ends the call with what its handler threw. */
  failWith(thrown: unknown): void {
    if (!this.#ended) this.#end(failureStatus(this.#environment, this.#call, thrown));
  }

  drain(): void {
    this.fail(shuttingDown());
  }

  #end(status: CallStatus): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#call.emit("error", status);
    this.#whenGone();
  }

  #leave(): void {
    const wasOpen = !this.#ended;
    this.#ended = true;
    this.#environment.open.delete(this);
    this.writer.gone();
    if (wasOpen) this.#whenGone();
  }
}

/** A handler as grpc-js wants it. */
export function streaming<Request, Response>(
  environment: CallEnvironment,
  handler: StreamingHandler<Request, Response>,
): (call: StreamingCall<Request, Response>) => void {
  return (call) => {
    const stream = new ServerStream(environment, call);
    if (call.request instanceof MalformedRequest) stream.fail(call.request.error);
    else {
      handler(call.request, stream).then(
        () => stream.finish(),
        (thrown: unknown) => stream.failWith(thrown),
      );
    }
  };
}
