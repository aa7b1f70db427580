/** The far side of the bare network: a gRPC server that keeps what it gets or not, and a TCP server that drops it. */
import "../../src/tune.ts"; // as the broker is
import { open } from "node:fs/promises";
import { type AddressInfo, createServer } from "node:net";
import { join } from "node:path";
import { Server, ServerCredentials, type ServerDuplexStream, type ServerWritableStream } from "@grpc/grpc-js";
import { widenConnectionWindows, widenStreamWindows } from "../../src/rpc/grpc-internals.ts";
import { BARE_OPTIONS, BARE_SERVICE } from "../support/bare-grpc.ts";
import { GroupWriter } from "../support/group-writer.ts";
import { serveTasks } from "../support/task-server.ts";

/** What the next upload becomes of. */
export interface KeepTask {
  /** "dropped" acknowledges at once; "durable" after fdatasync. */
  readonly keep: "dropped" | "written" | "durable";
  readonly folder: string;
  /** Files that batches go to in turn. */
  readonly files: number;
}

/** What the next download sends. */
export interface FileTask {
  readonly path: string;
  readonly chunkBytes: number;
}

const ACK = Buffer.alloc(8);
const CHUNKS_UNDER_WAY = 4;

/** Takes a batch and acknowledges it. */
type Sink = (batch: Buffer, acknowledge: () => void) => void;

let sink: Sink = (_batch, acknowledge) => acknowledge();
let writers: readonly GroupWriter[] = [];
let download: FileTask | undefined;

function up(call: ServerDuplexStream<Buffer, Buffer>): void {
  const acknowledge = () => call.write(ACK);
  call.on("data", (batch: Buffer) => sink(batch, acknowledge));
  call.on("end", () => call.end());
}

/** Reads ahead while some chunks are on their way, into a few buffers that take turns. */
async function sendFile(call: ServerWritableStream<Buffer, Buffer>, task: FileTask): Promise<void> {
  const file = await open(task.path, "r");
  const targets = Array.from({ length: CHUNKS_UNDER_WAY }, () => Buffer.allocUnsafeSlow(task.chunkBytes));
  const sent: Promise<void>[] = [];
  for (let chunk = 0; ; chunk++) {
    const slot = chunk % CHUNKS_UNDER_WAY;
    await sent[slot];
    const { bytesRead, buffer } = await file.read(
      targets[slot]!,
      0,
      task.chunkBytes,
      chunk * task.chunkBytes,
    );
    if (bytesRead === 0) break;
    sent[slot] = new Promise((resolve) => call.write(buffer.subarray(0, bytesRead), () => resolve()));
  }
  await file.close();
  call.end();
}

function down(call: ServerWritableStream<Buffer, Buffer>): void {
  if (download === undefined) throw new Error("no file was named");
  sendFile(call, download).catch((error: Error) => call.destroy(error));
}

serveTasks({
  /** Returns the port. */
  async listenGrpc(_task: undefined): Promise<number> {
    const server = new Server(BARE_OPTIONS);
    server.addService(BARE_SERVICE, { up, down });
    widenStreamWindows(server);
    const port = await new Promise<number>((resolve, reject) => {
      server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, bound) =>
        error === null ? resolve(bound) : reject(error),
      );
    });
    widenConnectionWindows(server);
    return port;
  },
  /** Returns the port. Answers one byte when the other side has sent everything. */
  async listenTcp(_task: undefined): Promise<number> {
    const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
      socket.on("data", () => {});
      socket.on("end", () => socket.end(ACK.subarray(0, 1)));
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    return (server.address() as AddressInfo).port;
  },
  async keepNext({ keep, folder, files }: KeepTask): Promise<void> {
    if (keep === "dropped") {
      sink = (_batch, acknowledge) => acknowledge();
      return;
    }
    const onError = (error: unknown) => {
      throw error;
    };
    writers = await Promise.all(
      Array.from({ length: files }, (_, i) =>
        GroupWriter.create(join(folder, `bare-${i}.log`), keep === "durable", onError),
      ),
    );
    let next = 0;
    sink = (batch, acknowledge) => writers[next++ % writers.length]!.append(batch, acknowledge);
  },
  /** After an upload. */
  async closeFiles(_task: undefined): Promise<void> {
    for (const writer of writers) await writer.close();
    writers = [];
  },
  async sendNext(task: FileTask): Promise<void> {
    download = task;
  },
} satisfies BareServerTasks);

/** What this process does. */
export interface BareServerTasks {
  listenGrpc(task: undefined): Promise<number>;
  listenTcp(task: undefined): Promise<number>;
  keepNext(task: KeepTask): Promise<void>;
  closeFiles(task: undefined): Promise<void>;
  sendNext(task: FileTask): Promise<void>;
}
