import { describe, expect, it } from "vitest";
import type { ReadStreamOptions } from "../../src/client/index.ts";
import type { ReadStreamQuery, StreamReading } from "../../src/stream/index.ts";
import { closedGate } from "../support/gate.ts";
import { turn } from "../support/turns.ts";
import { client, cluster, numbered, orders, tell, told } from "./streams-rig.ts";

/** Revisions from "first" to "last", in that direction. */
function counted(first: number, last: number): string[] {
  const step = first <= last ? 1 : -1;
  const count = Math.abs(last - first) + 1;
  return Array.from({ length: count }, (_, index) => {
    const revision = first + index * step;
    return `${revision}:Counted=${revision}`;
  });
}

/** Each reading that the broker begins goes through `pass`, by its number. */
function interceptReads(
  pass: (reading: StreamReading, index: number, query: ReadStreamQuery) => StreamReading,
) {
  const { streams } = cluster.broker;
  const read = streams.read.bind(streams);
  let reads = 0;
  streams.read = async (query) => pass(await read(query), reads++, query);
}

/** How many pages the broker has read of streams. */
function countPages(): () => number {
  let pages = 0;
  interceptReads((reading) => ({
    info: reading.info,
    next: () => {
      pages++;
      return reading.next();
    },
  }));
  return () => pages;
}

describe("reading a stream", () => {
  it.each([
    [{}, counted(0, 9)],
    [{ fromRevision: 7 }, counted(7, 9)],
    [{ fromRevision: 3, maxEvents: 2 }, counted(3, 4)],
    [{ maxEvents: 1_000 }, counted(0, 9)],
    [{ fromRevision: 10 }, []],
    [{ direction: "backwards" }, counted(9, 0)],
    [{ direction: "backwards", maxEvents: 1 }, counted(9, 9)],
    [{ direction: "backwards", fromRevision: 4, maxEvents: 3 }, counted(4, 2)],
    [{ direction: "backwards", fromRevision: 100, maxEvents: 2 }, counted(9, 8)],
  ] as [ReadStreamOptions, string[]][])("with %j gives these events: %j", async (options, events) => {
    await orders.append("o-1", numbered(0, 6));
    await orders.append("o-2", numbered(0, 3));
    await orders.append("o-1", numbered(6, 10));
    expect(await told(orders.read("o-1", options))).toEqual(events);
  });

  it("that has no events gives none", async () => {
    expect(await told(orders.read("new"))).toEqual([]);
    expect(await told(orders.read("new", { direction: "backwards" }))).toEqual([]);
    expect(await told(orders.read("new", { fromSnapshot: true }))).toEqual([]);
  });

  it("reads anew in each iteration, and sees what was there when it began", async () => {
    await orders.append("o-1", numbered(0, 2));
    const events = orders.read("o-1");
    expect(await told(events)).toEqual(counted(0, 1));
    await orders.append("o-1", numbered(2, 3));
    const seen: string[] = [];
    for await (const event of events) {
      seen.push(tell(event));
      if (seen.length === 1) await orders.append("o-1", numbered(3, 4));
    }
    expect(seen).toEqual(counted(0, 2));
  });

  it("brings a long stream in several answers, forwards and backwards", async () => {
    for (let from = 0; from < 3_000; from += 1_000) {
      const events = numbered(from, from + 1_000).map((event) => ({
        ...event,
        value: `${event.value}`.padEnd(900),
      }));
      await orders.append("o-1", events);
    }
    const pages = countPages();
    const revisions = async (options: ReadStreamOptions) => {
      const seen: (number | undefined)[] = [];
      for await (const { revision } of orders.read("o-1", options)) seen.push(revision);
      return seen;
    };
    const all = Array.from({ length: 3_000 }, (_, revision) => revision);
    expect(await revisions({})).toEqual(all);
    expect(pages()).toBeGreaterThan(2);
    expect(await revisions({ direction: "backwards" })).toEqual(all.toReversed());
  });

  it("asks for what is kept where retention has dropped the beginning", async () => {
    const { partition, baseOffset } = await orders.append("o-1", numbered(0, 10));
    await client.admin().trimPartition({ topic: "orders", partition, beforeOffset: baseOffset + 4 });
    expect(await told(orders.read("o-1"))).toEqual(counted(4, 9));
    expect(await orders.info("o-1")).toMatchObject({ firstRevision: 4, lastRevision: 9 });
    await expect(told(orders.read("o-1", { fromRevision: 3 }))).rejects.toMatchObject({
      reason: "OFFSET_OUT_OF_RANGE",
      message: expect.stringMatching(/revision 3 of the stream is not kept any more; it has 4 to 9/),
    });
  });

  it("is refused without index, without topic, and with options that exclude each other", async () => {
    await client.admin().createTopic({ name: "plain", partitionCount: 1 });
    await expect(told(client.streams("plain").read("o-1"))).rejects.toMatchObject({
      reason: "INVALID_REQUEST",
      message: expect.stringMatching(/plain has no stream index; set stream\.index=true/),
    });
    await expect(told(client.streams("order").read("o-1"))).rejects.toMatchObject({
      reason: "TOPIC_NOT_FOUND",
    });
    await expect(client.streams("plain").info("o-1")).rejects.toMatchObject({ reason: "INVALID_REQUEST" });
    const wrong: ReadStreamOptions[] = [
      { direction: "sideways" as never },
      { fromRevision: -1 },
      { maxEvents: 0 },
      { max: 1 } as never,
      { fromSnapshot: true, direction: "backwards" },
      { fromSnapshot: true, fromRevision: 0 },
    ];
    for (const options of wrong) expect(() => orders.read("o-1", options)).toThrow(TypeError);
  });
});

describe("snapshots", () => {
  it("are where reading begins if it is asked for, and nowhere else", async () => {
    await orders.append("o-1", numbered(0, 4));
    const stored = await orders.snapshot("o-1", { revision: 2, type: "State", value: "sum=3" });
    expect(stored).toMatchObject({ firstRevision: 2, lastRevision: 2, duplicate: false });
    expect(await told(orders.read("o-1", { fromSnapshot: true }))).toEqual(["2*State=sum=3", "3:Counted=3"]);
    expect(await told(orders.read("o-1"))).toEqual(counted(0, 3));
    await orders.snapshot("o-1", { revision: 3, type: "State", value: "sum=6" });
    expect(await told(orders.read("o-1", { fromSnapshot: true }))).toEqual(["3*State=sum=6"]);
    expect(await told(orders.read("o-1", { fromSnapshot: true, maxEvents: 1 }))).toEqual(["3*State=sum=6"]);
    expect(await orders.append("o-1", numbered(4, 5), { expected: 3 })).toMatchObject({ lastRevision: 4 });
    expect(await orders.info("o-1")).toEqual({
      exists: true,
      firstRevision: 0,
      lastRevision: 4,
      snapshotRevision: 3,
    });
  });

  it("of what has not happened are refused", async () => {
    await orders.append("o-1", numbered(0, 4));
    await expect(orders.snapshot("o-1", { revision: 4, value: "" })).rejects.toMatchObject({
      reason: "INVALID_REQUEST",
      message: expect.stringMatching(/revision 4; allowed is 0 to 3/),
    });
    await expect(orders.snapshot("new", { revision: 0, value: "" })).rejects.toMatchObject({
      reason: "INVALID_REQUEST",
    });
    await expect(orders.snapshot("o-1", { value: "" } as never)).rejects.toThrow(TypeError);
  });
});

describe("what is known of a stream", () => {
  it("is there without its events", async () => {
    const nothing = { exists: false, firstRevision: 0, lastRevision: undefined, snapshotRevision: undefined };
    expect(await orders.info("new")).toEqual(nothing);
    await orders.append(Buffer.from("o-1"), numbered(0, 3));
    expect(await orders.info("o-1")).toEqual({ ...nothing, exists: true, lastRevision: 2 });
  });
});

describe("a reading that is disturbed", () => {
  const large = (from: number, to: number) =>
    numbered(from, to).map((event) => ({ ...event, value: `${event.value}`.padEnd(200_000) }));

  async function fill(): Promise<void> {
    for (let from = 0; from < 30; from += 5) await orders.append("o-1", large(from, from + 5));
  }

  it.each([
    ["forwards", {}, [0, 29]],
    ["backwards", { direction: "backwards" }, [29, 0]],
    ["to a limit", { maxEvents: 25 }, [0, 24]],
  ] as [string, ReadStreamOptions, [number, number]][])(
    "goes on where it was: %s",
    async (_, options, [first, last]) => {
      await client.admin().alterTopicConfig("orders", { set: { "max.message.bytes": "3145728" } });
      await fill();
      const begun: (number | undefined)[] = [];
      const seen: number[] = [];
      let sent = 0;
      interceptReads((reading, index, { fromRevision }) => {
        begun.push(fromRevision);
        let pages = 0;
        const next = async () => {
          if (index < 2 && ++pages === 3) {
            while (seen.length < sent) await turn();
            cluster.proxy.cut();
            return undefined;
          }
          const events = await reading.next();
          sent += events?.length ?? 0;
          return events;
        };
        return { info: reading.info, next };
      });
      for await (const { revision } of orders.read("o-1", options)) {
        seen.push(revision!);
        // What comes later is not part of it, however often it begins again.
        if (seen.length === 1) await orders.append("o-1", numbered(30, 31));
      }
      expect(seen).toEqual(counted(first, last).map(Number.parseFloat));
      expect(begun).toHaveLength(3);
      expect(begun[1]).toBe(first < last ? 10 : 19);
    },
  );

  it("fails where the broker brings less than it promised", async () => {
    await orders.append("o-1", numbered(0, 10));
    interceptReads((reading) => {
      let pages = 0;
      const next = async () => (pages++ === 0 ? (await reading.next())?.slice(0, 4) : undefined);
      return { info: reading.info, next };
    });
    await expect(told(orders.read("o-1"))).rejects.toMatchObject({
      reason: "OFFSET_OUT_OF_RANGE",
      details: { revision: "4" },
    });
  });

  it("ends its call when it is left early", async () => {
    await client.admin().alterTopicConfig("orders", { set: { "max.message.bytes": "3145728" } });
    await fill();
    const gate = closedGate();
    let pages = 0;
    interceptReads((reading, index) => {
      const next = async () => {
        if (index === 0 && ++pages === 3) await gate.opened;
        return reading.next();
      };
      return { info: reading.info, next };
    });
    for await (const { revision } of orders.read("o-1")) if (revision === 2) break;
    await orders.info("o-1"); // on the same connection: the broker has heard of the end
    gate.open();
    await orders.info("o-1");
    expect(pages).toBe(3);
  });

  it("waits for an answer no longer than the client's timeout", async () => {
    const hasty = await cluster.connect(300);
    await orders.append("o-1", numbered(0, 1));
    interceptReads(({ info }) => ({ info, next: () => new Promise(() => {}) }));
    await expect(told(hasty.streams("orders").read("o-1"))).rejects.toMatchObject({
      reason: "DEADLINE_EXCEEDED",
      effect: "none",
    });
  });
});
