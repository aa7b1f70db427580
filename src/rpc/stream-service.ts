/** StreamService: event-sourced streams. See proto/millrace/v1/stream_service.proto. */
import type { UntypedServiceImplementation } from "@grpc/grpc-js";
import { SerialQueue } from "../base/index.ts";
import { appendEventsHandler } from "./append-events.ts";
import type { AppendEnvironment } from "./append-request.ts";
import { type CallEnvironment, unary } from "./calls.ts";
import { readAllHandler } from "./read-all.ts";
import { readStreamHandler } from "./read-stream.ts";
import { streaming } from "./server-stream.ts";
import { subscribeAllHandler } from "./subscribe-all.ts";

/** The handlers of StreamService. */
export function streamServiceHandlers(
  environment: CallEnvironment & AppendEnvironment,
): UntypedServiceImplementation {
  const { broker } = environment;
  const positions = { broker, searches: new SerialQueue() };
  return {
    appendEvents: unary(environment, appendEventsHandler(environment)),
    readStream: streaming(environment, readStreamHandler(broker)),
    readAll: streaming(environment, readAllHandler(positions)),
    subscribeAll: streaming(environment, subscribeAllHandler(positions)),
  };
}
