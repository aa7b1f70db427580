import { beforeEach, describe, expect, it } from "vitest";
import { MillraceError } from "../../src/errors/index.ts";
import { millrace } from "../../src/gen/millrace.js";
import type { RpcServer } from "../../src/rpc/index.ts";
import type { FakeMember } from "../support/fake-groups.ts";
import { FakeBroker } from "./fake-broker.ts";
import { connect, group, latch, startServer, type TestClient, until } from "./harness.ts";
import { framed, rawCall, rawSession } from "./raw-http2.ts";

type Command = millrace.v1.JoinGroupRequest.$Properties;
const place = (partition: number) => ({ topic: "t", partition });
const subscription = { topics: ["t"] };
const member = { group: "g", memberId: "m", subscription };
const join: Command = { join: member };

describe("JoinGroup", () => {
  let broker: FakeBroker;
  let server: RpcServer;
  let client: TestClient;

  beforeEach(async () => {
    broker = new FakeBroker();
    server = await startServer(broker, { stallTimeoutMs: 300 });
    client = connect(server);
  });

  function open(...commands: Command[]) {
    const stream = client.stream(group.joinGroup);
    for (const command of commands) stream.send(command);
    return stream;
  }

  async function joined(...more: Command[]) {
    const stream = open(join, ...more);
    await until(() => broker.groups.members.length === 1);
    return { stream, seat: broker.groups.members[0]! };
  }

  it("hands over who joins, with the defaults filled in", async () => {
    const { seat } = await joined();
    expect(seat.command).toEqual({
      group: "g",
      memberId: "m",
      memberEpoch: 0,
      owned: [],
      instanceId: undefined,
      clientId: "",
      subscription: { topics: ["t"], topicPattern: undefined },
      assignor: undefined,
      sessionTimeoutMs: 45_000,
      rebalanceTimeoutMs: 300_000,
    });
  });

  it("hands over what a member that is back has and asks for", async () => {
    const all = {
      ...member,
      memberEpoch: 7,
      owned: [place(1), place(2)],
      instanceId: "pod-1",
      clientId: "reports of the north",
      subscription: { topicPattern: "t.*" },
      assignor: "range",
      sessionTimeoutMs: 1_000,
      rebalanceTimeoutMs: 3_600_000,
    };
    open({ join: all });
    await until(() => broker.groups.members.length === 1);
    expect(broker.groups.members[0]!.command).toEqual({
      ...all,
      subscription: { topics: [], topicPattern: "t.*" },
    });
  });

  it("tells changes in their order, and takes releases, subscriptions and what is paused", async () => {
    const { stream, seat } = await joined();
    const committed = { offset: 4, metadata: "x", committedAtMs: 5, expired: true };
    seat.change({
      assigned: [
        { ...place(0), committed },
        { ...place(1), committed: undefined },
      ],
    });
    seat.change({ revoked: [place(1)] });
    seat.change({});
    expect(await stream.take(3)).toMatchObject([
      { memberId: "m", memberEpoch: 1, assigned: [{ partition: 0, committed }, { committed: null }] },
      { memberEpoch: 2, assigned: [], revoked: [place(1)] },
      { memberEpoch: 3, assigned: [], revoked: [] },
    ]);
    stream.send({ release: { partitions: [place(1)] } });
    stream.send({ subscribe: { topics: ["t", "u"] } });
    stream.send({ status: { paused: [place(0)] } });
    await until(() => seat.pausedNow.length === 1);
    expect(seat.released).toEqual([place(1)]);
    expect(seat.subscribed).toEqual([{ topics: ["t", "u"], topicPattern: undefined }]);
    expect(seat.end).toBeUndefined();
  });

  it("tells very many partitions in several answers that each fit a message", async () => {
    const { stream, seat } = await joined();
    const committed = { offset: 4, metadata: "m".repeat(4_096), committedAtMs: 5, expired: false };
    seat.change({ assigned: Array.from({ length: 2_000 }, (_, i) => ({ ...place(i), committed })) });
    const partitions: number[] = [];
    while (partitions.length < 2_000) {
      const { memberEpoch, assigned } = (await stream.next())!;
      expect(memberEpoch).toBe(1);
      expect(assigned!.length).toBeLessThan(300);
      for (const { partition } of assigned!) partitions.push(partition!);
    }
    expect(partitions).toEqual(Array.from({ length: 2_000 }, (_, i) => i));
  });

  it("takes commands only once the member is in", async () => {
    const gate = latch();
    broker.groups.beforeJoin = () => gate.opened;
    open(join, { status: { paused: [place(3)] } });
    await new Promise((resolve) => setTimeout(resolve, 30));
    gate.open();
    await until(() => broker.groups.members[0]?.pausedNow.length === 1);
  });

  describe("ends", () => {
    it("well after a leave, when that is durable", async () => {
      const { stream, seat } = await joined();
      const gate = latch();
      seat.beforeLeave = () => gate.opened;
      stream.send({ leave: {} });
      stream.send({ status: { paused: [place(0)] } });
      await new Promise((resolve) => setTimeout(resolve, 30));
      expect(seat.end).toBeUndefined();
      gate.open();
      expect(await stream.end).toBeUndefined();
      expect(seat.end).toBe("left");
      expect(seat.pausedNow).toEqual([]);
    });

    it("with the failure of a leave", async () => {
      const { stream, seat } = await joined();
      seat.beforeLeave = () => {
        throw new MillraceError("STORAGE_OFFLINE", "the disk is gone");
      };
      stream.send({ leave: {} });
      expect(await stream.end).toMatchObject({ reason: "STORAGE_OFFLINE" });
    });

    it("with the error of a membership that is over", async () => {
      const { stream, seat } = await joined();
      const details = { member: "m" };
      seat.sink.ended(new MillraceError("MEMBER_FENCED", "another one came", { details }));
      expect(await stream.end).toMatchObject({ reason: "MEMBER_FENCED", details });
    });

    it("with the failure of a join", async () => {
      broker.groups.beforeJoin = () => {
        throw new MillraceError("GROUP_FULL", "full");
      };
      expect(await open(join).end).toMatchObject({ reason: "GROUP_FULL", retry: "same" });
    });

    const broken: [string, (stream: ReturnType<typeof open>) => void][] = [
      ["is cancelled", (stream) => stream.call.cancel()],
      ["ends its side", (stream) => stream.call.end()],
      ["sends nonsense", (stream) => stream.send({})],
    ];
    it.each(broken)("as broken off if the client %s", async (_, breakOff) => {
      const { stream, seat } = await joined();
      breakOff(stream);
      await until(() => seat.end !== undefined);
      expect(seat.end).toBe("disconnected");
      await stream.end;
    });

    it("as broken off if the client goes while it joins", async () => {
      const gate = latch();
      broker.groups.beforeJoin = () => gate.opened;
      const stream = open(join);
      await new Promise((resolve) => setTimeout(resolve, 30));
      stream.call.cancel();
      await new Promise((resolve) => setTimeout(resolve, 30));
      gate.open();
      await until(() => broker.groups.members[0]?.end === "disconnected");
    });

    it("as broken off with SHUTTING_DOWN when the server drains", async () => {
      const { stream, seat } = await joined();
      await server.drain(5_000);
      expect(await stream.end).toMatchObject({ reason: "SHUTTING_DOWN", retry: "same" });
      expect(seat.end).toBe("disconnected");
    });
  });

  it("resets a member that does not take its answers", async () => {
    const request = Buffer.from(millrace.v1.JoinGroupRequest.encode(join).finish());
    const call = rawCall(rawSession(server), group.joinGroup.path);
    call.pause();
    call.write(framed(request));
    await until(() => broker.groups.members.length === 1);
    const seat: FakeMember = broker.groups.members[0]!;
    const many = Array.from({ length: 1_000 }, (_, partition) => ({
      ...place(partition),
      committed: undefined,
    }));
    for (let i = 0; i < 200 && seat.end === undefined; i++) seat.change({ assigned: many });
    await until(() => seat.end === "disconnected");
  });

  const owned = Array.from({ length: 20_001 }, (_, partition) => place(partition));
  const refused: [string, Command[], string][] = [
    ["a command before the join", [{ status: {} }], "command"],
    ["a second join", [join, join], "command"],
    ["no command", [join, {}], "command"],
    ["no group", [{ join: { memberId: "m", subscription } }], "join.group"],
    ["no member id", [{ join: { group: "g", subscription } }], "join.member_id"],
    ["a bad member id", [{ join: { ...member, memberId: "a/b" } }], "join.member_id"],
    ["a negative epoch", [{ join: { ...member, memberEpoch: -1 } }], "join.member_epoch"],
    ["a bad partition owned", [{ join: { ...member, owned: [{}] } }], "join.owned[0].topic"],
    ["too many partitions owned", [{ join: { ...member, owned } }], "request"],
    ["a bad instance id", [{ join: { ...member, instanceId: "a b" } }], "join.instance_id"],
    ["a long client id", [{ join: { ...member, clientId: "c".repeat(250) } }], "join.client_id"],
    ["nothing to read", [{ join: { group: "g", memberId: "m" } }], "join.subscription"],
    [
      "a bad topic to read",
      [{ join: { ...member, subscription: { topics: ["t", ""] } } }],
      "join.subscription.topics[1]",
    ],
    [
      "a long pattern",
      [{ join: { ...member, subscription: { topicPattern: "x".repeat(250) } } }],
      "join.subscription.topic_pattern",
    ],
    [
      "more than 1,000 topics",
      [{ join: { ...member, subscription: { topics: Array<string>(1_001).fill("t") } } }],
      "request",
    ],
    ["an unknown assignor", [{ join: { ...member, assignor: "mine" } }], "join.assignor"],
    ["a short session timeout", [{ join: { ...member, sessionTimeoutMs: 999 } }], "join.session_timeout_ms"],
    [
      "a long rebalance timeout",
      [{ join: { ...member, rebalanceTimeoutMs: 3_600_001 } }],
      "join.rebalance_timeout_ms",
    ],
    ["a release of nothing", [join, { release: {} }], "the number of release.partitions"],
    ["a release of a bad topic", [join, { release: { partitions: [{}] } }], "release.partitions[0].topic"],
    ["a subscription to nothing", [join, { subscribe: {} }], "subscribe"],
    ["a bad partition paused", [join, { status: { paused: [{}] } }], "status.paused[0].topic"],
  ];
  it.each(refused)("refuses %s, and the stream ends", async (_, commands, field) => {
    const stream = open(...commands);
    expect(await stream.end).toMatchObject({ reason: "INVALID_REQUEST", details: { field } });
    await until(() => broker.groups.members.every(({ end }) => end === "disconnected"));
  });

  it("malformed commands end the stream as broken off", async () => {
    const stream = client.stream({ ...group.joinGroup, requestSerialize: (bytes: Buffer) => bytes });
    stream.send(Buffer.from(millrace.v1.JoinGroupRequest.encode(join).finish()));
    await until(() => broker.groups.members.length === 1);
    stream.send(Buffer.from([0x0a, 0xff]));
    expect(await stream.end).toMatchObject({ reason: "INVALID_REQUEST", details: { field: "request" } });
    expect(broker.groups.members[0]!.end).toBe("disconnected");
  });
});
