import { describe, expect, it } from "vitest";
import type { NewEvent, RevisionConflict } from "../../src/client/index.ts";
import { MillraceError } from "../../src/errors/index.ts";
import { client, cluster, interceptAppends, numbered, orders, tell, told } from "./streams-rig.ts";

describe("appending to a stream", () => {
  it("numbers its events from 0 and tells where they are", async () => {
    const first = await orders.append("o-1", numbered(0, 3));
    expect(first).toMatchObject({ outcome: "appended", firstRevision: 0, lastRevision: 2 });
    expect(first).toMatchObject({ durability: "durable", duplicate: false });
    const second = await orders.append(Buffer.from("o-1"), numbered(3, 4), { durability: "written" });
    expect(second).toMatchObject({ firstRevision: 3, lastRevision: 3, partition: first.partition });
    expect(second.baseOffset).toBe(first.baseOffset + 3);
    expect(await told(orders.read("o-1"))).toEqual([0, 1, 2, 3].map((each) => `${each}:Counted=${each}`));
  });

  it("keeps what an event holds, whatever it is", async () => {
    const events: NewEvent[] = [
      { type: "Bytes", value: Buffer.from([0, 255, 128]), timestampMs: 1_700_000_000_000 },
      { value: "ключ", headers: [{ key: "trace", value: Buffer.from("abc") }] },
      { type: "Nothing", headers: [{ key: "a", value: null }] },
      { value: "" },
    ];
    await orders.append("o-1", events);
    const read = [];
    for await (const event of orders.read("o-1")) read.push(event);
    expect(read[0]).toMatchObject({ type: "Bytes", timestampMs: 1_700_000_000_000, headers: [] });
    expect(read[0]?.value).toEqual(Buffer.from([0, 255, 128]));
    expect(String(read[1]?.value)).toBe("ключ");
    expect(read[1]?.headers).toEqual([{ key: "trace", value: Buffer.from("abc") }]);
    expect(read[1]?.timestampMs).toBeGreaterThan(1_700_000_000_000);
    expect(read[2]).toMatchObject({ value: null, headers: [{ key: "a", value: null }] });
    expect(read[3]).toMatchObject({ type: "", value: Buffer.alloc(0) });
    for (const [revision, event] of read.entries()) {
      expect(event).toMatchObject({ topic: "orders", revision, isSnapshot: false });
      expect(String(event.stream)).toBe("o-1");
    }
  });

  it.each([
    ["any", true, true],
    ["none", true, false],
    ["exists", false, true],
    [1, false, true],
    [0, false, false],
    [2, false, false],
  ] as const)(
    "that is expected to be %s succeeds on a new one: %s, on one of two events: %s",
    async (...row) => {
      const [expected, onNew, onTwo] = row;
      await orders.append("two", numbered(0, 2));
      for (const [stream, succeeds, actual] of [
        ["new", onNew, "none"],
        ["two", onTwo, "1"],
      ] as const) {
        const appended = orders.append(stream, numbered(7, 8), { expected });
        if (succeeds) await expect(appended).resolves.toMatchObject({ outcome: "appended" });
        else {
          await expect(appended).rejects.toMatchObject({
            reason: "WRONG_REVISION",
            effect: "none",
            details: { expected: String(expected), actual },
          });
        }
      }
    },
  );

  it("of many at once with one expectation lets one of them through", async () => {
    const tries = Array.from({ length: 10 }, (_, each) =>
      orders.tryAppend("o-1", [{ value: `${each}` }], { expected: "none" }),
    );
    const outcomes = (await Promise.all(tries)).map(({ outcome }) => outcome);
    expect(outcomes.filter((outcome) => outcome === "appended")).toHaveLength(1);
    expect((await orders.info("o-1")).lastRevision).toBe(0);
  });
});

describe("a conflict", () => {
  it("brings the events missed, no more than asked for", async () => {
    await orders.append("o-1", numbered(0, 150));
    const conflictAt = async (expected: number | "none", missedMax?: number) =>
      (await orders.tryAppend("o-1", numbered(0, 1), {
        expected,
        ...(missedMax === undefined ? {} : { missedMax }),
      })) as RevisionConflict;
    const missed = await conflictAt(147);
    expect(missed).toMatchObject({ outcome: "conflict", actualRevision: 149 });
    expect(missed.missed.map(tell)).toEqual(["148:Counted=148", "149:Counted=149"]);
    expect((await conflictAt("none")).missed).toHaveLength(100);
    expect((await conflictAt("none", 1)).missed.map(tell)).toEqual(["0:Counted=0"]);
    expect((await conflictAt("none", 1_000)).missed).toHaveLength(150);
    expect(await conflictAt(200)).toMatchObject({ actualRevision: 149, missed: [] });
  });

  it("with a stream that has no events says so", async () => {
    const conflict = await orders.tryAppend("new", numbered(0, 1), { expected: "exists" });
    expect(conflict).toEqual({ outcome: "conflict", actualRevision: undefined, missed: [] });
  });
});

describe("an idempotency key", () => {
  it("gets the first result again, also after a restart of the broker, and whatever is expected", async () => {
    const once = { idempotencyKey: "payment-7", expected: "none" } as const;
    const first = await orders.append("o-1", numbered(0, 2), once);
    await orders.append("o-1", numbered(2, 3));
    const again = { ...first, duplicate: true };
    expect(await orders.append("o-1", numbered(0, 2), once)).toEqual(again);
    await cluster.restart();
    expect(await orders.append("o-1", numbered(0, 2), once)).toEqual(again);
    expect(await told(orders.read("o-1"))).toHaveLength(3);
  });

  it("belongs to its stream", async () => {
    const once = { idempotencyKey: "payment-7" };
    await orders.append("o-1", numbered(0, 1), once);
    expect(await orders.append("o-2", numbered(0, 1), once)).toMatchObject({ duplicate: false });
  });

  it("of the client's own makes a retry after a lost answer write nothing", async () => {
    const keys: (string | undefined)[] = [];
    interceptAppends(async (append, index, { idempotencyKey }) => {
      keys.push(idempotencyKey);
      const outcome = await append();
      if (index === 0) cluster.proxy.cut(); // the events are written, the answer is lost
      return outcome;
    });
    const appended = await orders.append("o-1", numbered(0, 2), { expected: "none" });
    expect(appended).toMatchObject({ firstRevision: 0, lastRevision: 1, duplicate: true });
    expect(keys).toHaveLength(2);
    expect(keys[0]).toMatch(/^[0-9a-f]{32}$/);
    expect(keys[1]).toBe(keys[0]);
    await orders.append("o-1", numbered(2, 3));
    expect(keys[2]).not.toBe(keys[0]);
    expect(await told(orders.read("o-1"))).toHaveLength(3);
  });

  it("finds what was written before the broker was gone", async () => {
    let isFirst = true;
    interceptAppends(async (append) => {
      const outcome = await append();
      if (!isFirst) return outcome;
      isFirst = false;
      await cluster.restart();
      return outcome;
    });
    const appended = await orders.append("o-1", numbered(0, 2), { expected: "none" });
    expect(appended).toMatchObject({ firstRevision: 0, duplicate: true });
    expect(await told(orders.read("o-1"))).toHaveLength(2);
  });
});

describe("an append that fails", () => {
  it("is tried again while that may help, and tells the last failure at the end", async () => {
    let tries = 0;
    interceptAppends(async (append, index) => {
      tries++;
      if (index < 3) throw new MillraceError("OVERLOADED", "not now");
      return append();
    });
    await orders.append("o-1", numbered(0, 1));
    expect(tries).toBe(4);
  });

  it("says that it may have written if an earlier try may have, whatever the last one did", async () => {
    const hasty = await cluster.connect(1_500);
    interceptAppends(async (append, index) => {
      if (index > 0) throw new MillraceError("OVERLOADED", "not now");
      const outcome = await append();
      cluster.proxy.cut();
      return outcome;
    });
    await expect(hasty.streams("orders").append("o-1", numbered(0, 1))).rejects.toMatchObject({
      reason: "OVERLOADED",
      effect: "unknown",
    });
    const refused = hasty.streams("orders").append("o-2", numbered(0, 1));
    await expect(refused).rejects.toMatchObject({ reason: "OVERLOADED", effect: "none" });
    expect(await told(orders.read("o-1"))).toHaveLength(1);
  });

  it("is not sent if no topic could take it", async () => {
    let appends = 0;
    interceptAppends((append) => {
      appends++;
      return append();
    });
    const large = { value: Buffer.alloc(1_048_576) };
    await expect(orders.append("o-1", [large, large, large, large])).rejects.toMatchObject({
      reason: "BATCH_TOO_LARGE",
      effect: "none",
      details: { max: "3145728" },
    });
    expect(appends).toBe(0);
    await expect(orders.append("o-1", [large, large])).rejects.toMatchObject({ reason: "BATCH_TOO_LARGE" });
    expect(appends).toBe(1);
    expect(await orders.info("o-1")).toMatchObject({ exists: false });
  });

  it("says what is allowed where the broker refuses it", async () => {
    const plain = client.streams("plain");
    await client.admin().createTopic({ name: "plain", partitionCount: 1 });
    await expect(plain.append("o-1", numbered(0, 1))).rejects.toMatchObject({
      reason: "INVALID_REQUEST",
      message: expect.stringMatching(/plain has no stream index; set stream\.index=true/),
    });
    await expect(client.streams("order").append("o-1", numbered(0, 1))).rejects.toMatchObject({
      reason: "TOPIC_NOT_FOUND",
      message: expect.stringMatching(/did you mean orders/),
    });
    const refusals: [NewEvent[], RegExp][] = [
      [[], /the number of events is 0; allowed: 1 to 1000/],
      [numbered(0, 1_001), /the number of events is 1001; allowed: 1 to 1000/],
      [[{ type: "x".repeat(256) }], /type is 256; allowed: 0 to 255/],
      [[{ headers: [{ key: "millrace.revision", value: null }] }], /do not begin with "millrace\."/],
    ];
    for (const [events, text] of refusals) {
      await expect(orders.append("o-1", events)).rejects.toMatchObject({
        reason: "INVALID_REQUEST",
        message: expect.stringMatching(text),
      });
    }
    await expect(orders.append("", numbered(0, 1))).rejects.toMatchObject({ reason: "INVALID_REQUEST" });
  });

  it("is a mistake of the program where it could never be right", async () => {
    const event = numbered(0, 1);
    const wrong: Record<string, () => Promise<unknown>> = {
      "expected is -1": () => orders.append("o-1", event, { expected: -1 }),
      "expected is NaN": () => orders.append("o-1", event, { expected: null as never }),
      'expected is "new"': () => orders.append("o-1", event, { expected: "new" as never }),
      "expect is no option of append": () => orders.append("o-1", event, { expect: 1 } as never),
      "missedMax is 0": () => orders.tryAppend("o-1", event, { missedMax: 0 }),
      'idempotencyKey is ""': () => orders.append("o-1", event, { idempotencyKey: "" }),
      'durability is "fast"': () => orders.append("o-1", event, { durability: "fast" as never }),
      "timestamp is no option of events[0]": () => orders.append("o-1", [{ timestamp: 1 } as never]),
      "events[0].value is a Object": () => orders.append("o-1", [{ value: {} as never }]),
      "events[0].headers: a is a string": () =>
        orders.append("o-1", [{ headers: [{ key: "a", value: "b" as never }] }]),
      "events[0].timestampMs is 0.5": () => orders.append("o-1", [{ timestampMs: 0.5 }]),
      "the key of a stream is a number": () => orders.append(17 as never, event),
    };
    for (const [text, attempt] of Object.entries(wrong)) {
      const failure = await attempt().catch((error: unknown) => error);
      expect(failure, text).toBeInstanceOf(TypeError);
      expect((failure as Error).message).toContain(text);
    }
  });
});
