import { describe, expect, it } from "vitest";
import { seededRandom } from "../../src/base/index.ts";
import { Membership } from "../../src/client/consumer/membership.ts";
import type {
  MemberCommand,
  MembershipStream,
  MembershipStreamListener,
} from "../../src/client/consumer/membership-stream.ts";
import { MillraceError, type Reason } from "../../src/errors/index.ts";
import { ManualClock } from "../support/manual-clock.ts";
import { turn } from "../support/turns.ts";

/** A stream as the coordinator has it. */
class FakeStream implements MembershipStream {
  readonly commands: MemberCommand[] = [];
  readonly listener: MembershipStreamListener;
  isCancelled = false;

  constructor(listener: MembershipStreamListener) {
    this.listener = listener;
  }

  send(command: MemberCommand): void {
    this.commands.push(command);
  }

  cancel(): void {
    this.isCancelled = true;
  }

  answer(memberEpoch: number, assigned: readonly number[] = [], revoked: readonly number[] = []): void {
    const place = (partition: number) => ({ topic: "t", partition });
    this.listener.changed({
      memberEpoch,
      assigned: assigned.map((partition) => ({ ...place(partition), committed: undefined })),
      revoked: revoked.map(place),
    });
  }

  end(reason: Reason): void {
    this.listener.ended(new MillraceError(reason, "the test says so"));
  }
}

function rig(unreachable: () => Reason | undefined = () => undefined, retryTimeoutMs = 30_000) {
  const clock = new ManualClock(0);
  const streams: FakeStream[] = [];
  const events: string[] = [];
  const owned: { topic: string; partition: number }[] = [];
  const membership = new Membership(
    {
      group: "g",
      instanceId: undefined,
      clientId: "c",
      assignor: undefined,
      sessionTimeoutMs: 10_000,
      rebalanceTimeoutMs: 60_000,
      retryTimeoutMs,
    },
    {
      clock,
      random: seededRandom(1),
      open: async (listener) => {
        const reason = unreachable();
        if (reason !== undefined) throw new MillraceError(reason, "not there");
        const stream = new FakeStream(listener);
        streams.push(stream);
        return stream;
      },
      subscription: () => ({ topics: ["t"], topicPattern: "" }),
      owned: () => owned,
      paused: () => owned.slice(0, 1),
      changed: ({ memberEpoch }) => events.push(`changed ${memberEpoch}`),
      lost: ({ reason }) => events.push(`lost ${reason}`),
      failed: ({ reason }) => events.push(`failed ${reason}`),
      retrying: ({ reason }) => events.push(`retrying ${reason}`),
    },
  );
  /** Lets time pass in steps, as timers do. */
  const pass = async (ms: number) => {
    for (let left = ms; left > 0; left -= 100) {
      clock.advance(Math.min(100, left));
      await turn();
    }
  };
  return { clock, streams, events, owned, membership, pass };
}

/** One that is a member in epoch 3 and has partition 1. */
async function joined(unreachable?: () => Reason | undefined) {
  const all = rig(unreachable);
  all.membership.start();
  await turn();
  all.streams[0]!.answer(3, [1]);
  all.owned.push({ topic: "t", partition: 1 });
  return all;
}

describe("a membership", () => {
  it("begins with epoch 0 and owns nothing, and takes the epochs that it is told", async () => {
    const { streams, membership, events } = rig();
    membership.start();
    membership.start();
    await turn();
    expect(streams).toHaveLength(1);
    expect(streams[0]!.commands[0]!.join).toMatchObject({ group: "g", memberEpoch: 0, owned: [] });
    streams[0]!.answer(1, [0, 1]);
    streams[0]!.answer(2, [], [1]);
    expect(membership.identity).toMatchObject({ memberEpoch: 2, session: 0 });
    expect(events).toEqual(["changed 1", "changed 2"]);
  });

  it("comes back after a break with its id, its epoch, what it has and what it has paused", async () => {
    const { streams, membership, pass, events } = await joined();
    streams[0]!.end("DISCONNECTED");
    await pass(2_000);
    const [join, status] = streams[1]!.commands;
    expect(join!.join).toMatchObject({
      memberId: membership.memberId,
      memberEpoch: 3,
      owned: [{ topic: "t", partition: 1 }],
    });
    expect(status!.status).toEqual({ paused: [{ topic: "t", partition: 1 }] });
    streams[1]!.answer(3);
    await pass(20_000);
    expect(events).toEqual(["changed 3", "retrying DISCONNECTED", "changed 3"]);
    expect(streams).toHaveLength(2);
  });

  it("counts its session from the first break, however often it tries", async () => {
    const { streams, membership, pass, events, clock } = await joined();
    while (membership.identity.memberEpoch > 0) {
      streams.at(-1)!.end("DISCONNECTED");
      const { length } = streams;
      while (streams.length === length && membership.identity.memberEpoch > 0) await pass(100);
      expect(clock.monotonicMs()).toBeLessThanOrEqual(10_100);
    }
    expect(clock.monotonicMs()).toBeGreaterThanOrEqual(10_000);
    expect(events.filter((event) => event.startsWith("lost"))).toEqual(["lost UNKNOWN_MEMBER"]);
    await turn();
    expect(streams.at(-1)!.commands[0]!.join).toMatchObject({ memberEpoch: 0, owned: [] });
  });

  it("loses its session also while a stream is open that nobody answers", async () => {
    const { streams, pass, events } = await joined();
    streams[0]!.end("DISCONNECTED");
    await pass(10_000);
    expect(events.at(-1)).toBe("lost UNKNOWN_MEMBER");
    expect(streams[1]!.isCancelled).toBe(true);
    streams[1]!.answer(9);
    streams[1]!.end("MEMBER_FENCED");
    expect(events.at(-1)).toBe("lost UNKNOWN_MEMBER");
    streams[2]!.answer(10, [1]);
    expect(events.at(-1)).toBe("changed 10");
  });

  it("that slept over its session joins anew without asking whether it may come back", async () => {
    const { streams, events, clock } = await joined();
    streams[0]!.end("DISCONNECTED");
    clock.jump(60_000); // the retry is still due a little later, and so is the end of the session
    clock.advance(3_000);
    await turn();
    expect(events).toEqual(["changed 3", "retrying DISCONNECTED", "lost UNKNOWN_MEMBER"]);
    expect(streams[1]!.commands[0]!.join).toMatchObject({ memberEpoch: 0 });
  });

  it.each(["UNKNOWN_MEMBER", "STALE_MEMBER_EPOCH"] as const)(
    "that is told %s has lost everything and joins anew",
    async (reason) => {
      const { streams, membership, pass, events } = await joined();
      streams[0]!.end("DISCONNECTED");
      await pass(500);
      streams[1]!.end(reason);
      expect(events.at(-2)).toBe(`lost ${reason}`);
      expect(membership.identity).toMatchObject({ memberEpoch: 0, session: 1 });
      await pass(2_000);
      expect(streams[2]!.commands[0]!.join).toMatchObject({ memberEpoch: 0 });
    },
  );

  it("that a commit was refused for as that of nobody has lost everything, once for each session", async () => {
    const { streams, membership, pass, events } = await joined();
    const { session } = membership.identity;
    membership.sessionOver(session, new MillraceError("UNKNOWN_MEMBER", "x"));
    membership.sessionOver(session, new MillraceError("UNKNOWN_MEMBER", "x"));
    expect(streams[0]!.isCancelled).toBe(true);
    await pass(2_000);
    streams[1]!.answer(5, [1]);
    membership.sessionOver(session, new MillraceError("UNKNOWN_MEMBER", "late"));
    expect(events).toEqual(["changed 3", "lost UNKNOWN_MEMBER", "retrying UNKNOWN_MEMBER", "changed 5"]);
  });

  it("ends for good when it is fenced, and may be begun again otherwise", async () => {
    const fenced = await joined();
    fenced.streams[0]!.end("MEMBER_FENCED");
    expect(fenced.events.slice(1)).toEqual(["lost MEMBER_FENCED", "failed MEMBER_FENCED"]);
    await fenced.pass(60_000);
    expect(fenced.streams).toHaveLength(1);
    expect(fenced.clock.timerCount).toBe(0);
    fenced.membership.start();
    await turn();
    expect(fenced.streams).toHaveLength(2);
  });

  it("ends with the last failure when it has not come about for long", async () => {
    let isThere = true;
    const { streams, pass, events, clock } = await joined(() => (isThere ? undefined : "DISCONNECTED"));
    isThere = false;
    streams[0]!.end("SHUTTING_DOWN");
    await pass(29_000);
    expect(events.filter((event) => event.startsWith("failed"))).toEqual([]);
    await pass(5_000);
    expect(events.at(-1)).toBe("failed DISCONNECTED");
    expect(clock.timerCount).toBe(0);
  });

  it("tells a join that nobody answers, tries again, and ends with that after retryTimeoutMs", async () => {
    const { streams, membership, pass, events, clock } = rig(undefined, 50_000);
    membership.start();
    await pass(29_900);
    expect(events).toEqual([]);
    await pass(2_000);
    expect(events).toEqual(["retrying DEADLINE_EXCEEDED"]);
    expect(streams.map(({ isCancelled }) => isCancelled)).toEqual([true, false]);
    await pass(20_000);
    expect(events).toEqual(["retrying DEADLINE_EXCEEDED", "failed DEADLINE_EXCEEDED"]);
    expect([streams[1]!.isCancelled, clock.timerCount]).toEqual([true, 0]);
  });

  it("waits some seconds for an answer even if nothing is to be retried", async () => {
    const { streams, membership, pass, events } = rig(undefined, 0);
    membership.start();
    await pass(4_000);
    streams[0]!.answer(1);
    await pass(100_000);
    expect(events).toEqual(["changed 1"]);
  });

  it("does not wait long for a leave to be heard while its join is not", async () => {
    const { streams, membership, clock } = rig();
    membership.start();
    await turn();
    const left = membership.leave(30_000);
    expect(streams[0]!.commands.at(-1)).toEqual({ leave: {} });
    clock.advance(2_000);
    await left;
    expect([streams[0]!.isCancelled, clock.timerCount]).toEqual([true, 0]);
  });

  it("opens its stream anew on demand, without waiting and as the same member", async () => {
    const { streams, membership } = await joined();
    membership.rejoin();
    await turn();
    expect(streams[0]!.isCancelled).toBe(true);
    expect(streams[1]!.commands[0]!.join).toMatchObject({ memberEpoch: 3 });
  });

  it("waits for the coordinator to take note when it leaves, but not for ever", async () => {
    const one = await joined();
    const left = one.membership.leave(1_000);
    expect(one.streams[0]!.commands.at(-1)).toEqual({ leave: {} });
    one.streams[0]!.end("DISCONNECTED");
    await left;
    const other = await joined();
    const given = other.membership.leave(1_000);
    other.clock.advance(1_000);
    await given;
    expect(other.streams[0]!.isCancelled).toBe(true);
    expect(one.clock.timerCount + other.clock.timerCount).toBe(0);
  });
});
