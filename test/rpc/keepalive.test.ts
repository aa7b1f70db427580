import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { describe, expect, it } from "vitest";
import { millrace } from "../../src/gen/millrace.js";
import { FakeBroker } from "./fake-broker.ts";
import { atEnd, log, startServer, until } from "./harness.ts";
import { framed } from "./raw-http2.ts";

/** A client that opens one stream, says so and then only keeps it. */
const CLIENT = `
  const [endpoint, path, frame] = process.argv.slice(1);
  const session = require("node:http2").connect("http://" + endpoint);
  const stream = session.request({ ":method": "POST", ":path": path, te: "trailers", "content-type": "application/grpc" });
  stream.on("response", () => {}).on("error", () => {}).resume();
  session.on("error", () => {});
  stream.write(Buffer.from(frame, "base64"), () => console.log("sent"));
`;

async function openElsewhere(endpoint: string): Promise<ChildProcess> {
  const request = millrace.v1.SubscribeRequest.encode({ start: {} }).finish();
  const frame = framed(Buffer.from(request)).toString("base64");
  const child = spawn(process.execPath, ["-e", CLIENT, endpoint, log.subscribe.path, frame], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  atEnd(() => child.kill("SIGKILL"));
  await once(child.stdout!, "data");
  return child;
}

describe("keepalive", () => {
  it("ends the streams of a client process that was stopped", async () => {
    const broker = new FakeBroker();
    const server = await startServer(broker, { keepaliveTimeMs: 100, keepaliveTimeoutMs: 300 });
    const child = await openElsewhere(server.endpoint);
    await until(() => broker.subscriptions.size === 1);
    const [subscription] = broker.subscriptions;
    await new Promise((resolve) => setTimeout(resolve, 600));
    expect(subscription!.closed).toBe(false);
    child.kill("SIGSTOP");
    await until(() => subscription!.closed);
    await until(() => server.connections === 0);
  });
});
