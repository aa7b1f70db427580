import type { ClientReadableStream } from "@grpc/grpc-js";
import { describe, expect, it } from "vitest";
import { type EmbeddedBroker, startBroker } from "../../src/embedded.ts";
import { MillraceError } from "../../src/errors/index.ts";
import { millrace } from "../../src/gen/millrace.js";
import { type CallFailure, type Method, statusToError, streamService } from "../../src/wire/index.ts";
import { plainBatch } from "../stream/stream-rig.ts";
import { atEnd, connect, type TestClient } from "./harness.ts";

const { StreamState, ReadDirection } = millrace.v1;

async function setUp(partitionCount = 1): Promise<{ broker: EmbeddedBroker; client: TestClient }> {
  const broker = await startBroker({ memory: true });
  atEnd(() => broker.close(0));
  const configs = { "stream.index": "true" };
  await broker.broker.createTopic({ name: "orders", partitionCount, configs });
  return { broker, client: connect(broker) };
}

function append(
  client: TestClient,
  stream: string,
  values: readonly string[],
  more: millrace.v1.AppendEventsRequest.$Properties = {},
) {
  const events = values.map((value) => ({ type: "t", value: Buffer.from(value) }));
  return client.call(streamService.appendEvents, {
    topic: "orders",
    stream: Buffer.from(stream),
    events,
    ...more,
  });
}

function open<Request, Response>(
  client: TestClient,
  method: Method<Request, unknown, never, Response>,
  request: Request,
): ClientReadableStream<Response> {
  return client.raw.makeServerStreamRequest(
    method.path,
    method.requestSerialize,
    method.responseDeserialize,
    request,
  );
}

/** All answers of a call, or what it fails with. */
async function collect<Request, Response>(
  client: TestClient,
  method: Method<Request, unknown, never, Response>,
  request: Request,
): Promise<Response[]> {
  const responses: Response[] = [];
  try {
    for await (const response of open(client, method, request)) responses.push(response as Response);
  } catch (error) {
    throw statusToError(error as CallFailure);
  }
  return responses;
}

const text = (event: millrace.v1.Event.$Properties) => `${event.revision ?? "-"}:${event.value ?? "null"}`;

describe("AppendEvents", () => {
  it("appends, refuses what is not as expected, and returns the events missed where that is asked for", async () => {
    const { client } = await setUp();
    const first = await append(client, "a", ["0", "1"], { state: StreamState.STREAM_STATE_NONE });
    expect(first.appended).toMatchObject({ baseOffset: 0, firstRevision: 0, lastRevision: 1, durability: 2 });
    const failure = await append(client, "a", ["x"], { revision: 0 }).catch((error: unknown) => error);
    expect(failure).toMatchObject({
      reason: "WRONG_REVISION",
      effect: "none",
      details: { expected: "0", actual: "1" },
    });
    const { conflict } = await append(client, "a", ["x"], { revision: 0, missedMax: 5 });
    expect(conflict?.actualRevision).toBe(1);
    expect(conflict?.missed?.map(text)).toEqual(["1:1"]);
    const again = { revision: 1, idempotencyKey: "k" };
    expect((await append(client, "a", ["2"], again)).appended).toMatchObject({ firstRevision: 2 });
    expect((await append(client, "a", ["2"], again)).appended).toMatchObject({
      firstRevision: 2,
      duplicate: true,
    });
  });

  it("refuses what cannot be, by field", async () => {
    const { client, broker } = await setUp();
    await broker.broker.createTopic({ name: "plain" });
    const cases: [millrace.v1.AppendEventsRequest.$Properties, string][] = [
      [{ topic: "a b" }, "topic"],
      [{ topic: "plain" }, "topic"],
      [{ stream: Buffer.alloc(0) }, "stream"],
      [{ stream: Buffer.alloc(1_025) }, "stream"],
      [{ events: [] }, "events"],
      [{ revision: -1 }, "revision"],
      [{ state: 9 as never }, "state"],
      [{ missedMax: 1_001 }, "missed_max"],
      [{ idempotencyKey: "x".repeat(256) }, "idempotency_key"],
      [{ snapshotRevision: -1 }, "snapshot_revision"],
      [{ snapshotRevision: 3 }, "snapshot_revision"],
      [{ durability: 7 as never }, "durability"],
      [{ events: [{ type: "x".repeat(256) }] }, "type"],
      [{ events: [{ headers: [{ key: "millrace.revision" }] }] }, "headers"],
      [{ events: [{ timestampMs: -5 }] }, "timestamp_ms"],
    ];
    for (const [more, field] of cases) {
      const error = await append(client, "a", ["x"], more).catch(
        (thrown: unknown) => thrown as MillraceError,
      );
      expect(error, JSON.stringify(more)).toBeInstanceOf(MillraceError);
      if (error instanceof MillraceError) {
        expect(error.reason).toBe("INVALID_REQUEST");
        expect(error.details.field).toContain(field);
      }
    }
    const missing = await append(client, "a", ["x"], { topic: "none" }).catch((thrown: unknown) => thrown);
    expect(missing).toMatchObject({ reason: "TOPIC_NOT_FOUND" });
    const many = { events: Array.from({ length: 1_001 }, () => ({})) };
    expect(await append(client, "a", [], many).catch((thrown: unknown) => thrown)).toMatchObject({
      reason: "INVALID_REQUEST",
    });
    const large = { events: [{ value: Buffer.alloc(1_100_000) }] };
    expect(await append(client, "a", [], large).catch((thrown: unknown) => thrown)).toMatchObject({
      reason: "BATCH_TOO_LARGE",
    });
  });
});

describe("ReadStream", () => {
  it("gives the stream and its events, page by page", async () => {
    const { client } = await setUp();
    const value = "v".repeat(9_000);
    for (let i = 0; i < 5; i++)
      await append(
        client,
        "a",
        Array.from({ length: 100 }, () => value),
      );
    const request = { topic: "orders", stream: Buffer.from("a") };
    const responses = await collect(client, streamService.readStream, request);
    expect(responses[0]!.info).toMatchObject({ exists: true, lastRevision: 499 });
    expect(responses.slice(1).every(({ info }) => info == null)).toBe(true);
    const events = responses.flatMap((response) => response.events);
    expect(events.map(({ revision }) => revision)).toEqual(events.map((_, i) => i));
    expect(events.length).toBe(500);
    expect(responses.length).toBeGreaterThan(4);
    const backwards = { ...request, direction: ReadDirection.READ_DIRECTION_BACKWARDS, maxEvents: 2 };
    const [last] = await collect(client, streamService.readStream, backwards);
    expect(last!.events.map(({ revision }) => revision)).toEqual([499, 498]);
  });

  it("says of a stream that does not exist that it does not, and of what is gone that it is", async () => {
    const { client, broker } = await setUp();
    const [nothing] = await collect(client, streamService.readStream, {
      topic: "orders",
      stream: Buffer.from("a"),
    });
    expect(nothing!.info).toMatchObject({ exists: false, firstRevision: 0 });
    expect(nothing!.info!.lastRevision).toBeNull();
    await append(client, "a", ["0", "1", "2"]);
    await broker.broker.trimPartition("orders", 0, 2);
    const read = (fromRevision?: number) =>
      collect(client, streamService.readStream, {
        topic: "orders",
        stream: Buffer.from("a"),
        ...(fromRevision === undefined ? {} : { fromRevision }),
      });
    expect((await read())[0]!.info).toMatchObject({ firstRevision: 2, lastRevision: 2 });
    await expect(read(1)).rejects.toMatchObject({ reason: "OFFSET_OUT_OF_RANGE" });
    expect((await append(client, "a", ["3"], { revision: 2 })).appended).toMatchObject({ firstRevision: 3 });
  });
});

describe("ReadAll", () => {
  it("gives what there is at its start, from anywhere, with revisions of plain records too", async () => {
    const { client, broker } = await setUp();
    await append(client, "a", ["0", "1"]);
    const plain = plainBatch([
      { key: "a", value: "p" },
      { key: null, value: "n" },
      { key: "b", value: "q" },
    ]);
    await broker.broker.produce("orders", 0, plain, undefined);
    const all = async (more: millrace.v1.ReadAllRequest.$Properties = {}) =>
      (await collect(client, streamService.readAll, { topic: "orders", ...more })).flatMap(
        ({ events }) => events,
      );
    expect((await all()).map(text)).toEqual(["0:0", "1:1", "2:p", "-:n", "0:q"]);
    const offsets = { offsets: [{ partition: 0, offset: 3 }] };
    expect((await all({ offsets })).map(text)).toEqual(["-:n", "0:q"]);
    expect((await all({ offsets, maxEvents: 1 })).map(text)).toEqual(["-:n"]);
    expect((await all({ timestampMs: 0 })).length).toBe(5);
    expect((await all({ timestampMs: Date.now() + 60_000 })).length).toBe(0);
    const beyond = { offsets: [{ partition: 0, offset: 6 }] };
    await expect(all({ offsets: beyond })).rejects.toMatchObject({ reason: "OFFSET_OUT_OF_RANGE" });
    const elsewhere = { offsets: [{ partition: 1, offset: 0 }] };
    await expect(all({ offsets: elsewhere })).rejects.toMatchObject({ reason: "PARTITION_NOT_FOUND" });
  });
});

describe("SubscribeAll", () => {
  it("delivers what is there, says when it has caught up, and goes on", async () => {
    const { client } = await setUp(3);
    for (const stream of ["a", "b", "c", "d"]) await append(client, stream, ["0", "1"]);
    const call = open(client, streamService.subscribeAll, { topic: "orders" });
    const events: millrace.v1.Event.$Properties[] = [];
    const caughtUp: millrace.v1.SubscriptionCaughtUp.$Properties[] = [];
    let next: () => void = () => {};
    call.on("data", (response: millrace.v1.SubscribeAllResponse) => {
      if (response.event === "events") events.push(...(response.events?.events ?? []));
      if (response.event === "caughtUp") {
        caughtUp.push(response.caughtUp!);
        next();
      }
    });
    call.on("error", () => {});
    const told = () =>
      new Promise<void>((resolve) => {
        next = resolve;
      });
    await told();
    expect(events.length).toBe(8);
    const total = (caughtUp[0]!.offsets ?? []).reduce((sum, { offset }) => sum + (offset ?? 0), 0);
    expect([caughtUp[0]!.offsets!.length, total]).toEqual([3, 8]);
    const again = told();
    await append(client, "a", ["2"]);
    await again;
    expect(events.slice(8).map(text)).toEqual(["2:2"]);
    expect(caughtUp.length).toBe(2);
    call.cancel();
  });

  it("ends with SHUTTING_DOWN when the server drains, and refuses topics without streams", async () => {
    const { client, broker } = await setUp();
    await broker.broker.createTopic({ name: "plain" });
    await expect(collect(client, streamService.subscribeAll, { topic: "plain" })).rejects.toMatchObject({
      reason: "INVALID_REQUEST",
      details: { field: "topic" },
    });
    await append(client, "a", ["0"]);
    const ended = collect(client, streamService.subscribeAll, { topic: "orders" });
    ended.catch(() => {});
    await append(client, "a", ["1"]);
    await broker.close();
    await expect(ended).rejects.toMatchObject({ reason: "SHUTTING_DOWN" });
  });
});
