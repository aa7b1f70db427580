/** The near side of the bare network. */
import { once } from "node:events";
import { createConnection } from "node:net";
import { type Client, Metadata } from "@grpc/grpc-js";
import { systemClock } from "../../src/base/index.ts";
import { BARE_SERVICE, dialBare } from "../support/bare-grpc.ts";
import { serveTasks } from "../support/task-server.ts";

/** What to send, to which port. */
export interface SendTask {
  readonly port: number;
  readonly bytes: number;
  /** Bytes of one write, or of one batch. */
  readonly pieceBytes: number;
  /** Batches sent and not acknowledged; of no meaning for TCP. */
  readonly window: number;
}

let client: Client | undefined;

/** Sends batches until everything is acknowledged, with at most `window` under way. */
async function upload({ port, bytes, pieceBytes, window }: SendTask): Promise<number> {
  client ??= dialBare(port);
  const { path, requestSerialize, responseDeserialize } = BARE_SERVICE.up;
  const call = client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize, new Metadata());
  const batches = Array.from({ length: window }, () => Buffer.alloc(pieceBytes, "v"));
  const count = Math.ceil(bytes / pieceBytes);
  const startMs = systemClock.monotonicMs();
  let sent = 0;
  let acknowledged = 0;
  const send = () => {
    while (sent < count && sent - acknowledged < window) call.write(batches[sent++ % window]!);
  };
  await new Promise<void>((resolve, reject) => {
    call.on("data", () => {
      if (++acknowledged === count) resolve();
      else send();
    });
    call.on("error", reject);
    send();
  });
  const tookMs = systemClock.monotonicMs() - startMs;
  call.end();
  await once(call, "status");
  return (count * pieceBytes) / tookMs / 1_000;
}

/** Takes a whole file. */
async function download({ port }: { readonly port: number }): Promise<number> {
  client ??= dialBare(port);
  const { path, requestSerialize, responseDeserialize } = BARE_SERVICE.down;
  const startMs = systemClock.monotonicMs();
  const call = client.makeServerStreamRequest(
    path,
    requestSerialize,
    responseDeserialize,
    Buffer.alloc(0),
    new Metadata(),
  );
  let bytes = 0;
  call.on("data", (chunk: Buffer) => {
    bytes += chunk.length;
  });
  await once(call, "end");
  return bytes / (systemClock.monotonicMs() - startMs) / 1_000;
}

/** Sends until the other side has everything. */
async function sendTcp({ port, bytes, pieceBytes }: SendTask): Promise<number> {
  const socket = createConnection({ port, host: "127.0.0.1", noDelay: true, allowHalfOpen: true });
  await once(socket, "connect");
  const piece = Buffer.alloc(pieceBytes, "v");
  const startMs = systemClock.monotonicMs();
  let sent = 0;
  while (sent < bytes) {
    sent += pieceBytes;
    if (!socket.write(piece)) await once(socket, "drain");
  }
  socket.end();
  await once(socket, "data");
  const mbPerSecond = sent / (systemClock.monotonicMs() - startMs) / 1_000;
  socket.destroy();
  return mbPerSecond;
}

serveTasks({ upload, download, sendTcp } satisfies BareClientTasks);

/** What this process does; each returns MB/s. */
export interface BareClientTasks {
  upload(task: SendTask): Promise<number>;
  download(task: { readonly port: number }): Promise<number>;
  sendTcp(task: SendTask): Promise<number>;
}
