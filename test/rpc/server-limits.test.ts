import { once } from "node:events";
import { createConnection, type Socket } from "node:net";
import { describe, expect, it } from "vitest";
import { silentLogger } from "../../src/base/index.ts";
import { CONNECTION_LIMITS, ListenError, RpcServer } from "../../src/rpc/index.ts";
import { encodeDelivery } from "../../src/wire/index.ts";
import { FakeBroker } from "./fake-broker.ts";
import { ManualClock } from "../support/manual-clock.ts";
import { atEnd, batchOf, connect, log, startServer, topics, until } from "./harness.ts";
import { framed, rawCall, rawSession, rawStatus } from "./raw-http2.ts";

const listTopics = topics.listTopics.path;
const emptyRequest = framed(Buffer.alloc(0));

describe("deadlines", () => {
  async function statusWith(timeout: string): Promise<number | undefined> {
    const server = await startServer(new FakeBroker());
    const call = rawCall(rawSession(server), listTopics, { "grpc-timeout": timeout });
    call.end(emptyRequest);
    return rawStatus(call);
  }

  it.each(["-1S", "1", "S", "1.5S", "123456789S", "1S, 1S", "1x"])("%j is refused", async (timeout) => {
    expect(await statusWith(timeout)).toBe(3);
  });

  it.each(["1S", "99999999H", "99999999S", "2147483S", "10M"])("%s is honoured", async (timeout) => {
    expect(await statusWith(timeout)).toBe(0);
  });

  it("the refusal of one call does not touch the next on the same connection", async () => {
    const server = await startServer(new FakeBroker());
    const session = rawSession(server);
    const calls = ["-1S", "1S", "-1S", "1S"].map((timeout) => {
      const call = rawCall(session, listTopics, { "grpc-timeout": timeout });
      call.end(emptyRequest);
      return rawStatus(call);
    });
    expect(await Promise.all(calls)).toEqual([3, 0, 3, 0]);
    const unknown = rawCall(session, "/millrace.v1.Nope/Call", { "grpc-timeout": "-1S" });
    expect(await rawStatus(unknown)).toBe(12);
    const next = rawCall(session, listTopics);
    next.end(emptyRequest);
    expect(await rawStatus(next)).toBe(0);
  });
});

describe("the transport", () => {
  it("lets a client have 1 MiB under way on each stream and connection", async () => {
    const session = rawSession(await startServer(new FakeBroker()));
    await until(() => session.remoteSettings?.initialWindowSize === 1_048_576);
    await until(() => session.state.remoteWindowSize === 1_048_576);
    expect(session.remoteSettings.maxConcurrentStreams).toBe(100);
  });

  it("refuses a message above 4 MiB by its length, before its body", async () => {
    const call = rawCall(rawSession(await startServer(new FakeBroker())), log.produce.path);
    const prefix = Buffer.alloc(5);
    prefix.writeUInt32BE(4 * 1_048_576 + 1, 1);
    call.write(prefix);
    expect(await rawStatus(call)).toBe(8);
  });

  it("takes a batch of the largest size that any topic may allow", async () => {
    const broker = new FakeBroker();
    await broker.createTopic({ name: "t" });
    const client = connect(await startServer(broker));
    const batch = batchOf(Buffer.alloc(3 * 1_048_576 - 100));
    const error = await client.failure(log.produce, { topic: "t", partition: 0, batch });
    expect(error.reason).toBe("BATCH_TOO_LARGE"); // by the topic's limit, not the transport's
  });

  it("accepts gathered messages on both sides as grpc-js frames them", async () => {
    const delivery = encodeDelivery("subscribe", {
      topic: "t",
      partition: 0,
      assignmentId: 0,
      logStartOffset: 0,
      highWatermark: 9,
      nextOffset: 9,
      chargedRecords: 0,
      chargedBytes: 0,
      content: { form: "batches", chunks: [Buffer.from("ab"), Buffer.from("c")] },
    });
    const { Server, ServerCredentials, Client, credentials } = await import("@grpc/grpc-js");
    const raw = { path: "/t/T", requestStream: false, responseStream: false };
    const identity = (bytes: Buffer) => bytes;
    const gather = () => delivery.asSerialized();
    const server = new Server();
    server.addService(
      {
        echo: {
          ...raw,
          requestSerialize: gather,
          requestDeserialize: identity,
          responseSerialize: gather,
          responseDeserialize: identity,
        },
      },
      {
        echo: (call: { request: Buffer }, answer: (error: null, bytes: Buffer) => void) => {
          expect(call.request).toEqual(delivery.toBuffer());
          answer(null, call.request);
        },
      },
    );
    const port = await new Promise<number>((resolve, reject) =>
      server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, bound) =>
        error ? reject(error) : resolve(bound),
      ),
    );
    const client = new Client(`127.0.0.1:${port}`, credentials.createInsecure());
    atEnd(() => {
      client.close();
      server.forceShutdown();
    });
    const answer = await new Promise((resolve, reject) =>
      client.makeUnaryRequest("/t/T", gather, identity, {}, (error, bytes) =>
        error ? reject(error) : resolve(bytes),
      ),
    );
    expect(answer).toEqual(delivery.toBuffer());
  });
});

function dial(server: RpcServer): Promise<Socket> {
  const socket = createConnection(server.port, "127.0.0.1");
  socket.on("error", () => {});
  atEnd(() => socket.destroy());
  return new Promise((resolve) => socket.once("connect", () => resolve(socket)));
}

describe("connections", () => {
  const limits = (perLoopbackAddress: typeof CONNECTION_LIMITS.perAddress, open = 1_000) => ({
    connections: { ...CONNECTION_LIMITS, open, perLoopbackAddress },
  });

  it("above the number for one address are closed", async () => {
    const server = await startServer(new FakeBroker(), limits({ open: 3, perSecond: 1_000, burst: 1_000 }));
    const sockets: Socket[] = [];
    for (let i = 0; i < 5; i++) sockets.push(await dial(server));
    await until(
      () => sockets.filter((socket) => socket.destroyed || socket.readableEnded).length === 2 || false,
    );
    expect(server.connections).toBe(3);
    sockets[0]!.destroy();
    await until(() => server.connections === 2);
    await dial(server);
    await until(() => server.connections === 3);
  });

  it("that come too fast from one address are closed", async () => {
    const warnings: unknown[] = [];
    const logger = { ...silentLogger, warn: (fields: unknown) => void warnings.push(fields) };
    const options = limits({ open: 1_000, perSecond: 0.001, burst: 2 });
    const server = await startServer(new FakeBroker(), { ...options, logger });
    for (let i = 0; i < 10; i++) (await dial(server)).resume();
    await until(() => warnings.length > 0);
    expect(server.connections).toBe(2);
    expect(warnings).toEqual([{ address: "127.0.0.1", refused: 1 }]);
  });

  it("above the number for all are closed", async () => {
    const options = limits({ open: 1_000, perSecond: 1_000, burst: 1_000 }, 2);
    const server = await startServer(new FakeBroker(), options);
    for (let i = 0; i < 6; i++) (await dial(server)).resume();
    await until(() => server.connections === 2);
    const client = connect(server);
    expect((await client.failure(topics.listTopics, {})).reason).toBe("DISCONNECTED");
  });

  it("that send something else than HTTP/2 are closed and harm nobody", async () => {
    const server = await startServer(new FakeBroker());
    const socket = await dial(server);
    socket.resume();
    socket.write("GET / HTTP/1.1\r\nhost: x\r\n\r\n".repeat(10));
    await until(() => server.connections === 0);
    expect((await connect(server).call(topics.listTopics, {})).topics).toEqual([]);
  });
});

describe("a connection that does not send HTTP/2's preface", () => {
  const preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
  const limits = { open: 2, perSecond: 1, burst: 3 };
  const connections = { ...CONNECTION_LIMITS, perLoopbackAddress: limits };

  it.each([
    ["nothing", ""],
    ["all but the last byte of it", preface.slice(0, -1)],
  ])("but %s is closed after ten seconds, and its place is free again", async (_, sent) => {
    const clock = new ManualClock();
    const server = await startServer(new FakeBroker(), { clock, connections });
    const silent = await dial(server);
    const client = await dial(server);
    await Promise.all([said(silent, sent), said(client, preface)]);
    expect(server.connections).toBe(2);
    clock.advance(9_999);
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(server.connections).toBe(2);
    clock.advance(1);
    await once(silent, "close");
    await until(() => server.connections === 1);
    expect(client.destroyed).toBe(false);
    await dial(server);
    await until(() => server.connections === 2);
    expect(clock.timerCount).toBe(3); // keepalive of both that are open, and the last one's wait for its preface
  });

  /** Sends, and knows that the server has read it: its answer to the preface, or time enough for less. */
  async function said(socket: Socket, text: string): Promise<void> {
    socket.resume();
    if (text === preface) {
      const answered = once(socket, "data");
      socket.write(text);
      await answered;
    } else if (text !== "") {
      await new Promise<void>((resolve) => socket.write(text, () => resolve()));
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
});

describe("listening", () => {
  it("at a port in use fails with the address and a remedy", async () => {
    const server = await startServer(new FakeBroker());
    const failure = await RpcServer.start(new FakeBroker(), { port: server.port }).catch((error) => error);
    expect(failure).toBeInstanceOf(ListenError);
    expect(failure).toMatchObject({ code: "EADDRINUSE", address: `127.0.0.1:${server.port}` });
    expect(failure.message).toContain("--port");
  });

  it("at an address that is not this machine's fails", async () => {
    const failure = await RpcServer.start(new FakeBroker(), { host: "192.0.2.1", port: 0 }).catch(
      (error) => error,
    );
    expect(failure).toMatchObject({ name: "ListenError", code: "EADDRNOTAVAIL" });
  });

  it("on IPv6 tells an endpoint that can be dialled", async () => {
    const server = await startServer(new FakeBroker(), { host: "::1" }).catch((error) => error);
    if (server instanceof ListenError) return; // a machine without IPv6
    expect(server.endpoint).toBe(`[::1]:${server.port}`);
    expect((await connect(server).call(topics.listTopics, {})).topics).toEqual([]);
  });
});
