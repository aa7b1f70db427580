/** gRPC spoken by hand over node:http2, for clients that behave badly. */
import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect,
  type OutgoingHttpHeaders,
} from "node:http2";
import { atEnd } from "./harness.ts";

export interface RawServer {
  readonly port: number;
}

export function rawSession(server: RawServer): ClientHttp2Session {
  const session = connect(`http://127.0.0.1:${server.port}`);
  session.on("error", () => {});
  atEnd(() => session.destroy());
  return session;
}

/** Opens a call; the client reads nothing of it unless the test does. */
export function rawCall(
  session: ClientHttp2Session,
  path: string,
  headers: OutgoingHttpHeaders = {},
): ClientHttp2Stream {
  const stream = session.request({
    ":method": "POST",
    ":path": path,
    "content-type": "application/grpc",
    te: "trailers",
    ...headers,
  });
  stream.on("error", () => {});
  return stream;
}

/** A message with its prefix: not compressed, four bytes of length. */
export function framed(message: Uint8Array): Buffer {
  const frame = Buffer.alloc(5 + message.length);
  frame.writeUInt32BE(message.length, 1);
  frame.set(message, 5);
  return frame;
}

/** The grpc-status of a call, from its headers or trailers; undefined if its stream was reset instead. */
export function rawStatus(stream: ClientHttp2Stream): Promise<number | undefined> {
  return new Promise((resolve) => {
    const look = (headers: OutgoingHttpHeaders) => {
      if (headers["grpc-status"] !== undefined) resolve(Number(headers["grpc-status"]));
    };
    stream.on("response", look);
    stream.on("trailers", look);
    stream.on("close", () => resolve(undefined));
    stream.resume();
  });
}
