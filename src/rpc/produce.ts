/** LogService.Produce: one batch, answered when it is as durable as requested. */
import type { millrace } from "../gen/millrace.js";
import type { ProduceFields } from "../wire/index.ts";
import { type AppendEnvironment, append, receiptMessage } from "./append-request.ts";
import type { UnaryHandler } from "./calls.ts";

/** The handler of Produce. */
export function produceHandler(
  environment: AppendEnvironment,
): UnaryHandler<ProduceFields, millrace.v1.ProduceResponse.$Properties> {
  return async (request) => {
    const bytes = request.frameBytes; // all of it stays until the answer, however little is payload
    environment.budget.acquire(bytes);
    try {
      return { receipt: receiptMessage(await append(environment, request)) };
    } finally {
      environment.budget.release(bytes);
    }
  };
}
