/** The broker's gRPC server: listener, limits, services, and an orderly end. */
import { Server, ServerCredentials } from "@grpc/grpc-js";
import { type Clock, type Logger, RPC_MESSAGE_BYTES_MAX, silentLogger, systemClock } from "../base/index.ts";
import type { BrokerApi } from "../broker/index.ts";
import { ByteBudget } from "./byte-budget.ts";
import { CallGate } from "./call-gate.ts";
import type { Drainable } from "./calls.ts";
import { DescriptorIndex } from "./descriptor-index.ts";
import { onRequestHeaders, onSession, widenConnectionWindows, widenStreamWindows } from "./grpc-internals.ts";
import type { Health } from "./health.ts";
import { keepAlive } from "./keepalive.ts";
import { CONNECTION_LIMITS, type ConnectionLimits, formatEndpoint, Listener } from "./listener.ts";
import { readDescriptorSet } from "./read-descriptor-set.ts";
import { SendBudget } from "./send-budget.ts";
import { addServices } from "./services.ts";

/** How the server works; every option has a default. */
export interface RpcServerOptions {
  /** Address or name to listen on. Default 127.0.0.1: this machine only. */
  readonly host?: string;
  /** Port, 0 for one that the system chooses. Default 7171. */
  readonly port?: number;
  /** Version of this program, told by DescribeCluster. Default "unknown". */
  readonly version?: string;
  /** Default: logs nothing. */
  readonly logger?: Logger;
  readonly clock?: Clock;
  /** Most bytes of batches that are received and not answered, of all calls together. Default 64 MiB. */
  readonly produceBytesMax?: number;
  /** Most bytes of answers and deliveries that clients have not taken yet, of all together. Default 64 MiB. */
  readonly sendBytesMax?: number;
  /** How long a client may take nothing of what waits for it. Default 30,000 ms. */
  readonly stallTimeoutMs?: number;
  /** Milliseconds after which a connection is asked whether its client still answers (HTTP/2 PING). Default 10,000. */
  readonly keepaliveTimeMs?: number;
  /** Milliseconds to wait for that answer before the connection is cut. Default 5,000. */
  readonly keepaliveTimeoutMs?: number;
  /** Default: CONNECTION_LIMITS. */
  readonly connections?: ConnectionLimits;
}

/** Limits of the gRPC server. Each default of grpc-js that is left out here means "without a limit". */
const SERVER_OPTIONS = {
  "grpc.max_receive_message_length": RPC_MESSAGE_BYTES_MAX,
  "grpc.max_send_message_length": RPC_MESSAGE_BYTES_MAX,
  "grpc.max_concurrent_streams": 100,
  "grpc.max_connection_idle_ms": 300_000,
  "grpc.max_connection_age_ms": 3_600_000,
  "grpc.max_connection_age_grace_ms": 60_000,
  "grpc.enable_channelz": 0,
};

/** This machine only. */
export const DEFAULT_HOST = "127.0.0.1";
const DEFAULT_PORT = 7171;
const PRODUCE_BYTES_MAX = 64 * 1_048_576;
const SEND_BYTES_MAX = 64 * 1_048_576;
const STALL_TIMEOUT_MS = 30_000;
const KEEPALIVE_TIME_MS = 10_000;
const KEEPALIVE_TIMEOUT_MS = 5_000;

interface Parts {
  readonly server: Server;
  readonly listener: Listener;
  readonly gate: CallGate;
  readonly health: Health;
  readonly open: Set<Drainable>;
  readonly clock: Clock;
}

/** A listening gRPC server over a broker, which it does not close. */
export class RpcServer {
  /** Port it listens on. */
  readonly port: number;
  /** Where it listens, "host:port". */
  readonly endpoint: string;
  readonly #parts: Parts;
  #drained: Promise<void> | undefined;

  private constructor(parts: Parts, host: string, port: number) {
    this.#parts = parts;
    this.port = port;
    this.endpoint = formatEndpoint(host, port);
  }

  /** Listens and serves. Throws ListenError if it cannot listen. */
  static async start(broker: BrokerApi, options: RpcServerOptions = {}): Promise<RpcServer> {
    const { host = DEFAULT_HOST, port = DEFAULT_PORT, logger = silentLogger, clock = systemClock } = options;
    const open = new Set<Drainable>();
    const gate = new CallGate();
    const server = new Server({ ...SERVER_OPTIONS, interceptors: [gate.interceptor] });
    const health = addServices(server, {
      clock,
      logger,
      open,
      broker,
      budget: new ByteBudget(options.produceBytesMax ?? PRODUCE_BYTES_MAX),
      sending: new SendBudget({
        clock,
        bytesMax: options.sendBytesMax ?? SEND_BYTES_MAX,
        stallTimeoutMs: options.stallTimeoutMs ?? STALL_TIMEOUT_MS,
      }),
      version: options.version ?? "unknown",
      descriptors: new DescriptorIndex(await readDescriptorSet()),
    });
    widenStreamWindows(server);
    const injector = server.createConnectionInjector(ServerCredentials.createInsecure());
    widenConnectionWindows(server);
    const timeMs = options.keepaliveTimeMs ?? KEEPALIVE_TIME_MS;
    const timeoutMs = options.keepaliveTimeoutMs ?? KEEPALIVE_TIMEOUT_MS;
    onSession(server, (session) => keepAlive(session, { clock, timeMs, timeoutMs }));
    onRequestHeaders(server, (headers) => gate.checkHeaders(headers));
    const listener = new Listener({
      limits: options.connections ?? CONNECTION_LIMITS,
      clock,
      logger,
      accept: (socket) => injector.injectConnection(socket),
    });
    const bound = await listener.listen(host, port);
    return new RpcServer({ server, listener, gate, health, open, clock }, host, bound);
  }

  /** Connections open now. */
  get connections(): number {
    return this.#parts.listener.connections;
  }

  /**
   * Ends service in order, within `graceMs`: health says NOT_SERVING, new calls are refused with SHUTTING_DOWN,
   * batches that were begun are answered, open streams end with SHUTTING_DOWN, waiting fetches answer early. What is
   * not done by then is cut. Resolves when all connections are closed; a second call waits for the first.
   */
  drain(graceMs: number): Promise<void> {
    this.#drained ??= this.#drain(graceMs);
    return this.#drained;
  }

  async #drain(graceMs: number): Promise<void> {
    const { server, listener, gate, health, open, clock } = this.#parts;
    health.stopServing();
    gate.close();
    for (const call of [...open]) call.drain();
    // Says GOAWAY. Its callback is of no use: on Node 24 it comes while streams are still open, as http2 servers
    // there close their sessions themselves, and grpc-js takes a closing session for a closed one.
    server.tryShutdown(() => {});
    await within(clock, graceMs, listener.closed());
    listener.stop();
    server.forceShutdown();
    await listener.cutAll(); // without channelz, grpc-js knows no sessions to destroy
  }
}

/** Waits for the work, but no longer than `delayMs`. */
function within(clock: Clock, delayMs: number, work: Promise<void>): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = clock.schedule(delayMs, resolve);
    work.then(resolve, reject).finally(() => timer.cancel());
  });
}
