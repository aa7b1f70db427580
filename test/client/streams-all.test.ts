import { describe, expect, it } from "vitest";
import { eventOfRecord, type AllEventsOptions, type StreamEvent } from "../../src/client/index.ts";
import { turn } from "../support/turns.ts";
import { client, cluster, numbered, orders, tell, told } from "./streams-rig.ts";

const STREAMS = ["o-1", "o-2", "o-3", "o-4", "o-5"];

/** Events of all streams, by stream. */
async function toldByStream(options: AllEventsOptions): Promise<Record<string, string[]>> {
  const streams: Record<string, string[]> = {};
  for await (const event of orders.all(options)) {
    const name = String(event.stream);
    streams[name] ??= [];
    streams[name].push(tell(event));
  }
  return streams;
}

async function fill(from: number, to: number): Promise<void> {
  for (const stream of STREAMS) await orders.append(stream, numbered(from, to));
}

/** Follows all events in the background until the signal is aborted. */
function follow(options: AllEventsOptions = {}) {
  const abort = new AbortController();
  const events: StreamEvent[] = [];
  const counts: number[] = [];
  const ended = (async () => {
    const onCaughtUp = () => void counts.push(events.length);
    for await (const event of orders.all({ signal: abort.signal, onCaughtUp, ...options }))
      events.push(event);
  })();
  ended.catch(() => undefined); // for those that do not wait for it
  return { events, counts, ended, abort };
}

/** How many subscriptions are open at the broker from now on. */
function countSubscriptions(): () => number {
  const { broker } = cluster;
  const subscribe = broker.subscribe.bind(broker);
  let open = 0;
  broker.subscribe = (sink, options) => {
    const subscription = subscribe(sink, options);
    const close = subscription.close.bind(subscription);
    open++;
    subscription.close = () => {
      open--;
      subscription.close = close;
      return close();
    };
    return subscription;
  };
  return () => open;
}

async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await turn();
}

describe("the events of all streams", () => {
  it("come in the order of each stream, with their revisions and snapshots", async () => {
    await fill(0, 3);
    await orders.snapshot("o-1", { revision: 1, type: "State", value: "s" });
    await fill(3, 4);
    const streams = await toldByStream({ stopAtEnd: true });
    const four = [0, 1, 2, 3].map((each) => `${each}:Counted=${each}`);
    expect(Object.keys(streams).sort()).toEqual(STREAMS);
    expect(streams["o-2"]).toEqual(four);
    expect(streams["o-1"]).toEqual([...four.slice(0, 3), "1*State=s", ...four.slice(3)]);
  });

  it("are the same as those of each stream alone", async () => {
    const headers = [{ key: "trace", value: Buffer.from([0, 255]) }];
    await orders.append("o-1", [{ type: "A", value: null, headers, timestampMs: 1_790_000_000_000 }, {}]);
    const alone: StreamEvent[] = [];
    for await (const event of orders.read("o-1")) alone.push(event);
    const all: StreamEvent[] = [];
    for await (const event of orders.all({ stopAtEnd: true })) all.push(event);
    expect(all).toEqual(alone);
    expect(all[0]).toMatchObject({ type: "A", headers, timestampMs: 1_790_000_000_000 });
  });

  it("hold what producers wrote, without a revision, which reading the stream tells", async () => {
    const producer = client.producer();
    const { partition } = await producer.send("orders", { key: "o-1", value: "plain" });
    await producer.send("orders", { partition, value: "no key" });
    await producer.close();
    await orders.append("o-1", numbered(1, 2), { expected: 0 });
    expect(await told(orders.all({ stopAtEnd: true }))).toEqual(["-:=plain", "-:=no key", "1:Counted=1"]);
    expect(await told(orders.read("o-1"))).toEqual(["0:=plain", "1:Counted=1"]);
  });

  it("are read from the start, the end, or a time", async () => {
    const at = (second: number) => 1_790_000_000_000 + second * 1_000;
    for (const stream of STREAMS) {
      await orders.append(
        stream,
        [0, 1, 2, 3].map((second) => ({ value: `${second}`, timestampMs: at(second) })),
      );
    }
    const values = async (options: AllEventsOptions) => {
      const seen = new Map<string, number>();
      for await (const { value } of orders.all({ ...options, stopAtEnd: true })) {
        seen.set(String(value), (seen.get(String(value)) ?? 0) + 1);
      }
      return Object.fromEntries(seen);
    };
    expect(await values({ from: "start" })).toEqual({ 0: 5, 1: 5, 2: 5, 3: 5 });
    expect(await values({ from: { timestampMs: at(4) } })).toEqual({});
    expect(await values({ from: "end" })).toEqual({});
    const { 2: two, 3: three, ...older } = await values({ from: { timestampMs: at(2) } });
    expect([two, three]).toEqual([5, 5]);
    // The first event at or after a time in each partition: what follows it may be older.
    expect(Object.keys(older).every((second) => Number(second) < 2)).toBe(true);
  });

  it("can be iterated again, each time from where was said", async () => {
    await fill(0, 1);
    const all = orders.all({ stopAtEnd: true });
    expect(await told(all)).toHaveLength(5);
    await fill(1, 2);
    expect(await told(all)).toHaveLength(10);
  });
});

describe("following all streams", () => {
  it("goes on with what comes, and says once each time that it has caught up", async () => {
    await fill(0, 2);
    const { events, counts, ended, abort } = follow();
    await until(() => counts.length === 1);
    expect(counts).toEqual([10]);
    await orders.append("o-1", numbered(2, 4));
    await until(() => counts.length === 2);
    expect(counts).toEqual([10, 12]);
    expect(events.slice(10).map(tell)).toEqual(["2:Counted=2", "3:Counted=3"]);
    abort.abort();
    await ended;
  });

  it("has caught up at once where there is nothing", async () => {
    const { counts, ended, abort } = follow({ from: "end" });
    await until(() => counts.length === 1);
    expect(counts).toEqual([0]);
    abort.abort();
    await ended;
  });

  it("goes on over a restart of the broker with nothing skipped, repeated, or told to be new", async () => {
    await fill(0, 2);
    const { events, counts, ended, abort } = follow();
    await until(() => counts.length === 1);
    await cluster.restart();
    await fill(2, 4);
    await until(() => events.length === 20);
    for (const stream of STREAMS) {
      const own = events.filter((event) => String(event.stream) === stream).map(({ revision }) => revision);
      expect(own, stream).toEqual([0, 1, 2, 3]);
    }
    await until(() => counts.at(-1) === 20);
    expect(counts.filter((count) => count === 10)).toHaveLength(1);
    abort.abort();
    await ended;
  });

  it("ends when it is aborted: before it begins, while it looks for positions, while it waits", async () => {
    const open = countSubscriptions();
    const before = new AbortController();
    before.abort();
    expect(await told(orders.all({ signal: before.signal }))).toEqual([]);
    const during = follow();
    during.abort.abort();
    await during.ended;
    const waiting = follow();
    await until(() => waiting.counts.length === 1);
    waiting.abort.abort();
    await waiting.ended;
    await until(() => open() === 0);
  });

  it("ends its subscription when it is left, and when the client is closed", async () => {
    const open = countSubscriptions();
    await fill(0, 1);
    for await (const _ of orders.all()) break;
    await until(() => open() === 0);
    const own = await cluster.connect();
    const following = (async () => {
      for await (const _ of own.streams("orders").all()) await turn();
    })();
    await until(() => open() > 0);
    await own.close();
    await following;
    await until(() => open() === 0);
  });

  it("tells what the program throws when it has caught up", async () => {
    const onCaughtUp = () => {
      throw new Error("mine");
    };
    await expect(told(orders.all({ onCaughtUp }))).rejects.toThrow("mine");
  });
});

describe("all events of what has no streams", () => {
  it("is refused with what mends it", async () => {
    await client.admin().createTopic({ name: "plain", partitionCount: 1 });
    await expect(told(client.streams("plain").all({ stopAtEnd: true }))).rejects.toMatchObject({
      reason: "INVALID_REQUEST",
      message: expect.stringMatching(/plain has no stream index; set stream\.index=true/),
    });
    await expect(told(client.streams("order").all())).rejects.toMatchObject({ reason: "TOPIC_NOT_FOUND" });
    expect(() => orders.all({ form: "start" } as never)).toThrow(/form is no option of all/);
    expect(() => orders.all({ onCaughtUp: true as never })).toThrow(TypeError);
  });
});

describe("a record as an event", () => {
  const record = (headers: Record<string, string | null>, key: string | null = "o-1") => ({
    topic: "orders",
    partition: 1,
    offset: 7,
    timestampMs: 5,
    key: key === null ? null : Buffer.from(key),
    value: null,
    headers: Object.entries(headers).map(([name, text]) => ({
      key: name,
      value: text === null ? null : Buffer.from(text),
    })),
  });

  it("is told by its headers, and keeps those of the program", () => {
    const { stream, ...event } = eventOfRecord(
      record({
        "millrace.type": "Paid",
        "millrace.revision": "4",
        "millrace.idempotency-key": "k",
        trace: "x",
      }),
    );
    expect(String(stream)).toBe("o-1");
    expect(event).toEqual({
      topic: "orders",
      partition: 1,
      offset: 7,
      timestampMs: 5,
      revision: 4,
      isSnapshot: false,
      type: "Paid",
      value: null,
      headers: [{ key: "trace", value: Buffer.from("x") }],
    });
  });

  it("takes no number that no append has written, and no mark of a record without key", () => {
    for (const text of ["-1", "1.5", "01", "x", "", "9007199254740993", null]) {
      expect(eventOfRecord(record({ "millrace.revision": text })).revision, `${text}`).toBeUndefined();
      expect(eventOfRecord(record({ "millrace.snapshot": text })).isSnapshot, `${text}`).toBe(false);
    }
    expect(eventOfRecord(record({ "millrace.snapshot": "3" }))).toMatchObject({
      revision: 3,
      isSnapshot: true,
    });
    expect(eventOfRecord(record({ "millrace.revision": "3" }, null))).toMatchObject({
      revision: undefined,
      stream: null,
    });
  });
});
