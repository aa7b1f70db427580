import type { ClientReadableStream, ServiceError } from "@grpc/grpc-js";
import { MillraceError } from "../../errors/index.ts";
import { millrace } from "../../gen/millrace.js";
import type { ReadStreamOptions } from "../api/streams.ts";
import type { Cluster } from "../cluster/cluster.ts";
import type { BrokerConnection } from "../transport/broker-connection.ts";
import { streamService } from "../../wire/index.ts";
import { callLeader, type StreamTarget } from "./leader-calls.ts";

const { READ_DIRECTION_BACKWARDS, READ_DIRECTION_FORWARDS } = millrace.v1.ReadDirection;

type Response = millrace.v1.ReadStreamResponse;

/** A reading that has been answered once, so that nothing is known to stand in its way. */
interface Begun {
  readonly call: ClientReadableStream<Response>;
  readonly responses: AsyncIterator<Response, undefined>;
  readonly first: Response | undefined;
  readonly leader: BrokerConnection;
}

/** The responses to one ReadStream call. Begins again only while nothing was handed out. Leaving it cancels the call. */
export async function* readStream(
  cluster: Cluster,
  target: StreamTarget,
  options: ReadStreamOptions,
): AsyncGenerator<Response, void, undefined> {
  const { call, responses, first, leader } = await callLeader(cluster, target, (leader, remainingMs) =>
    begin(cluster, leader, readRequest(target, options), remainingMs),
  );
  try {
    for (let response = first; response !== undefined; ) {
      yield response;
      response = await next(responses, leader);
    }
  } finally {
    call.cancel();
  }
}

async function begin(
  cluster: Cluster,
  leader: BrokerConnection,
  request: millrace.v1.ReadStreamRequest.$Properties,
  timeoutMs: number,
): Promise<Begun> {
  const call = leader.openReading(streamService.readStream, request);
  // A cancelled call fails once more, when nobody listens any longer.
  call.on("error", () => {});
  let isLate = false;
  const timer = cluster.clock.schedule(timeoutMs, () => {
    isLate = true;
    call.cancel();
  });
  const responses = call[Symbol.asyncIterator]() as AsyncIterator<Response, undefined>;
  try {
    return { call, responses, first: await next(responses, leader), leader };
  } catch (thrown) {
    if (!isLate) throw thrown;
    throw new MillraceError(
      "DEADLINE_EXCEEDED",
      `no answer from ${leader.endpoint} within ${Math.round(timeoutMs)} ms; raise the client's timeoutMs or look whether the broker is overloaded`,
      { effect: "none" },
    );
  } finally {
    timer.cancel();
  }
}

async function next(
  responses: AsyncIterator<Response, undefined>,
  leader: BrokerConnection,
): Promise<Response | undefined> {
  try {
    const { done, value } = await responses.next();
    return done === true ? undefined : value;
  } catch (thrown) {
    throw leader.explain(thrown as ServiceError);
  }
}

function readRequest(
  { topic, stream }: StreamTarget,
  { direction = "forwards", fromRevision, maxEvents, fromSnapshot = false }: ReadStreamOptions,
): millrace.v1.ReadStreamRequest.$Properties {
  return {
    topic,
    stream,
    direction: direction === "backwards" ? READ_DIRECTION_BACKWARDS : READ_DIRECTION_FORWARDS,
    ...(fromRevision === undefined ? {} : { fromRevision }),
    ...(maxEvents === undefined ? {} : { maxEvents }),
    fromSnapshot,
  };
}
