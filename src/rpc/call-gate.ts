/** What is decided about a call before its handler, or even its body, is touched. */
import { TIMER_MS_MAX } from "../base/index.ts";
import { type ServerInterceptor, ServerInterceptingCall, ServerListenerBuilder } from "@grpc/grpc-js";
import { MillraceError } from "../errors/index.ts";
import { errorToStatus } from "../wire/index.ts";
import { shuttingDown } from "./calls.ts";

/** Whoever asks for the health of a draining server shall hear it. */
const ALWAYS_OPEN = "/grpc.health.v1.Health/Check";
const TIMEOUT_HEADER = "grpc-timeout";
/** TimeoutValue TimeoutUnit of gRPC's protocol (grpc/doc/PROTOCOL-HTTP2.md). */
const TIMEOUT = /^([0-9]{1,8})([HMSmun])$/;
const UNIT_MS: Readonly<Record<string, number>> = {
  H: 3_600_000,
  M: 60_000,
  S: 1_000,
  m: 1,
  u: 1e-3,
  n: 1e-6,
};

/**
 * Refuses calls with a malformed deadline, and all new calls while the server drains. grpc-js finds a deadline
 * anywhere in the header ("-1S" is 1 s to it) and lets a long one wrap around, so the header is checked first.
 */
export class CallGate {
  #draining = false;
  /** Of the call whose headers were seen last: grpc-js makes the call, and asks the interceptor, right after. */
  #refusal: MillraceError | undefined;

  /** Refuses every call from now on. */
  close(): void {
    this.#draining = true;
  }

  /** To be called with the headers of each call before grpc-js reads them. Takes out deadlines too far away. */
  checkHeaders(headers: Record<string, unknown>): void {
    this.#refusal = undefined;
    const timeout = headers[TIMEOUT_HEADER];
    if (timeout === undefined) return;
    const match = TIMEOUT.exec(String(timeout));
    if (match === null) {
      delete headers[TIMEOUT_HEADER];
      this.#refusal = badTimeout(String(timeout));
    } else if (Number(match[1]) * UNIT_MS[match[2]!]! > TIMER_MS_MAX) {
      delete headers[TIMEOUT_HEADER];
    }
  }

  /** For grpc-js; calls that pass are not wrapped and cost nothing more. */
  readonly interceptor: ServerInterceptor = (method, call) => {
    const refusal =
      this.#refusal ?? (this.#draining && method.path !== ALWAYS_OPEN ? shuttingDown() : undefined);
    this.#refusal = undefined;
    if (refusal === undefined) return call as ServerInterceptingCall;
    const listener = new ServerListenerBuilder()
      .withOnReceiveMetadata(() => call.sendStatus(errorToStatus(refusal)))
      .build();
    return new ServerInterceptingCall(call, { start: (next) => next(listener) });
  };
}

function badTimeout(value: string): MillraceError {
  const allowed = "1 to 8 digits and one of H M S m u n";
  const text = `the deadline (${TIMEOUT_HEADER}) is ${JSON.stringify(value.slice(0, 40))}; allowed: ${allowed}`;
  return new MillraceError("INVALID_REQUEST", text, { details: { field: TIMEOUT_HEADER, value, allowed } });
}
