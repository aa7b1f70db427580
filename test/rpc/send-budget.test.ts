import { EventEmitter } from "node:events";
import { beforeEach, describe, expect, it } from "vitest";
import type { Clock } from "../../src/base/index.ts";
import { millrace } from "../../src/gen/millrace.js";
import { AnswerRoom } from "../../src/rpc/answer-room.ts";
import { SendBudget } from "../../src/rpc/send-budget.ts";
import { FakeBroker } from "./fake-broker.ts";
import { batchOf, connect, log, startServer, until } from "./harness.ts";
import { framed, rawCall, rawSession } from "./raw-http2.ts";

const { RECORD_FORMAT_BATCHES: format } = millrace.v1.RecordFormat;
const encode = (command: millrace.v1.SubscribeRequest.$Properties) =>
  framed(millrace.v1.SubscribeRequest.encode(command).finish());

/** A clock that stands until it is moved. */
class HandClock implements Clock {
  #nowMs = 0;
  #timers: { atMs: number; callback: () => void }[] = [];
  nowMs = () => this.#nowMs;
  monotonicMs = () => this.#nowMs;

  schedule(delayMs: number, callback: () => void) {
    const timer = { atMs: this.#nowMs + delayMs, callback };
    this.#timers.push(timer);
    return {
      cancel: () => {
        this.#timers = this.#timers.filter((other) => other !== timer);
      },
    };
  }

  pass(ms: number): void {
    this.#nowMs += ms;
    const due = this.#timers.filter(({ atMs }) => atMs <= this.#nowMs);
    this.#timers = this.#timers.filter((timer) => !due.includes(timer));
    for (const { callback } of due) callback();
  }
}

describe("SendBudget", () => {
  let clock: HandClock;
  let budget: SendBudget;
  let evicted: string[];
  const evict = (name: string) => () => void evicted.push(name);

  beforeEach(() => {
    clock = new HandClock();
    budget = new SendBudget({ clock, bytesMax: 100, stallTimeoutMs: 30_000 });
    evicted = [];
  });

  it("holds up to its bound, refuses more, and takes more when something is released", () => {
    const hold = budget.hold(60, evict("a"));
    expect(() => budget.hold(60, evict("b"))).toThrow(expect.objectContaining({ reason: "OVERLOADED" }));
    hold.release();
    hold.release();
    expect(budget.bytes).toBe(0);
    budget.hold(60, evict("b"));
    expect(budget.bytes).toBe(60);
  });

  it("admits one message that is larger than the bound", () => {
    budget.hold(500, evict("a"));
    expect(() => budget.hold(1, evict("b"))).toThrow(expect.objectContaining({ reason: "OVERLOADED" }));
  });

  it("lets those wait who can, and grants them room in their order", async () => {
    const first = budget.hold(100, evict("first"));
    const granted: string[] = [];
    const wait = async (name: string, bytes: number) => {
      const hold = await budget.holdOrWait(bytes, evict(name));
      granted.push(name);
      return hold;
    };
    const large = wait("large", 90);
    const small = wait("small", 5);
    const last = wait("last", 90);
    first.release();
    await Promise.all([large, small]);
    expect(granted).toEqual(["large", "small"]);
    (await large).release();
    await last;
    expect(budget.bytes).toBe(95);
  });

  it("evicts who takes nothing for the stall timeout, once, and nobody who was quicker", () => {
    budget.hold(10, evict("slow"));
    budget.hold(10, evict("quick")).release();
    clock.pass(29_999);
    expect(evicted).toEqual([]);
    clock.pass(1);
    clock.pass(60_000);
    expect(evicted).toEqual(["slow"]);
  });

  it("evicts the slowest for those who wait, as many as must make room, after they had a second", () => {
    for (const name of ["a", "b", "c"]) budget.hold(30, evict(name));
    void budget.holdOrWait(50, evict("d"));
    clock.pass(750);
    expect(evicted).toEqual([]);
    clock.pass(250);
    clock.pass(250);
    expect(evicted).toEqual(["a", "b"]);
  });
});

describe("room for what is to be read", () => {
  let clock: HandClock;
  let budget: SendBudget;
  const evicted: string[] = [];
  const evict = (name: string) => () => void evicted.push(name);

  beforeEach(() => {
    clock = new HandClock();
    budget = new SendBudget({ clock, bytesMax: 100, stallTimeoutMs: 30_000 });
    evicted.length = 0;
  });

  it("becomes a hold of what was read, and the rest is for others", async () => {
    const first = budget.reserve(90);
    expect(first.granted).toBeUndefined();
    const second = budget.reserve(90);
    const held = first.hold(10, evict("first"));
    await second.granted;
    expect(budget.bytes).toBe(100);
    second.release();
    second.release();
    expect(budget.bytes).toBe(10);
    held.release();
    expect(budget.bytes).toBe(0);
  });

  it("is waited for in the queue of all, which who gives up leaves", async () => {
    const first = budget.reserve(60);
    const second = budget.reserve(60);
    const third = budget.holdOrWait(40, evict("third"));
    expect(third).toBeInstanceOf(Promise);
    second.release();
    await Promise.all([second.granted, third]);
    expect(budget.bytes).toBe(100);
    first.release();
    expect(budget.bytes).toBe(40);
  });

  it("is no reason to evict while reading goes on, and for many who wait to read no more than for one", () => {
    const readers = [budget.reserve(40), budget.reserve(30)];
    for (const name of ["a", "b", "c"]) budget.hold(10, evict(name));
    clock.pass(5_000);
    const waiting = Array.from({ length: 9 }, () => budget.reserve(70));
    clock.pass(250);
    expect(evicted).toEqual([]);
    for (const reader of readers) reader.hold(35, evict("reader"));
    clock.pass(250);
    expect(evicted).toEqual(["a", "b", "c"]);
    for (const reservation of waiting) reservation.release();
  });
});

describe("the room of a call", () => {
  class Call extends EventEmitter {
    cancelled = false;
    cancel(): void {
      this.cancelled = true;
      this.emit("cancelled");
    }
  }
  const budget = new SendBudget({ clock: new HandClock(), bytesMax: 100, stallTimeoutMs: 30_000 });

  it("is not waited for any longer when the call ends, and counts until what was read is let go of", async () => {
    const [reading, waiting, last] = [new Call(), new Call(), new Call()];
    const rooms = [reading, waiting, last].map((call) => new AnswerRoom(budget, call));
    await rooms[0]!.take(80);
    const refused = rooms[1]!.take(80);
    const granted = rooms[2]!.take(50);
    waiting.cancel();
    await expect(refused).rejects.toMatchObject({ reason: "CANCELLED" });
    await expect(rooms[1]!.take(1)).rejects.toMatchObject({ reason: "CANCELLED" });
    reading.cancel();
    expect(budget.bytes).toBe(80);
    rooms[0]!.giveBack();
    await granted;
    rooms[2]!.hold(20);
    rooms[2]!.giveBack();
    expect(budget.bytes).toBe(20);
    last.cancel();
    expect(budget.bytes).toBe(0);
  });
});

describe("clients that take nothing", () => {
  let broker: FakeBroker;

  beforeEach(async () => {
    broker = new FakeBroker();
    await broker.createTopic({ name: "t" });
    for (let i = 0; i < 4; i++) {
      await broker.produce("t", 0, batchOf(Buffer.alloc(1_000_000)), undefined);
    }
  });

  it("together hold no more than the budget, and a reader that reads gets its records", async () => {
    const server = await startServer(broker, { sendBytesMax: 5_000_000 });
    const session = rawSession(server);
    for (let i = 0; i < 8; i++) {
      const call = rawCall(session, log.subscribe.path);
      call.write(encode({ start: { format } }));
      call.write(encode({ assign: { topic: "t" } }));
      call.write(encode({ credit: { records: 100, bytes: 1e9 } }));
    }
    await until(() => broker.subscriptions.size === 8);
    await new Promise((resolve) => setTimeout(resolve, 100));
    const taken = [...broker.subscriptions].reduce((sum, { delivered }) => sum + delivered, 0);
    expect(taken).toBeLessThanOrEqual(5);
    const reader = connect(server).stream(log.subscribe);
    for (const command of [
      { start: { format } },
      { assign: { topic: "t" } },
      { credit: { records: 100, bytes: 1e9 } },
    ]) {
      reader.send(command);
    }
    const deliveries = await reader.take(4);
    expect(deliveries.at(-1)!.delivery!.nextOffset).toBe(4);
  }, 20_000);

  it("are not mistaken for those who do: a hundred fetches pass through a budget of one", async () => {
    const client = connect(await startServer(broker, { sendBytesMax: 1_500_000 }));
    for (let i = 0; i < 100; i++) {
      const { partitions } = await client.call(log.fetch, { positions: [{ topic: "t" }], format });
      expect(partitions![0]!.nextOffset).toBe(1);
    }
  });

  it("of a fetch are cut after the stall timeout", async () => {
    const call = rawCall(rawSession(await startServer(broker, { stallTimeoutMs: 100 })), log.fetch.path);
    const closed = new Promise((resolve) => call.once("close", resolve));
    call.end(framed(millrace.v1.FetchRequest.encode({ positions: [{ topic: "t" }], format }).finish()));
    await closed;
    expect(call.rstCode).toBe(11);
  });

  it("are cut for a fetch that has waited for their room, and it is answered", async () => {
    const server = await startServer(broker, { sendBytesMax: 1_500_000 });
    const request = { positions: [{ topic: "t" }], format };
    const stuck = rawCall(rawSession(server), log.fetch.path);
    const answering = new Promise((resolve) => stuck.once("response", resolve));
    stuck.end(framed(millrace.v1.FetchRequest.encode(request).finish()));
    await answering;
    const { partitions } = await connect(server).call(log.fetch, request);
    expect(partitions![0]!.nextOffset).toBe(1);
    expect(stuck.rstCode).toBe(11);
  });
});
