/** The TCP listener in front of grpc-js: bounds connections before any byte of theirs is read. */
import { createServer, type Server, type Socket } from "node:net";
import type { Clock, Logger } from "../base/index.ts";
import { type AddressLimits, ConnectionGuard } from "./connection-guard.ts";
import { ListenError } from "./listen-error.ts";

/** How connections are bounded. */
export interface ConnectionLimits {
  /** Most connections of all addresses together. */
  readonly open: number;
  /** For each remote address. */
  readonly perAddress: AddressLimits;
  /** For this machine's own addresses, where many processes may share one. */
  readonly perLoopbackAddress: AddressLimits;
}

/** Bounds against floods; this machine itself may do more. */
export const CONNECTION_LIMITS: ConnectionLimits = {
  open: 1_000,
  perAddress: { open: 50, perSecond: 20, burst: 40 },
  perLoopbackAddress: { open: 1_000, perSecond: 200, burst: 200 },
};

/** The bounds for other numbers of connections: an address that may have more than usual may open them as fast. */
export function connectionLimits(open: number, openPerAddress: number): ConnectionLimits {
  const { perAddress, perLoopbackAddress } = CONNECTION_LIMITS;
  const scale = Math.max(1, openPerAddress / perAddress.open);
  return {
    open,
    perAddress: {
      open: openPerAddress,
      perSecond: perAddress.perSecond * scale,
      burst: perAddress.burst * scale,
    },
    perLoopbackAddress: { ...perLoopbackAddress, open },
  };
}

/** Bytes of HTTP/2's client preface; who has not sent them in time is no client of ours. */
const PREFACE_BYTES = 24;
const PREFACE_TIMEOUT_MS = 10_000;
/** Refused connections are logged at most this often. */
const REFUSAL_LOG_MS = 10_000;

/** What a Listener needs. */
export interface ListenerOptions {
  readonly limits: ConnectionLimits;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Takes over an admitted connection. */
  readonly accept: (socket: Socket) => void;
}

/** Listens for a moment and lets nobody in. Throws ListenError if the address cannot be used. */
export async function tryAddress(host: string, port: number): Promise<void> {
  const server = createServer((socket) => socket.destroy());
  await listenOn(server, host, port);
  await new Promise((resolve) => server.close(resolve));
}

/** Starts to listen and returns the port, which the system chooses for 0. Throws ListenError. */
function listenOn(server: Server, host: string, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const refused = (error: Error) => reject(new ListenError(formatEndpoint(host, port), error));
    server.once("error", refused);
    server.listen({ host, port }, () => {
      server.off("error", refused);
      const address = server.address();
      resolve(typeof address === "object" && address !== null ? address.port : port);
    });
  });
}

/** Listens, admits or refuses, and knows every open connection. */
export class Listener {
  readonly #options: ListenerOptions;
  readonly #server: Server;
  readonly #guard: ConnectionGuard;
  readonly #sockets = new Set<Socket>();
  #refused = 0;
  #refusalLoggedMs = Number.NEGATIVE_INFINITY;

  constructor(options: ListenerOptions) {
    const { perAddress, perLoopbackAddress } = options.limits;
    this.#options = options;
    this.#guard = new ConnectionGuard(options.clock, (address) =>
      isLoopback(address) ? perLoopbackAddress : perAddress,
    );
    this.#server = createServer({ noDelay: true }, (socket) => this.#connected(socket));
    this.#server.maxConnections = options.limits.open;
    this.#server.on("drop", (data) => this.#logRefusal(data?.remoteAddress));
  }

  /** Connections open now. */
  get connections(): number {
    return this.#sockets.size;
  }

  /** Starts to listen and returns the port, which the system chooses for 0. Throws ListenError. */
  async listen(host: string, port: number): Promise<number> {
    const bound = await listenOn(this.#server, host, port);
    this.#server.on("error", (err) => this.#options.logger.error({ err }, "the listener failed"));
    return bound;
  }

  /** Takes no more connections; those that are open go on. */
  stop(): void {
    this.#server.close();
  }

  /** Resolves when the connections that are open now are closed. */
  async closed(): Promise<void> {
    const closing = [...this.#sockets].map(
      (socket) => new Promise<void>((resolve) => socket.once("close", () => resolve())),
    );
    await Promise.all(closing);
  }

  /** Cuts all connections; resolves when they are closed. */
  cutAll(): Promise<void> {
    const closed = this.closed();
    for (const socket of this.#sockets) socket.destroy();
    return closed;
  }

  #connected(socket: Socket): void {
    const address = socket.remoteAddress;
    if (address === undefined || !this.#guard.admit(address)) {
      this.#logRefusal(address);
      socket.destroy();
      return;
    }
    const { clock, accept } = this.#options;
    this.#sockets.add(socket);
    const preface = clock.schedule(PREFACE_TIMEOUT_MS, () => {
      if (socket.bytesRead < PREFACE_BYTES) socket.destroy();
    });
    socket.once("close", () => {
      preface.cancel();
      this.#sockets.delete(socket);
      this.#guard.release(address);
    });
    accept(socket);
  }

  #logRefusal(address: string | undefined): void {
    this.#refused++;
    const nowMs = this.#options.clock.monotonicMs();
    if (nowMs - this.#refusalLoggedMs < REFUSAL_LOG_MS) return;
    this.#refusalLoggedMs = nowMs;
    this.#options.logger.warn({ address, refused: this.#refused }, "refused connections over the limit");
    this.#refused = 0;
  }
}

/** "host:port", with brackets around an IPv6 address. */
export function formatEndpoint(host: string, port: number): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}

function isLoopback(address: string): boolean {
  return address === "::1" || /^(::ffff:)?127\./.test(address);
}
