/** From grpc-js calls to functions and back: cancellation, failures to statuses, what is open while draining. */
import type { handleUnaryCall, sendUnaryData, UntypedServiceImplementation } from "@grpc/grpc-js";
import { type Clock, type Logger, RPC_MESSAGE_BYTES_MAX } from "../base/index.ts";
import type { ReadRoom } from "../broker/index.ts";
import { MillraceError } from "../errors/index.ts";
import { errorToStatus, type Method } from "../wire/index.ts";
import { AnswerRoom, type EndingCall } from "./answer-room.ts";
import { MalformedRequest } from "./malformed-request.ts";
import type { SendBudget } from "./send-budget.ts";

/** Largest answer that fits one message of every client with its envelope. */
const ANSWER_BYTES_MAX = RPC_MESSAGE_BYTES_MAX - 65_536;

/** What calls of all kinds have, as far as it matters here. */
export interface AnyCall extends EndingCall {
  getPath(): string;
  getPeer(): string;
}

/** Something that ends, or can be made to end, when the server drains. */
export interface Drainable {
  /** Called once: finish what was begun, then end with SHUTTING_DOWN (streams) or an early answer (waits). */
  drain(): void;
}

/** What every handler shares. */
export interface CallEnvironment {
  readonly clock: Clock;
  readonly logger: Logger;
  /** Streams and waiting calls that are open. */
  readonly open: Set<Drainable>;
  /** Answers that clients have not taken yet. */
  readonly sending: SendBudget;
}

/** What a unary handler knows of its call. */
export interface UnaryContext {
  /** The client gave up, its deadline passed, or the connection is gone. */
  readonly cancelled: boolean;
  /** Aborted when `cancelled` becomes true, and when the server drains. Made on the first use. */
  signal(): AbortSignal;
  /** Room for what is read for the answer; what `sending` does not use is given back. */
  readonly room: ReadRoom;
  /**
   * To be called before returning an answer that may be large, with its encoded size. Throws OVERLOADED if no room was
   * taken and too much waits for clients already, INVALID_REQUEST with the remedy if the answer would not fit one message.
   */
  sending(bytes: number, remedy: string): void;
  /** To be called before an answer is made that may have far too much, with what it has at least; throws as `sending`. */
  fitting(leastBytes: number, remedy: string): void;
}

/** A unary handler; what it throws becomes the status. */
export type UnaryHandler<Request, Response> = (
  request: Request,
  context: UnaryContext,
) => Response | Promise<Response>;

type Handlers<Definition> = {
  readonly [Name in keyof Definition]: Definition[Name] extends Method<
    infer _In,
    infer Request,
    infer Response,
    infer _Out
  >
    ? UnaryHandler<Exclude<Request, MalformedRequest>, Response>
    : never;
};

/** Handlers of a service whose methods are all unary, as grpc-js wants them. */
export function unaryService<Definition extends object>(
  environment: CallEnvironment,
  _definition: Definition,
  handlers: Handlers<Definition>,
): UntypedServiceImplementation {
  const entries = Object.entries<UnaryHandler<never, unknown>>(handlers);
  return Object.fromEntries(entries.map(([name, handler]) => [name, unary(environment, handler)]));
}

/** One unary handler as grpc-js wants it. */
export function unary<Request, Response>(
  environment: CallEnvironment,
  handler: UnaryHandler<Request, Response>,
): handleUnaryCall<Request | MalformedRequest, Response> {
  return (call, callback) => {
    const request = call.request;
    if (request instanceof MalformedRequest) {
      callback(errorToStatus(request.error), null);
      return;
    }
    const context = new CallContext(environment, call);
    void answer(environment, call, () => handler(request, context), callback).finally(() => context.close());
  };
}

async function answer<Response>(
  environment: CallEnvironment,
  call: AnyCall,
  work: () => Response | Promise<Response>,
  callback: sendUnaryData<Response>,
): Promise<void> {
  try {
    callback(null, await work());
  } catch (thrown) {
    callback(failureStatus(environment, call, thrown), null);
  }
}

/** The status for a failure; defects of ours are logged with the call they met. */
export function failureStatus(environment: CallEnvironment, call: AnyCall, thrown: unknown) {
  const error = MillraceError.from(thrown);
  if (error.reason === "INTERNAL") {
    environment.logger.error({ err: thrown, rpc: call.getPath(), peer: call.getPeer() }, "a call failed");
  }
  return errorToStatus(error);
}

/** The error of everything that a draining server does not do any more. */
export function shuttingDown(): MillraceError {
  const text = "the broker is shutting down; try again, it or another broker will be there";
  return new MillraceError("SHUTTING_DOWN", text);
}

class CallContext implements UnaryContext, Drainable {
  readonly #environment: CallEnvironment;
  readonly #call: AnyCall;
  readonly room: AnswerRoom;
  #controller: AbortController | undefined;

  constructor(environment: CallEnvironment, call: AnyCall) {
    this.#environment = environment;
    this.#call = call;
    this.room = new AnswerRoom(environment.sending, call);
  }

  get cancelled(): boolean {
    return this.#call.cancelled;
  }

  signal(): AbortSignal {
    if (this.#controller === undefined) {
      const controller = new AbortController();
      this.#controller = controller;
      this.#call.once("cancelled", () => controller.abort());
      if (this.#call.cancelled) controller.abort();
      this.#environment.open.add(this);
    }
    return this.#controller.signal;
  }

  fitting(leastBytes: number, remedy: string): void {
    if (leastBytes <= ANSWER_BYTES_MAX) return;
    const text = `the answer would have ${leastBytes} bytes; allowed: ${ANSWER_BYTES_MAX}; ${remedy}`;
    throw new MillraceError("INVALID_REQUEST", text, { details: { field: "request", allowed: remedy } });
  }

  sending(bytes: number, remedy: string): void {
    this.fitting(bytes, remedy);
    if (!this.#call.cancelled) this.room.hold(bytes);
  }

  drain(): void {
    this.#controller?.abort();
  }

  close(): void {
    this.room.giveBack();
    this.#environment.open.delete(this);
  }
}
