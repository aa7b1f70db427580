import {
  Client,
  type ClientDuplexStream,
  type ClientReadableStream,
  credentials,
  Metadata,
} from "@grpc/grpc-js";
import { type Clock, RPC_MESSAGE_BYTES_MAX } from "../../base/index.ts";
import type { MillraceError } from "../../errors/index.ts";
import { callError, type EndpointOrigin } from "./call-failure.ts";
import type { Callable } from "./services.ts";

/** What all connections of a client share. */
export interface ConnectionOptions {
  readonly clientId: string;
  /** Deadline of unary calls. */
  readonly timeoutMs: number;
  readonly clock: Clock;
}

/** Receive window: the largest single gain for bulk data, and no more is gained above it. */
const WINDOW_BYTES = 1_048_576;
const KEEPALIVE_TIME_MS = 30_000;
const KEEPALIVE_TIMEOUT_MS = 10_000;
/** The retries are ours; the transport only dials again soon after a broker came back. */
const REDIAL_MS_MIN = 100;
const REDIAL_MS_MAX = 1_000;

/**
 * The way to one broker. Streams with bulk data have a TCP connection of their own, so that an administrative call
 * never waits behind megabytes of records.
 */
export class BrokerConnection {
  readonly endpoint: string;
  readonly origin: EndpointOrigin;
  readonly #options: ConnectionOptions;
  readonly #control: Client;
  #data: Client | undefined;

  constructor(endpoint: string, origin: EndpointOrigin, options: ConnectionOptions) {
    this.endpoint = endpoint;
    this.origin = origin;
    this.#options = options;
    this.#control = this.#dial();
  }

  /** Makes a unary call. Throws a MillraceError; DEADLINE_EXCEEDED after `timeoutMs`. */
  call<Request, Response>(
    method: Callable<Request, Response>,
    request: Request,
    timeoutMs = this.#options.timeoutMs,
  ): Promise<Response> {
    const deadline = this.#options.clock.nowMs() + timeoutMs;
    return new Promise((resolve, reject) => {
      this.#control.makeUnaryRequest(
        method.path,
        method.requestSerialize,
        method.responseDeserialize,
        request,
        new Metadata(),
        { deadline },
        (failure, response) => {
          if (failure) reject(callError(failure, this.endpoint, this.origin));
          else resolve(response as Response);
        },
      );
    });
  }

  /**
   * Opens a stream, for bulk data unless it is said to be for small commands, which wait for no data then. Its "error"
   * carries a ServiceError: see `explain`.
   */
  openStream<Request, Response>(
    method: Callable<Request, Response>,
    load: "bulk" | "control" = "bulk",
  ): ClientDuplexStream<Request, Response> {
    if (load === "bulk") this.#data ??= this.#dial();
    const client = load === "bulk" ? this.#data! : this.#control;
    return client.makeBidiStreamRequest(
      method.path,
      method.requestSerialize,
      method.responseDeserialize,
      new Metadata(),
    );
  }

  /** Makes a call that is answered by a stream, on the connection for bulk data. Its failures: see `explain`. */
  openReading<Request, Response>(
    method: Callable<Request, Response>,
    request: Request,
  ): ClientReadableStream<Response> {
    this.#data ??= this.#dial();
    return this.#data.makeServerStreamRequest(
      method.path,
      method.requestSerialize,
      method.responseDeserialize,
      request,
      new Metadata(),
    );
  }

  /** The failure of a stream as an error. */
  explain(failure: Parameters<typeof callError>[0]): MillraceError {
    return callError(failure, this.endpoint, this.origin);
  }

  /** Ends the connections; calls under way fail. */
  close(): void {
    this.#control.close();
    this.#data?.close();
  }

  #dial(): Client {
    return new Client(this.endpoint, credentials.createInsecure(), {
      "grpc.primary_user_agent": this.#options.clientId,
      "grpc.use_local_subchannel_pool": 1,
      "grpc-node.flow_control_window": WINDOW_BYTES,
      "grpc.max_receive_message_length": RPC_MESSAGE_BYTES_MAX + 65_536,
      "grpc.enable_retries": 0,
      "grpc.enable_http_proxy": 0,
      "grpc.keepalive_time_ms": KEEPALIVE_TIME_MS,
      "grpc.keepalive_timeout_ms": KEEPALIVE_TIMEOUT_MS,
      "grpc.initial_reconnect_backoff_ms": REDIAL_MS_MIN,
      "grpc.max_reconnect_backoff_ms": REDIAL_MS_MAX,
      "grpc.service_config_disable_resolution": 1,
    });
  }
}
