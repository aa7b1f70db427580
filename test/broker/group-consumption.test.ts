import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Broker } from "../../src/broker/index.ts";
import { MillraceError } from "../../src/errors/index.ts";
import { closedGate } from "../support/gate.ts";
import { FakeGroups } from "../support/fake-groups.ts";
import { append, assigned, brokerWithRecords, consumer, place, quiet, RecordingSink } from "./consume-rig.ts";

let broker: Broker;
beforeEach(async () => {
  broker = await brokerWithRecords(3);
});
afterEach(() => broker.close());

describe("a consumer's reading", () => {
  it("begins where the group has got to, after it was told what came", async () => {
    const { sink, member } = await consumer(broker);
    member.change({ assigned: [assigned(0, 4), assigned(2, 10)] });
    await quiet();
    const told = sink.take();
    expect(told[0]).toMatchObject({
      assigned: { memberId: "m", memberEpoch: 1, partitions: [{ partition: 0, offset: 4 }, { offset: 10 }] },
    });
    expect(told[1]).toEqual({ delivered: { partition: 0, from: 4, to: 10 }, id: 0 });
    expect(told.slice(2)).toEqual(expect.arrayContaining([{ caughtUp: 0 }, { caughtUp: 2 }]));
    await append(broker, 1, 2);
    await quiet();
    expect(sink.deliveries(2)).toEqual([[10, 11]]);
  });

  it.each([
    ["start", { offset: 0 }, [[0, 10]]],
    ["end", { offset: 10 }, []],
  ] as const)("without a committed offset begins at the %s if so declared", async (policy, offset, read) => {
    const { sink, member } = await consumer(broker, { onNoOffset: policy });
    member.change({ assigned: [assigned()] });
    await quiet();
    expect(sink.told[0]).toMatchObject({ assigned: { partitions: [offset] } });
    expect(sink.deliveries()).toEqual(read);
  });

  it("without a committed offset fails if so declared, until it is sought", async () => {
    const { sink, member, consumption } = await consumer(broker, { onNoOffset: "fail" });
    member.change({ assigned: [assigned()] });
    await quiet();
    const [came, failed] = sink.take();
    expect(came).toEqual({
      assigned: { memberId: "m", memberEpoch: 1, partitions: [{ ...assigned(), offset: undefined }] },
    });
    expect(failed).toMatchObject({ failed: 0, reason: "OFFSET_OUT_OF_RANGE" });
    consumption.resume([]);
    await quiet();
    expect(sink.take()).toEqual([]);
    consumption.seek({ ...place(), assignmentId: 1 }, 8);
    await quiet();
    expect(sink.deliveries()).toEqual([[8, 10]]);
  });

  it("tells once of a partition that cannot be read, and goes on with the others", async () => {
    const { sink, member } = await consumer(broker);
    member.change({ assigned: [{ ...assigned(), topic: "gone" }, assigned(1, 9)] });
    await quiet();
    expect(sink.told.filter((told) => "failed" in told)).toMatchObject([{ reason: "TOPIC_NOT_FOUND" }]);
    expect(sink.deliveries(1)).toEqual([[9, 10]]);
  });

  it("is done within the credit", async () => {
    const { sink, member, consumption } = await consumer(broker);
    consumption.addCredit(-999_997, 0);
    member.change({ assigned: [assigned()] });
    await quiet();
    expect(sink.deliveries()).toEqual([[0, 3]]);
  });
});

describe("a consumer's gap", () => {
  beforeEach(() => broker.trimPartition("t", 0, 6));

  it.each([
    ["fell out of the log", assigned(0, 2), { from: 2, to: 6, lost: 4 }, { from: 2, to: 10, lost: 8 }],
    ["has expired", assigned(0, 7, true), { from: 7, to: 6, lost: 0 }, { from: 7, to: 10, lost: 3 }],
    ["lies above the end", assigned(0, 40), { from: 40, to: 6, lost: 0 }, { from: 40, to: 10, lost: 0 }],
  ] as const)("of an offset that %s is told, by the declared policy", async (_, partition, start, end) => {
    for (const [onGap, gap] of Object.entries({ start, end }) as ["start" | "end", typeof start][]) {
      const { sink, member } = await consumer(broker, { onGap });
      member.change({ assigned: [partition] });
      await quiet();
      expect(sink.told.slice(0, 2)).toMatchObject([
        { assigned: { partitions: [{ offset: gap.to, committed: partition.committed }] } },
        { gap: { topic: "t", partition: 0, ...gap } },
      ]);
      expect(sink.deliveries()).toEqual(gap.to < 10 ? [[gap.to, 10]] : []);
    }
    const { sink, member } = await consumer(broker);
    member.change({ assigned: [partition] });
    await quiet();
    const details = { offset: String(start.from), log_start_offset: "6", high_watermark: "10" };
    expect(sink.told[1]).toEqual({ failed: 0, reason: "OFFSET_OUT_OF_RANGE", details });
    expect(sink.deliveries()).toEqual([]);
  });

  it("below is committed although more was committed before", async () => {
    const { member, consumption, groups } = await consumer(broker, { onGap: "start" });
    member.change({ assigned: [assigned(0, 40)] });
    await quiet();
    const offset = { ...place(), offset: 8, metadata: "", rewind: false };
    expect(await consumption.commit([offset])).toMatchObject([{ result: 8 }]);
    expect(await consumption.commit([{ ...offset, offset: 9 }])).toMatchObject([{ result: 9 }]);
    expect(groups.commits.map(({ offsets }) => offsets[0]!.rewind)).toEqual([true, false]);
  });

  it("opens while reading too", async () => {
    for (const onGap of ["start", "end", "fail"] as const) {
      const { sink, member, consumption } = await consumer(broker, { onGap });
      member.change({ assigned: [assigned(1, 3)] });
      consumption.pause([place(1)]);
      await broker.trimPartition("t", 1, 8);
      consumption.resume([]);
      await quiet();
      const to = { start: 8, end: 10, fail: undefined }[onGap];
      const expected =
        to === undefined
          ? { failed: 1, reason: "OFFSET_OUT_OF_RANGE" }
          : { gap: { topic: "t", partition: 1, from: 3, to, lost: to - 3 } };
      expect(sink.told[1]).toMatchObject(expected);
      expect(sink.deliveries(1)).toEqual(onGap === "start" ? [[8, 10]] : []);
      consumption.disconnected();
      await broker.deleteTopic("t");
      await broker.createTopic({ name: "t", partitionCount: 3 });
      for (let partition = 0; partition < 3; partition++) await append(broker, 10, partition);
    }
  });
});

describe("revoked partitions", () => {
  it("are not delivered any more, whatever was under way", async () => {
    const { sink, member } = await consumer(broker);
    const reading = closedGate();
    sink.beforeRead = () => reading.opened;
    member.change({ assigned: [assigned(0, 0), assigned(1, 0)] });
    await quiet();
    member.change({ revoked: [place(0)] });
    reading.open();
    await append(broker, 5, 0);
    await quiet();
    expect(sink.told[1]).toEqual({ revoked: [place(0)] });
    expect(sink.deliveries(0)).toEqual([]);
    expect(sink.deliveries(1)).toEqual([[0, 10]]);
  });

  it("stay silent when they are sought, paused or resumed", async () => {
    const { sink, member, consumption } = await consumer(broker);
    member.change({ assigned: [assigned(0, 10)] });
    await quiet();
    member.change({ revoked: [place(0)] });
    sink.take();
    consumption.seek({ ...place(), assignmentId: 1 }, 0);
    consumption.pause([]);
    consumption.resume([place()]);
    await quiet();
    expect(sink.take()).toEqual([]);
    expect(member.pausedNow).toEqual([]);
  });

  it("can be committed until they are released, and are handed over when the commits are settled", async () => {
    const { member, consumption, groups } = await consumer(broker);
    const storing = closedGate();
    groups.answer = async ({ offsets }) => {
      await storing.opened;
      return offsets.map(({ offset }) => offset);
    };
    member.change({ assigned: [assigned()] });
    await quiet();
    member.change({ revoked: [place()] });
    const committed = consumption.commit([]);
    consumption.release([place()]);
    await quiet();
    expect(member.released).toEqual([]);
    const late = consumption.commit([{ ...place(), offset: 1, metadata: "", rewind: false }]);
    storing.open();
    expect(await committed).toEqual([{ ...place(), result: 10 }]);
    expect(await late).toMatchObject([{ result: { reason: "STALE_MEMBER_EPOCH" } }]);
    await quiet();
    expect(member.released).toEqual([place()]);
  });

  it("only can be released", async () => {
    const { member, consumption } = await consumer(broker);
    member.change({ assigned: [assigned()] });
    for (const wrong of [place(0), place(7)]) {
      expect(() => consumption.release([wrong])).toThrow(/was not revoked/);
    }
    member.change({ revoked: [place()] });
    consumption.release([place()]);
    expect(() => consumption.release([place()])).toThrow(MillraceError);
  });

  it("that come back are new", async () => {
    const { sink, member, consumption } = await consumer(broker);
    member.change({ assigned: [assigned(0, 9)] });
    await quiet();
    member.change({ revoked: [place()] });
    consumption.release([place()]);
    member.change({ assigned: [assigned(0, 8)] });
    await quiet();
    expect(sink.deliveries()).toEqual([
      [9, 10],
      [8, 10],
    ]);
  });
});

describe("a membership", () => {
  it("that cannot be had ends the reading", async () => {
    const groups = new FakeGroups();
    const refusal = new MillraceError("GROUP_FULL", "full");
    groups.beforeJoin = () => {
      throw refusal;
    };
    let closed = 0;
    const reading = { ...broker.subscribe(new RecordingSink(), { maxBytes: 1 }), close: () => closed++ };
    await expect(consumer(broker, {}, { groups, subscribe: () => reading })).rejects.toBe(refusal);
    expect(closed).toBe(1);
  });

  it("that ends is told last, and nothing is delivered afterwards", async () => {
    const { sink, member, consumption } = await consumer(broker);
    member.change({ assigned: [assigned(0, 10)] });
    await quiet();
    sink.take();
    member.sink.ended(new MillraceError("MEMBER_FENCED", "another one took its place"));
    member.sink.changed({ memberId: "m", memberEpoch: 9, assigned: [assigned(1)], revoked: [] });
    await append(broker, 1);
    consumption.seek({ ...place(), assignmentId: 1 }, 0);
    consumption.addCredit(1, 1);
    await quiet();
    expect(sink.take()).toEqual([{ ended: "MEMBER_FENCED" }]);
  });

  it("has an id made by the broker if the client has none", async () => {
    const { member } = await consumer(broker, { memberId: undefined });
    expect(member.memberId).toMatch(/^[0-9a-f]{32}$/);
  });

  it("is left when the commits under way are answered", async () => {
    const { sink, member, consumption, groups } = await consumer(broker);
    const storing = closedGate();
    groups.answer = async ({ offsets }) => {
      await storing.opened;
      return offsets.map(({ offset }) => offset);
    };
    member.change({ assigned: [assigned(0, 9)] });
    await quiet();
    const committed = consumption.commit([]);
    const left = consumption.leave();
    await append(broker, 1);
    await quiet();
    expect(member.end).toBeUndefined();
    expect(sink.deliveries()).toEqual([[9, 10]]);
    storing.open();
    expect(await committed).toMatchObject([{ result: 10 }]);
    await left;
    expect(member.end).toBe("left");
  });

  it("that is closed counts as broken off, when the commits under way are answered", async () => {
    const { member, consumption, groups } = await consumer(broker);
    const storing = closedGate();
    groups.answer = async () => {
      await storing.opened;
      throw new MillraceError("SHUTTING_DOWN", "too late");
    };
    member.change({ assigned: [assigned()] });
    await quiet();
    const committed = consumption.commit([]);
    const closed = consumption.close();
    consumption.disconnected();
    await quiet();
    expect(member.end).toBeUndefined();
    storing.open();
    expect(await committed).toMatchObject([{ result: { reason: "SHUTTING_DOWN" } }]);
    await closed;
    expect(member.end).toBe("disconnected");
  });

  it("whose stream is gone counts as broken off at once", async () => {
    const { member, consumption } = await consumer(broker);
    consumption.disconnected();
    expect(member.end).toBe("disconnected");
    await consumption.leave();
    expect(member.end).toBe("disconnected");
  });
});
