/** Bytes that calls read of logs count against the send budget from before they are read: many wake at one append. */
import { beforeEach, describe, expect, it, vi } from "vitest";
import { systemRandom } from "../../src/base/index.ts";
import { Broker } from "../../src/broker/index.ts";
import { MemoryFileSystem } from "../../src/fs/index.ts";
import { millrace } from "../../src/gen/millrace.js";
import { PartitionLog } from "../../src/log/index.ts";
import { MemoryMetadataStore } from "../../src/metadata/index.ts";
import type { RpcServer } from "../../src/rpc/index.ts";
import { closedGate } from "../support/gate.ts";
import { atEnd, batchOf, connect, log, startServer, until } from "./harness.ts";
import { framed, rawCall, rawSession } from "./raw-http2.ts";

const { RECORD_FORMAT_BATCHES, RECORD_FORMAT_RECORDS } = millrace.v1.RecordFormat;
const BUDGET = 8 * 1_048_576;
const CALLS = 16;
const FETCH = { positions: [{ topic: "t" }], format: RECORD_FORMAT_BATCHES, maxWaitMs: 30_000 };

let broker: Broker;
let server: RpcServer;
/** Bytes read of the log that were not let go of, and the most of them at once. */
let read: { bytes: number; bytesMax: number };
/** Reads wait here. */
let mayRead: Promise<void>;

beforeEach(async () => {
  const metadata = new MemoryMetadataStore(systemRandom);
  broker = await Broker.open({ fs: new MemoryFileSystem(), metadata, dataDir: "/data" });
  atEnd(() => broker.close());
  await broker.createTopic({ name: "t" });
  server = await startServer(broker, { sendBytesMax: BUDGET });
  read = { bytes: 0, bytesMax: 0 };
  mayRead = Promise.resolve();
  const whole = PartitionLog.prototype.read;
  const spy = vi.spyOn(PartitionLog.prototype, "read").mockImplementation(async function (
    this: PartitionLog,
    offset,
    maxBytes,
  ) {
    await mayRead;
    const result = await whole.call(this, offset, maxBytes);
    read.bytes += result.bytes;
    read.bytesMax = Math.max(read.bytesMax, read.bytes);
    const release = () => {
      read.bytes -= result.bytes;
    };
    return { ...result, release };
  });
  atEnd(() => spy.mockRestore());
});

/** Resolves when as many calls as begun wait for what is appended then. */
async function appendOnceTheyWait(begin: () => void): Promise<void> {
  const listening = vi.spyOn(PartitionLog.prototype, "listen");
  atEnd(() => listening.mockRestore());
  begin();
  await until(() => listening.mock.calls.length === CALLS);
  expect(read.bytes).toBe(0);
  await broker.produce("t", 0, batchOf(Buffer.alloc(1_000_000)), undefined);
}

const fetchBody = () => framed(millrace.v1.FetchRequest.encode(FETCH).finish());

describe("many fetches that wait for one append", () => {
  it("read no more at once than the budget while no client takes anything", async () => {
    const session = rawSession(server);
    await appendOnceTheyWait(() => {
      for (let i = 0; i < CALLS; i++) rawCall(session, log.fetch.path).end(fetchBody());
    });
    await until(() => read.bytes > 4 * 1_048_576);
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(read.bytesMax).toBeLessThanOrEqual(BUDGET);
    session.destroy();
    const { partitions } = await connect(server).call(log.fetch, FETCH);
    expect(partitions![0]!.nextOffset).toBe(1);
  });

  it("are all answered", async () => {
    const client = connect(server);
    let answers: Promise<millrace.v1.FetchResponse>[] = [];
    await appendOnceTheyWait(() => {
      answers = Array.from({ length: CALLS }, () => client.call(log.fetch, FETCH));
    });
    for (const { partitions } of await Promise.all(answers)) expect(partitions![0]!.nextOffset).toBe(1);
  });
});

describe("many subscriptions that wait for one append", () => {
  const commands = (format: number) => [
    { start: { format } },
    { assign: { topic: "t" } },
    { credit: { records: 100, bytes: 1e9 } },
  ];
  const subscribeAll = (session: ReturnType<typeof rawSession>, format: number): void => {
    for (let i = 0; i < CALLS; i++) {
      const call = rawCall(session, log.subscribe.path);
      for (const command of commands(format)) {
        call.write(framed(millrace.v1.SubscribeRequest.encode(command).finish()));
      }
    }
  };

  it.each([
    ["batches", RECORD_FORMAT_BATCHES],
    ["records", RECORD_FORMAT_RECORDS],
  ])("read no more %s at once than the budget while no client takes anything", async (_, format) => {
    const session = rawSession(server);
    await appendOnceTheyWait(() => {
      subscribeAll(session, format);
    });
    await until(() => read.bytesMax > 0);
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(read.bytesMax).toBeLessThanOrEqual(BUDGET);
    session.destroy();
    const { partitions } = await connect(server).call(log.fetch, FETCH);
    expect(partitions![0]!.nextOffset).toBe(1);
  });

  it("all get it", async () => {
    const readers = Array.from({ length: CALLS }, () => connect(server).stream(log.subscribe));
    await appendOnceTheyWait(() => {
      for (const reader of readers) {
        for (const command of commands(RECORD_FORMAT_BATCHES)) reader.send(command);
      }
    });
    for (const reader of readers) {
      const answers = await reader.take(2); // caught up with nothing, then the batch
      expect(answers[1]!.delivery!.nextOffset).toBe(1);
    }
  });

  it("give the room back that they have or wait for, when they end", async () => {
    await broker.produce("t", 0, batchOf(Buffer.alloc(1_000_000)), undefined);
    const gate = closedGate();
    mayRead = gate.opened;
    const session = rawSession(server);
    subscribeAll(session, RECORD_FORMAT_BATCHES);
    await new Promise((resolve) => setTimeout(resolve, 100));
    session.destroy();
    await new Promise((resolve) => setTimeout(resolve, 100));
    gate.open();
    const { partitions } = await connect(server).call(log.fetch, FETCH);
    expect(partitions![0]!.nextOffset).toBe(1);
  });
});

describe("a fetch", () => {
  it("that is cancelled while it reads gives its room back", async () => {
    await broker.produce("t", 0, batchOf(Buffer.alloc(1_000_000)), undefined);
    const gate = closedGate();
    mayRead = gate.opened;
    // More than the budget in all, were it not given back.
    for (let i = 0; i < 6; i++) {
      const session = rawSession(server);
      rawCall(session, log.fetch.path).end(fetchBody());
      await new Promise((resolve) => setTimeout(resolve, 30));
      session.destroy();
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
    gate.open();
    const { partitions } = await connect(server).call(log.fetch, FETCH);
    expect(partitions![0]!.nextOffset).toBe(1);
  });
});
