import type { ServerDuplexStream } from "@grpc/grpc-js";
import type { MillraceError } from "../errors/index.ts";
import { type CallStatus, errorToStatus } from "../wire/index.ts";
import { type CallEnvironment, type Drainable, failureStatus } from "./calls.ts";
import { limitReadAhead } from "./grpc-internals.ts";
import { MalformedRequest } from "./malformed-request.ts";

/** What a stream tells its handler. Nothing is called after `gone`. */
export interface BidiHandler<Request> {
  /** A request; what it throws ends the stream. */
  request(request: Request): void;
  /** Bytes that are no request: the stream cannot go on and must be failed with the error. */
  malformed(error: MillraceError): void;
  /** The client sends no more. */
  halfClosed(): void;
  /** The stream is over, in whatever way. Once. */
  gone(): void;
  /** The server drains: finish and `fail(shuttingDown())`. */
  drain(): void;
}

/**
 * A bidirectional call without grpc-js's edges: it ends once, with one status; an exception in a handler ends it
 * instead of the process; nothing is written after its end, and little is read ahead.
 */
export class BidiStream<Request, Response> implements Drainable {
  readonly #environment: CallEnvironment;
  readonly #call: ServerDuplexStream<Request | MalformedRequest, Response>;
  readonly #handler: BidiHandler<Request>;
  #ended = false;
  #gone = false;

  constructor(
    environment: CallEnvironment,
    call: ServerDuplexStream<Request | MalformedRequest, Response>,
    handler: BidiHandler<Request>,
  ) {
    this.#environment = environment;
    this.#call = call;
    this.#handler = handler;
    limitReadAhead(call);
    environment.open.add(this);
    call.on("data", (request) => this.#guard(() => this.#request(request)));
    call.on("end", () => this.#guard(() => this.#gone || handler.halfClosed()));
    // grpc-js emits this after every end, not only after a cancellation.
    call.once("cancelled", () => this.#leave());
  }

  /** Its status is decided, or it is gone. */
  get ended(): boolean {
    return this.#ended;
  }

  /** Answers that the client has not taken yet. */
  get queued(): number {
    return this.#call.writableLength;
  }

  /** Writes an answer; `written` is called when the transport took it, which never happens if the client is gone. */
  write(response: Response, written?: () => void): void {
    if (this.#ended) return;
    if (written === undefined) this.#call.write(response);
    else this.#call.write(response, (error?: Error | null) => error ?? written());
  }

  /** Stops reading requests. */
  pause(): void {
    if (!this.#ended) this.#call.pause();
  }

  /** Reads requests again. */
  resume(): void {
    this.#call.resume();
  }

  /** Ends the stream well, after what was written. */
  finish(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#call.end();
    this.#call.resume();
  }

  /** Ends the stream with an error, after what was written. */
  fail(error: MillraceError): void {
    this.#end(errorToStatus(error));
  }

  /** As `fail`, with anything that was thrown; defects of ours are logged. */
  failThrown(thrown: unknown): void {
    this.#end(failureStatus(this.#environment, this.#call, thrown));
  }

  drain(): void {
    if (!this.#ended) this.#guard(() => this.#handler.drain());
  }

  #request(request: Request | MalformedRequest): void {
    if (this.#ended) return;
    if (request instanceof MalformedRequest) this.#handler.malformed(request.error);
    else this.#handler.request(request);
  }

  #guard(work: () => void): void {
    try {
      work();
    } catch (thrown) {
      this.failThrown(thrown);
    }
  }

  #end(status: CallStatus): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#call.emit("error", status);
    this.#call.resume(); // what still comes is dropped, so that the client can finish sending and hear the status
  }

  #leave(): void {
    this.#ended = true;
    this.#gone = true;
    this.#environment.open.delete(this);
    this.#handler.gone();
  }
}
