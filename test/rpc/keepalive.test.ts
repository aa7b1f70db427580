import { type ChildProcess, spawn } from "node:child_process";
import { EventEmitter, once } from "node:events";
import { describe, expect, it } from "vitest";
import { millrace } from "../../src/gen/millrace.js";
import { keepAlive } from "../../src/rpc/keepalive.ts";
import { ManualClock } from "../support/manual-clock.ts";
import { turn } from "../support/turns.ts";
import { FakeBroker } from "./fake-broker.ts";
import { atEnd, batchOf, group, startServer, until } from "./harness.ts";
import { framed } from "./raw-http2.ts";

/** A client that opens one stream with wide windows, sends its requests, says so, and then only reads. */
const CLIENT = `
  const [endpoint, path, ...frames] = process.argv.slice(1);
  const initialWindowSize = 1 << 26;
  const session = require("node:http2").connect("http://" + endpoint, { settings: { initialWindowSize } });
  session.on("connect", () => session.setLocalWindowSize(initialWindowSize));
  const headers = { ":method": "POST", ":path": path, te: "trailers", "content-type": "application/grpc" };
  const stream = session.request(headers);
  stream.on("error", () => {}).resume();
  session.on("error", () => {});
  for (const frame of frames) stream.write(Buffer.from(frame, "base64"));
  console.log("sent");
`;

/** Consumes in a process of its own. */
async function consumeElsewhere(endpoint: string): Promise<ChildProcess> {
  const commands: millrace.v1.ConsumeRequest.$Properties[] = [
    { join: { member: { group: "g", memberId: "m", subscription: { topics: ["t"] } } } },
    { credit: { records: 1_000_000, bytes: 1e12 } },
  ];
  const frames = commands.map((command) => {
    const request = Buffer.from(millrace.v1.ConsumeRequest.encode(command).finish());
    return framed(request).toString("base64");
  });
  const child = spawn(process.execPath, ["-e", CLIENT, endpoint, group.consume.path, ...frames], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  atEnd(() => child.kill("SIGKILL"));
  await once(child.stdout!, "data");
  return child;
}

/** A session whose client answers or not as the test says, asked after 10 s for 5 s. */
function asked() {
  const clock = new ManualClock();
  const session = Object.assign(new EventEmitter(), {
    destroyed: false,
    pings: 0,
    resets: 0,
    socket: { bytesRead: 0, resetAndDestroy: () => void session.resets++ },
    ping: () => ++session.pings > 0,
  });
  keepAlive(session, { clock, timeMs: 10_000, timeoutMs: 5_000 });
  return { clock, session };
}

describe("keepalive", () => {
  it("resets a connection that brings nothing after it was asked", async () => {
    const { clock, session } = asked();
    clock.advance(9_999);
    expect(session.pings).toBe(0);
    clock.advance(1 + 4_999);
    expect([session.pings, session.resets]).toEqual([1, 0]);
    clock.advance(1);
    await turn();
    expect(session.resets).toBe(1);
    session.destroyed = true;
    clock.advance(10_000);
    expect(session.resets).toBe(2); // until it is closed
  });

  it("takes any byte for an answer, and asks again", async () => {
    const { clock, session } = asked();
    for (let round = 1; round <= 3; round++) {
      clock.advance(10_000);
      session.socket.bytesRead++;
      clock.advance(5_000);
      await turn();
      expect([session.pings, session.resets]).toEqual([round, 0]);
    }
    clock.advance(15_000);
    await turn();
    expect(session.resets).toBe(1);
  });

  it("takes an answer that this process read late, because it was held up", async () => {
    const { clock, session } = asked();
    clock.advance(15_000);
    session.socket.bytesRead++;
    await turn();
    expect([session.resets, clock.timerCount]).toEqual([0, 1]);
  });

  it.each([1, 10_001])("resets what was destroyed after %i ms and does not close", async (afterMs) => {
    const { clock, session } = asked();
    clock.advance(afterMs);
    session.destroyed = true;
    session.socket.bytesRead++;
    clock.advance(15_000);
    await turn();
    expect(session.resets).toBe(1);
  });

  it("lets go of connections that are closed", async () => {
    const { clock, session } = asked();
    clock.advance(10_000);
    session.emit("close");
    expect(clock.timerCount).toBe(0);
    const late = asked();
    late.clock.advance(15_000);
    late.session.emit("close");
    await turn();
    expect([late.session.resets, late.clock.timerCount]).toEqual([0, 0]);
  });

  it.each([0, 30])(
    "ends the membership of a stopped process, with %i MB on their way to it",
    async (megabytes) => {
      const broker = new FakeBroker();
      await broker.createTopic({ name: "t" });
      const options = { keepaliveTimeMs: 100, keepaliveTimeoutMs: 300, stallTimeoutMs: 60_000 };
      const server = await startServer(broker, options);
      const child = await consumeElsewhere(server.endpoint);
      await until(() => broker.groups.members.length === 1);
      const seat = broker.groups.members[0]!;
      await new Promise((resolve) => setTimeout(resolve, 600));
      expect(seat.end).toBeUndefined();
      child.kill("SIGSTOP");
      seat.change({ assigned: [{ topic: "t", partition: 0, committed: undefined }] });
      for (let i = 0; i < megabytes; i++) {
        await broker.produce("t", 0, batchOf(Buffer.alloc(1_000_000)), undefined);
      }
      await until(() => seat.end === "disconnected");
      await until(() => server.connections === 0);
      expect(broker.subscriptions.size).toBe(0);
    },
  );
});
