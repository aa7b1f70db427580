import type { ServerDuplexStream } from "@grpc/grpc-js";
import { type BidiHandler, BidiStream } from "./bidi-stream.ts";
import type { CallEnvironment } from "./calls.ts";
import { DeliveryWriter } from "./delivery-writer.ts";
import { EventLine } from "./event-line.ts";
import { resetStalled } from "./grpc-internals.ts";
import type { MalformedRequest } from "./malformed-request.ts";
import { ReadGate } from "./read-gate.ts";

/** The two directions of a member's call: commands come in while the gate is open, events leave in their order. */
export class EventStream<Request, Response, Reason extends string> {
  readonly stream: BidiStream<Request, Response>;
  readonly gate: ReadGate<Reason | "blocked">;
  readonly writer: DeliveryWriter<Response>;
  readonly events: EventLine<Response>;

  constructor(
    environment: CallEnvironment,
    call: ServerDuplexStream<Request | MalformedRequest, Response>,
    handler: BidiHandler<Request>,
  ) {
    this.stream = new BidiStream(environment, call, handler);
    this.gate = new ReadGate(this.stream);
    this.writer = new DeliveryWriter(this.stream, {
      clock: environment.clock,
      budget: environment.sending,
      reset: () => resetStalled(call),
      // Who does not take events gives no commands either: each may cause another event.
      blocked: (blocked) => this.gate.set("blocked", blocked),
    });
    this.events = new EventLine(this.writer);
  }

  /** Ends the call well when a member has left, after the events that are still to be sent. */
  finishAfter(left: Promise<void>): void {
    left.then(
      () => this.events.emptied.then(() => this.stream.finish()),
      (thrown) => this.stream.failThrown(thrown),
    );
  }
}
