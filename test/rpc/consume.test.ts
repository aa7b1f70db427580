import { beforeEach, describe, expect, it } from "vitest";
import { MillraceError } from "../../src/errors/index.ts";
import { millrace } from "../../src/gen/millrace.js";
import type { RpcServer } from "../../src/rpc/index.ts";
import { messageToError } from "../../src/wire/index.ts";
import { FakeBroker } from "./fake-broker.ts";
import { batchOf, connect, group, latch, startServer, type TestClient, until } from "./harness.ts";
import { framed, rawCall, rawSession } from "./raw-http2.ts";

type Command = millrace.v1.ConsumeRequest.$Properties;
const { OffsetFallback, RecordFormat } = millrace.v1;
const place = (partition: number) => ({ topic: "t", partition });
const member = { group: "g", memberId: "m", subscription: { topics: ["t"] } };
const join: Command = { join: { member } };
const credit: Command = { credit: { records: 1_000, bytes: 1e9 } };
const committed = { offset: 1, metadata: "x", committedAtMs: 5, expired: false };

describe("Consume", () => {
  let broker: FakeBroker;
  let server: RpcServer;
  let client: TestClient;

  beforeEach(async () => {
    broker = new FakeBroker();
    await broker.createTopic({ name: "t", partitionCount: 2 });
    for (const value of ["a", "b", "c"]) await broker.produce("t", 0, batchOf(value), undefined);
    server = await startServer(broker, { stallTimeoutMs: 300 });
    client = connect(server);
  });

  function open(...commands: Command[]) {
    const stream = client.stream(group.consume);
    for (const command of commands) stream.send(command);
    return stream;
  }

  async function consuming(...commands: Command[]) {
    const stream = open(...commands);
    await until(() => broker.groups.members.length === 1);
    return { stream, seat: broker.groups.members[0]! };
  }

  /** With partition 0 from offset 1, of which two records were delivered. */
  async function reading() {
    const { stream, seat } = await consuming(join, credit);
    seat.change({ assigned: [{ ...place(0), committed }] });
    for (;;) if ((await stream.next())!.caughtUp != null) break;
    return { stream, seat };
  }

  it("tells what came, delivers it, and says when it has caught up", async () => {
    const { stream, seat } = await consuming(join, credit);
    seat.change({
      assigned: [
        { ...place(0), committed },
        { ...place(1), committed: undefined },
      ],
    });
    const [came, ...rest] = await stream.take(4);
    expect(came!.assigned).toMatchObject({
      memberId: "m",
      memberEpoch: 1,
      partitions: [
        { ...place(0), offset: 1, committed },
        { ...place(1), offset: 0, committed: null },
      ],
    });
    const deliveries = rest.flatMap(({ delivery }) => (delivery == null ? [] : [delivery]));
    const values = deliveries.flatMap(({ records }) =>
      records!.map(({ offset, value }) => [offset, `${value}`]),
    );
    expect(values).toEqual([
      [1, "b"],
      [2, "c"],
    ]);
    expect(deliveries[0]).toMatchObject({ assignmentId: 0, highWatermark: 3 });
    const caughtUp = rest.flatMap((event) => (event.caughtUp == null ? [] : [event.caughtUp.partition]));
    expect(caughtUp.sort()).toEqual([0, 1]);
  });

  it("delivers batches as they are stored, if so asked", async () => {
    const format = RecordFormat.RECORD_FORMAT_BATCHES;
    const { stream, seat } = await consuming({ join: { member, format, maxBytes: 1 } }, credit);
    seat.change({ assigned: [{ ...place(0), committed }] });
    const [, first] = await stream.take(2);
    expect(first!.delivery!.batches).toEqual(broker.topics.get("t")!.partitions[0]![1]);
    expect(first!.delivery).toMatchObject({ nextOffset: 2, chargedRecords: 1 });
  });

  it("delivers within the credit", async () => {
    const { stream, seat } = await consuming(
      { join: { member, maxBytes: 1 } },
      { credit: { records: 1, bytes: 1e6 } },
    );
    seat.change({ assigned: [{ ...place(0), committed: undefined }] });
    expect((await stream.take(2))[1]!.delivery!.nextOffset).toBe(1);
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect([...broker.subscriptions][0]!.delivered).toBe(1);
    stream.send({ credit: { records: 1, bytes: 1e6 } });
    expect((await stream.next())!.delivery!.nextOffset).toBe(2);
  });

  it("tells a gap and a failure as the policies say", async () => {
    const onGap = OffsetFallback.OFFSET_FALLBACK_END;
    const onNoOffset = OffsetFallback.OFFSET_FALLBACK_FAIL;
    const { stream, seat } = await consuming({ join: { member, onGap, onNoOffset } });
    const assigned = [
      { ...place(0), committed: { ...committed, expired: true } },
      { ...place(1), committed: undefined },
    ];
    seat.change({ assigned });
    const [came, gap, failed] = await stream.take(3);
    expect(came!.assigned!.partitions!.map((one) => Object.hasOwn(one, "offset"))).toEqual([true, false]);
    expect(gap!.gap).toMatchObject({ ...place(0), from: 1, to: 3, lost: 2 });
    expect(failed!.failure).toMatchObject(place(1));
    expect(messageToError(failed!.failure!.error!)).toMatchObject({ reason: "OFFSET_OUT_OF_RANGE" });
  });

  it("answers commits in order, each offset by itself", async () => {
    const { stream } = await reading();
    stream.send({ commit: { commitId: 7, offsets: [{ ...place(0), offset: 2, metadata: "y" }] } });
    stream.send({
      commit: {
        commitId: 8,
        offsets: [
          { ...place(0), offset: 9 },
          { ...place(1), offset: 1 },
        ],
      },
    });
    stream.send({ commit: { commitId: 9 } });
    const [first, second, third] = (await stream.take(3)).map((event) => event.committed!);
    expect(first).toMatchObject({ commitId: 7, results: [{ ...place(0), offset: 2, error: null }] });
    expect(second!.commitId).toBe(8);
    expect(second!.results!.map(({ error }) => messageToError(error!).reason)).toEqual([
      "OFFSET_OUT_OF_RANGE",
      "STALE_MEMBER_EPOCH",
    ]);
    expect(third).toMatchObject({ commitId: 9, results: [{ ...place(0), offset: 3 }] });
    expect(broker.groups.commits[0]).toEqual({
      group: "g",
      member: { memberId: "m", memberEpoch: 1 },
      offsets: [{ ...place(0), offset: 2, metadata: "y", rewind: false }],
    });
  });

  it("reads on while commits are under way, but for very many", async () => {
    const { stream } = await reading();
    const gate = latch();
    broker.groups.answer = async ({ offsets }) => {
      await gate.opened;
      return offsets.map(({ offset }) => offset);
    };
    const offsets = [{ ...place(0), offset: 2 }];
    for (let commitId = 1; commitId <= 40; commitId++) stream.send({ commit: { commitId, offsets } });
    await new Promise((resolve) => setTimeout(resolve, 50));
    const begun = broker.groups.commits.length;
    expect(begun).toBe(16);
    gate.open();
    const answers = await stream.take(40);
    expect(answers.map((event) => event.committed!.commitId)).toEqual(
      Array.from({ length: 40 }, (_, i) => i + 1),
    );
  });

  it("gives nothing of a partition after it was revoked, and hands it over when it is released", async () => {
    const { stream, seat } = await reading();
    seat.change({ revoked: [place(0)] });
    await broker.produce("t", 0, batchOf("late"), undefined);
    expect((await stream.next())!.revoked).toMatchObject({ memberEpoch: 2, partitions: [place(0)] });
    stream.send({ commit: { commitId: 1 } });
    stream.send({ release: { partitions: [place(0)] } });
    expect((await stream.next())!.committed).toMatchObject({ results: [{ offset: 3 }] });
    await until(() => seat.released.length === 1);
    seat.change({ assigned: [{ ...place(0), committed: { ...committed, offset: 3 } }] });
    const [came, delivery] = await stream.take(2);
    expect(came!.assigned!.partitions![0]!.offset).toBe(3);
    expect(delivery!.delivery!.records![0]!.offset).toBe(3);
  });

  it("pauses, resumes and seeks", async () => {
    const { stream, seat } = await reading();
    stream.send({ pause: { partitions: [place(0)] } });
    await until(() => seat.pausedNow.length === 1);
    await broker.produce("t", 0, batchOf("d"), undefined);
    stream.send({ seek: { ...place(0), offset: 0, assignmentId: 5 } });
    stream.send({ resume: {} });
    const { delivery } = (await stream.next())!;
    expect(delivery).toMatchObject({ assignmentId: 5, records: [{}, {}, {}, {}] });
    expect(seat.pausedNow).toEqual([]);
    stream.send({ seek: { ...place(1), offset: 0 } });
    for (;;) {
      const event = (await stream.next())!;
      if (event.failure == null) continue;
      expect(messageToError(event.failure.error!).reason).toBe("INVALID_REQUEST");
      break;
    }
  });

  it("makes an id for a member without one, and says where its partitions go on when it is back", async () => {
    const anonymous = { ...member, memberId: "" };
    const { stream, seat } = await consuming({ join: { member: anonymous } });
    seat.change({});
    const { memberId, memberEpoch } = (await stream.next())!.assigned!;
    expect(memberId).toMatch(/^[0-9a-f]{32}$/);
    stream.call.cancel();
    await until(() => seat.end === "disconnected");
    open({ join: { member: { ...member, memberId, memberEpoch } } });
    await until(() => broker.groups.members.length === 2);
    expect(broker.groups.members[1]!.command).toMatchObject({ memberId, memberEpoch: 1, owned: [] });
  });

  describe("ends", () => {
    it("well after a leave, when the commits under way are answered", async () => {
      const { stream, seat } = await reading();
      const gate = latch();
      broker.groups.answer = async () => {
        await gate.opened;
        return [3];
      };
      stream.send({ commit: { commitId: 1 } });
      stream.send({ leave: {} });
      await new Promise((resolve) => setTimeout(resolve, 30));
      expect(seat.end).toBeUndefined();
      gate.open();
      expect((await stream.next())!.committed).toMatchObject({ commitId: 1, results: [{ offset: 3 }] });
      expect(await stream.end).toBeUndefined();
      expect(seat.end).toBe("left");
      expect(broker.subscriptions.size).toBe(0);
    });

    it("well if the client ends its side, as broken off, when the commits are answered", async () => {
      const { stream, seat } = await reading();
      stream.send({ commit: { commitId: 1 } });
      stream.call.end();
      expect((await stream.next())!.committed!.commitId).toBe(1);
      expect(await stream.end).toBeUndefined();
      expect(seat.end).toBe("disconnected");
    });

    it("with SHUTTING_DOWN when the server drains, as broken off, when the commits are answered", async () => {
      const { stream, seat } = await reading();
      const gate = latch();
      broker.groups.answer = async () => {
        await gate.opened;
        return [3];
      };
      stream.send({ commit: { commitId: 1 } });
      await until(() => broker.groups.commits.length === 1);
      const drained = server.drain(5_000);
      await broker.produce("t", 0, batchOf("late"), undefined);
      gate.open();
      expect((await stream.next())!.committed!.commitId).toBe(1);
      expect(await stream.end).toMatchObject({ reason: "SHUTTING_DOWN" });
      expect(seat.end).toBe("disconnected");
      await drained;
    });

    it("with the error of a membership that is over", async () => {
      const { stream, seat } = await reading();
      seat.sink.ended(new MillraceError("UNKNOWN_MEMBER", "it did not release in time"));
      expect(await stream.end).toMatchObject({ reason: "UNKNOWN_MEMBER", retry: "rejoin" });
      expect(broker.subscriptions.size).toBe(0);
    });

    it("with the failure of a join, and reads nothing", async () => {
      broker.groups.beforeJoin = () => {
        throw new MillraceError("COORDINATOR_LOADING", "in a moment");
      };
      expect(await open(join).end).toMatchObject({ reason: "COORDINATOR_LOADING", retryDelayMs: 200 });
      expect(broker.subscriptions.size).toBe(0);
    });

    it("as broken off if the client cancels, or goes while it joins", async () => {
      const { stream, seat } = await reading();
      stream.call.cancel();
      await until(() => seat.end === "disconnected");
      const gate = latch();
      broker.groups.beforeJoin = () => gate.opened;
      const second = open(join);
      await new Promise((resolve) => setTimeout(resolve, 30));
      second.call.cancel();
      await new Promise((resolve) => setTimeout(resolve, 30));
      gate.open();
      await until(() => broker.groups.members[1]?.end === "disconnected");
      await until(() => broker.subscriptions.size === 0);
    });
  });

  it("resets a consumer that does not take what it has credit for", async () => {
    for (let i = 0; i < 12; i++) await broker.produce("t", 0, batchOf(Buffer.alloc(1_000_000)), undefined);
    const call = rawCall(rawSession(server), group.consume.path);
    call.pause();
    for (const command of [join, credit]) {
      call.write(framed(Buffer.from(millrace.v1.ConsumeRequest.encode(command).finish())));
    }
    await until(() => broker.groups.members.length === 1);
    const seat = broker.groups.members[0]!;
    seat.change({ assigned: [{ ...place(0), committed: undefined }] });
    await until(() => seat.end === "disconnected");
    expect(broker.subscriptions.size).toBe(0);
  });

  const refused: [string, Command[], string][] = [
    ["a command before the join", [credit], "command"],
    ["a second join", [join, join], "command"],
    ["no command", [join, {}], "command"],
    ["a join without a member", [{ join: {} }], "join.member.group"],
    ["a bad member id", [{ join: { member: { ...member, memberId: "a b" } } }], "join.member.member_id"],
    [
      "an epoch without a member id",
      [{ join: { member: { ...member, memberId: "", memberEpoch: 2 } } }],
      "join.member.member_epoch",
    ],
    [
      "partitions owned",
      [{ join: { member: { ...member, owned: [place(1)] } } }],
      "the number of join.member.owned",
    ],
    ["an unknown format", [{ join: { member, format: 9 as never } }], "format"],
    ["an unknown policy", [{ join: { member, onGap: 9 as never } }], "join.on_gap"],
    ["too many bytes", [{ join: { member, maxBytes: 1_048_577 } }], "join.max_bytes"],
    ["negative credit", [join, { credit: { records: -1 } }], "credit.records"],
    ["a negative commit id", [join, { commit: { commitId: -1 } }], "commit.commit_id"],
    ["a commit in a bad topic", [join, { commit: { offsets: [{}] } }], "commit.offsets[0].topic"],
    ["a release of nothing", [join, { release: {} }], "the number of release.partitions"],
    [
      "a release of what was not revoked",
      [join, { release: { partitions: [place(0)] } }],
      "release.partitions",
    ],
    ["a pause of a bad topic", [join, { pause: { partitions: [{}] } }], "pause.partitions[0].topic"],
    ["a resume of a bad topic", [join, { resume: { partitions: [{}] } }], "resume.partitions[0].topic"],
    ["a seek to a negative offset", [join, { seek: { ...place(0), offset: -1 } }], "seek.offset"],
    [
      "a commit of very many offsets",
      [join, { commit: { offsets: Array.from({ length: 10_001 }, () => place(0)) } }],
      "request",
    ],
  ];
  it.each(refused)("refuses %s, and the stream ends as broken off", async (_, commands, field) => {
    const stream = open(...commands);
    expect(await stream.end).toMatchObject({ reason: "INVALID_REQUEST", details: { field } });
    await until(() => broker.groups.members.every(({ end }) => end === "disconnected"));
    await until(() => broker.subscriptions.size === 0);
  });
});
