import { describe, expect, it } from "vitest";
import { streamService } from "../../src/wire/index.ts";
import type { StreamEvent, StreamReading } from "../../src/stream/index.ts";
import { closedGate } from "../support/gate.ts";
import { FakeBroker } from "./fake-broker.ts";
import { connect, startServer, until } from "./harness.ts";
import { framed, rawCall, rawSession } from "./raw-http2.ts";

const REQUEST = { topic: "orders", stream: Buffer.from("a") };
const INFO = { exists: true, firstRevision: 0, lastRevision: 9, snapshotRevision: undefined };

function page(bytes: number): StreamEvent[] {
  const event = { stream: Buffer.from("a"), revision: 0, isSnapshot: false, type: "", headers: [] };
  return [{ ...event, value: Buffer.alloc(bytes), timestampMs: 0, partition: 0, offset: 0 }];
}

/** A reading that never ends. */
class EndlessReading implements StreamReading {
  readonly info = INFO;
  pages = 0;

  async next(): Promise<readonly StreamEvent[]> {
    this.pages++;
    return page(1_000_000);
  }
}

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** Waits until a count has not changed for a while. */
async function settledCount(count: () => number): Promise<number> {
  for (let before = -1; before !== count(); ) {
    before = count();
    await pause(150);
  }
  return count();
}

async function setUp(options: Parameters<typeof startServer>[1] = {}) {
  const broker = new FakeBroker();
  const server = await startServer(broker, options);
  const client = connect(server);
  const session = rawSession(server);
  const read = () => {
    const { path, requestSerialize } = streamService.readStream;
    const call = rawCall(session, path);
    call.end(framed(requestSerialize(REQUEST)));
    return call;
  };
  return { broker, server, client, read };
}

describe("a reader of a stream", () => {
  it("that takes nothing holds a few pages, and what it cancels is read no further", async () => {
    const { broker, read } = await setUp();
    const reading = new EndlessReading();
    broker.streams.onRead = async () => reading;
    const call = read();
    const pages = await settledCount(() => reading.pages);
    expect(pages).toBeGreaterThan(0);
    expect(pages).toBeLessThan(8);
    call.resume();
    await until(() => reading.pages >= pages + 10);
    call.close();
    const after = await settledCount(() => reading.pages);
    await pause(100);
    expect(reading.pages).toBe(after);
  });

  it("shares the send budget with all others, who go on when it gives up", async () => {
    const { broker, read } = await setUp({ sendBytesMax: 5_000_000 });
    const readings = Array.from({ length: 12 }, () => new EndlessReading());
    let next = 0;
    broker.streams.onRead = async () => readings[next++]!;
    const calls = readings.map(() => read());
    const pages = () => readings.reduce((sum, reading) => sum + reading.pages, 0);
    // Twelve windows of a connection's 1 MiB are one: the rest waits for room before it is read.
    expect(await settledCount(pages)).toBeLessThan(12);
    for (const call of calls.slice(1)) call.close();
    calls[0]!.resume();
    const before = pages();
    await until(() => pages() >= before + 20);
  });

  it("that is cancelled while the broker looks is let go of", async () => {
    const { broker, read } = await setUp();
    const gate = closedGate();
    const reading = new EndlessReading();
    broker.streams.onRead = async () => {
      await gate.opened;
      return reading;
    };
    const call = read();
    await pause(50);
    call.close();
    await pause(50);
    gate.open();
    await pause(50);
    expect(reading.pages).toBe(0);
  });
});

describe("an append", () => {
  it("holds the produce budget until it is answered", async () => {
    const { broker, client } = await setUp({ produceBytesMax: 1_500_000 });
    const gate = closedGate();
    broker.streams.onAppend = async () => {
      await gate.opened;
      return {
        outcome: "appended",
        partition: 0,
        baseOffset: 0,
        firstRevision: 0,
        lastRevision: 0,
        durability: "durable",
        duplicate: false,
      };
    };
    const append = () =>
      client.call(streamService.appendEvents, { ...REQUEST, events: [{ value: Buffer.alloc(1_000_000) }] });
    const first = append();
    await pause(100);
    expect(await append().catch((error: unknown) => error)).toMatchObject({
      reason: "OVERLOADED",
      effect: "none",
    });
    gate.open();
    expect((await first).appended).toMatchObject({ firstRevision: 0 });
    expect((await append()).appended).toMatchObject({ firstRevision: 0 });
  });
});
