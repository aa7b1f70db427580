/**
 * Everything that rests on private fields of grpc-js or Node's streams, for want of an option. Each function looks
 * whether the field is there and otherwise leaves things as they are; tests say so when a new version breaks one.
 */
import type { EventEmitter } from "node:events";
import { constants } from "node:http2";
import type { Server } from "@grpc/grpc-js";
import type { LivingSession } from "./keepalive.ts";

/**
 * Bytes that a client may have under way on a stream and on a connection. grpc-js leaves its servers at 64 KiB,
 * which holds an upload over 20 ms of round trip below 2 MB/s; more than 1 MiB gains nothing.
 */
export const WINDOW_BYTES = 1_048_576;

interface ServerInternals {
  readonly commonServerOptions?: { settings?: object };
  readonly http2Servers?: ReadonlyMap<EventEmitter, unknown>;
}

interface Session {
  setLocalWindowSize?(bytes: number): void;
}

/** Sets the window of each stream; before the server listens. */
export function widenStreamWindows(server: Server): void {
  const options = (server as unknown as ServerInternals).commonServerOptions;
  if (options === undefined) return;
  options.settings = { ...options.settings, initialWindowSize: WINDOW_BYTES };
}

/** Sets the window of each connection; after the server has its listener or injector, before it has connections. */
export function widenConnectionWindows(server: Server): void {
  for (const http2Server of http2Servers(server)) {
    http2Server.on("session", (session: Session) => session.setLocalWindowSize?.(WINDOW_BYTES));
  }
}

/** Calls back with each connection, once it is HTTP/2; after the server has its listener or injector. */
export function onSession(server: Server, listener: (session: LivingSession) => void): void {
  for (const http2Server of http2Servers(server)) http2Server.on("session", listener);
}

/** Calls back with the request headers of each call before grpc-js reads them; they may be changed. */
export function onRequestHeaders(server: Server, listener: (headers: Record<string, unknown>) => void): void {
  for (const http2Server of http2Servers(server)) {
    http2Server.prependListener("stream", (_stream: unknown, headers: Record<string, unknown>) =>
      listener(headers),
    );
  }
}

/** Lets a bidi call read one request ahead instead of sixteen, which may be 4 MiB each. */
export function limitReadAhead(call: object): void {
  const state = (call as { _readableState?: { highWaterMark?: number } })._readableState;
  if (typeof state?.highWaterMark === "number") state.highWaterMark = 1;
}

/** Resets the stream under a call whose client reads nothing, not even a status. It sees RESOURCE_EXHAUSTED. */
export function resetStalled(call: object): void {
  const stream = (call as { call?: { stream?: { close?(code: number): void } } }).call?.stream;
  stream?.close?.(constants.NGHTTP2_ENHANCE_YOUR_CALM);
}

function http2Servers(server: Server): Iterable<EventEmitter> {
  return (server as unknown as ServerInternals).http2Servers?.keys() ?? [];
}
