import type { ClientReadableStream } from "@grpc/grpc-js";
import { beforeEach, describe, expect, it } from "vitest";
import { grpc } from "../../src/gen/millrace.js";
import type { RpcServer } from "../../src/rpc/index.ts";
import { FakeBroker } from "./fake-broker.ts";
import { batchOf, connect, health, latch, log, startServer, type TestClient, until } from "./harness.ts";

const { SERVING, NOT_SERVING, SERVICE_UNKNOWN } = grpc.health.v1.HealthCheckResponse.ServingStatus;
type Response = grpc.health.v1.HealthCheckResponse;

describe("health", () => {
  let server: RpcServer;
  let client: TestClient;
  let broker: FakeBroker;

  beforeEach(async () => {
    broker = new FakeBroker();
    server = await startServer(broker);
    client = connect(server);
  });

  function watch(service: string) {
    const { path, requestSerialize, responseDeserialize } = health.watch;
    const call: ClientReadableStream<Response> = client.raw.makeServerStreamRequest(
      path,
      requestSerialize,
      responseDeserialize,
      { service },
    );
    const statuses: number[] = [];
    call.on("data", ({ status }) => statuses.push(status));
    const ended = new Promise<number>((resolve) =>
      call.on("error", (error) => resolve(Number(Reflect.get(error, "code")))),
    );
    return { call, statuses, ended };
  }

  it.each(["", "millrace.v1.LogService", "millrace.v1.GroupService", "millrace.v1.ClusterService"])(
    "of %j is SERVING",
    async (service) => {
      expect((await client.call(health.check, { service })).status).toBe(SERVING);
    },
  );

  it("of an unknown service is NOT_FOUND", async () => {
    const failure = client.failure(health.check, { service: "elsewhere" });
    expect((await failure).cause).toMatchObject({ code: 5 });
  });

  it("is watched until the server drains", async () => {
    const all = watch("");
    const unknown = watch("elsewhere");
    await expect.poll(() => [...all.statuses, ...unknown.statuses]).toEqual([SERVING, SERVICE_UNKNOWN]);
    await server.drain(5_000);
    expect(await all.ended).toBe(14);
    expect(all.statuses).toEqual([SERVING, NOT_SERVING]);
  });

  it("is NOT_SERVING for those who ask while the server drains", async () => {
    const hold = latch();
    broker.beforeAck = () => hold.opened;
    await broker.createTopic({ name: "t" });
    const produced = client.call(log.produce, { topic: "t", partition: 0, batch: batchOf("a") });
    await until(() => broker.produced === 1);
    const drained = server.drain(5_000);
    const late = connect(server);
    expect((await late.call(health.check, { service: "" })).status).toBe(NOT_SERVING);
    hold.open();
    await produced;
    await drained;
  });
});
