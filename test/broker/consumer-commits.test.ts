import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Broker } from "../../src/broker/index.ts";
import { MillraceError } from "../../src/errors/index.ts";
import type { OffsetCommit } from "../../src/group/types.ts";
import { closedGate } from "../support/gate.ts";
import { append, assigned, brokerWithRecords, consumer, place, quiet } from "./consume-rig.ts";

let broker: Broker;
beforeEach(async () => {
  broker = await brokerWithRecords(3);
});
afterEach(() => broker.close());

const upTo = (offset: number, partition = 0): OffsetCommit => ({
  ...place(partition),
  offset,
  metadata: "",
  rewind: false,
});

async function reading(...offsets: number[]) {
  const rig = await consumer(broker);
  rig.member.change({ assigned: offsets.map((offset, partition) => assigned(partition, offset)) });
  await quiet();
  return rig;
}

describe("a consumer's commit", () => {
  it("goes up to what was delivered to it, and no further", async () => {
    const { consumption, groups } = await reading(0, 10);
    await append(broker, 5, 2);
    const results = await consumption.commit([upTo(10), upTo(11), upTo(3), upTo(10, 1), upTo(11, 1)]);
    expect(results.map(({ result }) => (typeof result === "number" ? result : result.reason))).toEqual([
      10,
      "OFFSET_OUT_OF_RANGE",
      3,
      10,
      "OFFSET_OUT_OF_RANGE",
    ]);
    expect(results[1]!.result).toMatchObject({ details: { offset: "11", allowed: "at most 10" } });
    expect(groups.commits).toMatchObject([{ group: "g", member: { memberId: "m", memberEpoch: 1 } }]);
    expect(groups.commits[0]!.offsets.map(({ offset }) => offset)).toEqual([10, 3, 10]);
  });

  it("is of its own partitions only", async () => {
    const { consumption, groups } = await reading(0);
    const [result] = await consumption.commit([upTo(1, 2)]);
    expect(result).toMatchObject({ ...place(2), result: { reason: "STALE_MEMBER_EPOCH" } });
    expect(groups.commits.flatMap(({ offsets }) => offsets)).toEqual([]);
  });

  it("without offsets is of all that was delivered and not committed", async () => {
    const { consumption } = await reading(0, 10, 4);
    expect(await consumption.commit([])).toEqual([
      { ...place(0), result: 10 },
      { ...place(2), result: 10 },
    ]);
    expect(await consumption.commit([])).toEqual([]);
    await append(broker, 1, 1);
    await quiet();
    expect(await consumption.commit([])).toEqual([{ ...place(1), result: 11 }]);
  });

  it("that failed is tried again by the next one without offsets", async () => {
    const { consumption, groups } = await reading(0);
    const { answer } = groups;
    groups.answer = () => {
      throw new MillraceError("STORAGE_FULL", "no room");
    };
    expect(await consumption.commit([])).toMatchObject([{ ...place(), result: { reason: "STORAGE_FULL" } }]);
    groups.answer = answer;
    expect(await consumption.commit([])).toEqual([{ ...place(), result: 10 }]);
  });

  it("is answered in its turn, and reaches the coordinator at once", async () => {
    const { consumption, groups } = await reading(0);
    const slow = closedGate();
    groups.answer = async ({ offsets }) => {
      if (offsets[0]!.offset === 1) await slow.opened;
      return [offsets[0]!.offset];
    };
    const answered: number[] = [];
    for (const offset of [1, 2, 3]) {
      void consumption
        .commit([upTo(offset)])
        .then(([{ result } = { result: -1 }]) => answered.push(Number(result)));
    }
    await quiet();
    expect(groups.commits).toHaveLength(3);
    expect(answered).toEqual([]);
    slow.open();
    await quiet();
    expect(answered).toEqual([1, 2, 3]);
  });

  it("bears the epoch that the member had when it was sent", async () => {
    const { consumption, groups, member } = await reading(0);
    const slow = closedGate();
    groups.answer = async () => {
      await slow.opened;
      return [1];
    };
    void consumption.commit([upTo(1)]);
    member.change({});
    void consumption.commit([upTo(2)]);
    expect(groups.commits.map(({ member: sent }) => sent?.memberEpoch)).toEqual([1, 2]);
    slow.open();
  });

  it("of very many partitions goes to the coordinator in parts", async () => {
    const { consumption, groups } = await reading(0);
    const many = Array.from({ length: 10_001 }, () => upTo(5));
    expect(await consumption.commit(many)).toHaveLength(10_001);
    expect(groups.commits.map(({ offsets }) => offsets.length)).toEqual([10_000, 1]);
  });
});

describe("a consumer's seek", () => {
  it("moves the reading, and is echoed in the deliveries", async () => {
    const { consumption, sink } = await reading(9);
    consumption.seek({ ...place(), assignmentId: 42 }, 7);
    await quiet();
    expect(sink.told.filter((told) => "delivered" in told)).toEqual([
      { delivered: { partition: 0, from: 9, to: 10 }, id: 0 },
      { delivered: { partition: 0, from: 7, to: 10 }, id: 42 },
    ]);
  });

  it("back makes the next commit of what was delivered go back too", async () => {
    const { consumption, groups } = await reading(0);
    await consumption.commit([]);
    consumption.seek({ ...place(), assignmentId: 1 }, 2);
    expect(await consumption.commit([])).toEqual([]);
    await quiet();
    await consumption.commit([]);
    expect(groups.commits.at(-1)!.offsets).toMatchObject([{ offset: 10, rewind: true }]);
    await append(broker, 1);
    await quiet();
    await consumption.commit([]);
    expect(groups.commits.at(-1)!.offsets).toMatchObject([{ offset: 11, rewind: false }]);
  });

  it("back while a commit is under way is not forgotten with its answer", async () => {
    const { consumption, groups, sink } = await reading(0);
    const { answer } = groups;
    const slow = closedGate();
    groups.answer = async (command) => {
      await slow.opened;
      return answer(command);
    };
    const first = consumption.commit([]);
    consumption.seek({ ...place(), assignmentId: 1 }, 2);
    await quiet();
    expect(sink.deliveries()).toEqual([
      [0, 10],
      [2, 10],
    ]);
    slow.open();
    expect(await first).toEqual([{ ...place(), result: 10 }]);
    expect(await consumption.commit([])).toEqual([{ ...place(), result: 10 }]);
    expect(groups.commits.at(-1)!.offsets).toMatchObject([{ offset: 10, rewind: true }]);
  });

  it("back is not forgotten with a commit that left the higher offset", async () => {
    const { consumption, groups } = await reading(0);
    await consumption.commit([]);
    consumption.seek({ ...place(), assignmentId: 1 }, 2);
    await quiet();
    groups.answer = () => [12];
    expect(await consumption.commit([upTo(3)])).toMatchObject([{ result: 12 }]);
    await consumption.commit([]);
    expect(groups.commits.at(-1)!.offsets).toMatchObject([{ offset: 10, rewind: true }]);
  });

  it("leaves it to the client whether a commit with offsets goes back", async () => {
    const { consumption, groups } = await reading(0);
    consumption.seek({ ...place(), assignmentId: 1 }, 2);
    await consumption.commit([upTo(3), { ...upTo(3), rewind: true }]);
    expect(groups.commits.at(-1)!.offsets.map(({ rewind }) => rewind)).toEqual([false, true]);
  });

  it("allows to commit where it went, and not where it was before", async () => {
    const { consumption } = await reading(0);
    await append(broker, 5, 0);
    await quiet();
    consumption.pause([]);
    await append(broker, 5, 0);
    consumption.seek({ ...place(), assignmentId: 1 }, 20);
    expect(await consumption.commit([upTo(20)])).toMatchObject([{ result: 20 }]);
    consumption.seek({ ...place(), assignmentId: 2 }, 3);
    expect(await consumption.commit([upTo(16)])).toMatchObject([
      { result: { reason: "OFFSET_OUT_OF_RANGE" } },
    ]);
    expect(await consumption.commit([upTo(15)])).toMatchObject([{ result: 15 }]);
  });

  it("outside the log fails the partition until it is sought again, whatever the policy", async () => {
    await broker.trimPartition("t", 0, 4);
    const { consumption, sink, member } = await consumer(broker, { onGap: "start" });
    member.change({ assigned: [assigned(0, 10)] });
    await quiet();
    for (const offset of [3, 11]) {
      sink.take();
      consumption.seek({ ...place(), assignmentId: 1 }, offset);
      await append(broker, 0);
      await quiet();
      expect(sink.take()).toMatchObject([
        { failed: 0, reason: "OFFSET_OUT_OF_RANGE", details: { offset: String(offset) } },
      ]);
    }
    consumption.seek({ ...place(), assignmentId: 1 }, 4);
    await quiet();
    expect(sink.deliveries()).toEqual([[4, 10]]);
  });

  it("of a partition that the consumer never had is told to be wrong", async () => {
    const { consumption, sink } = await reading(10);
    sink.take();
    consumption.seek({ ...place(2), assignmentId: 5 }, 0);
    expect(sink.take()).toMatchObject([{ failed: 2, reason: "INVALID_REQUEST" }]);
  });
});

describe("a consumer's pause", () => {
  it("holds deliveries until it is over, and is told to those who look", async () => {
    const { consumption, sink, member } = await reading(10, 10);
    consumption.pause([place(0), place(7)]);
    expect(member.pausedNow).toEqual([place(0)]);
    await append(broker, 1, 0);
    await append(broker, 1, 1);
    await quiet();
    expect(sink.deliveries(0)).toEqual([]);
    expect(sink.deliveries(1)).toEqual([[10, 11]]);
    consumption.pause([]);
    expect(member.pausedNow).toEqual([place(0), place(1)]);
    consumption.seek({ ...place(), assignmentId: 1 }, 5);
    await quiet();
    expect(sink.deliveries(0)).toEqual([]);
    consumption.resume([]);
    expect(member.pausedNow).toEqual([]);
    await quiet();
    expect(sink.deliveries(0)).toEqual([[5, 11]]);
  });

  it("does not hold partitions that come later", async () => {
    const { consumption, sink, member } = await reading(10);
    consumption.pause([]);
    member.change({ assigned: [assigned(2, 9)] });
    await quiet();
    expect(sink.deliveries(2)).toEqual([[9, 10]]);
  });
});
