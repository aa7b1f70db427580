/** Reads one stream: its events, or what is known of it. */
import { MillraceError } from "../../errors/index.ts";
import { millrace } from "../../gen/millrace.js";
import type { ReadStreamOptions, StreamEvent, StreamInfo } from "../api/streams.ts";
import type { Cluster } from "../cluster/cluster.ts";
import { streamEvent, streamInfo } from "./event-messages.ts";
import { callLeader, mayPass, type StreamTarget } from "./leader-calls.ts";
import { ReadingPlace } from "./reading-place.ts";
import { StreamAnswers } from "./stream-answers.ts";

const { READ_DIRECTION_BACKWARDS, READ_DIRECTION_FORWARDS } = millrace.v1.ReadDirection;

/** A reading that has been answered once, so that nothing is known to stand in its way. */
interface Begun {
  readonly answers: StreamAnswers;
  readonly first: millrace.v1.ReadStreamResponse;
  readonly topicId: string;
}

/**
 * Reads a stream as it is when this begins, without a gap: throws OFFSET_OUT_OF_RANGE where an event is missing. Goes
 * on behind the last event handed out where the connection breaks, as long as that brings it further. Leaving it
 * cancels the call.
 */
export async function* readStream(
  cluster: Cluster,
  target: StreamTarget,
  options: ReadStreamOptions,
): AsyncGenerator<StreamEvent, void, undefined> {
  const place = new ReadingPlace(options);
  let topicId: string | undefined;
  for (let rest: ReadStreamOptions | undefined = options; rest !== undefined; rest = place.rest()) {
    const before = place.count;
    const begun = await begin(cluster, target, rest);
    topicId ??= begun.topicId;
    try {
      if (topicId !== begun.topicId) throw topicReplaced(target.topic);
      for (let answer = begun.first; ; ) {
        if (answer.info) place.describe(streamInfo(answer.info));
        for (const message of answer.events) {
          const event = streamEvent(target.topic, message);
          place.handOut(event);
          yield event;
        }
        const next = await begun.answers.next(cluster.timeoutMs);
        if (next === undefined) return place.end();
        answer = next;
      }
    } catch (thrown) {
      if (place.count === before || !mayPass(MillraceError.from(thrown))) throw thrown;
      cluster.metadata.age(target.topic);
    } finally {
      begun.answers.cancel();
    }
  }
}

/** What is known of a stream. */
export async function describeStream(cluster: Cluster, target: StreamTarget): Promise<StreamInfo> {
  const { answers, first } = await begin(cluster, target, { direction: "backwards", maxEvents: 1 });
  answers.cancel();
  return streamInfo(first.info ?? {});
}

function begin(cluster: Cluster, target: StreamTarget, options: ReadStreamOptions): Promise<Begun> {
  return callLeader(cluster, target, async ({ leader, topicId, remainingMs }) => {
    const answers = new StreamAnswers(cluster.clock, leader, readRequest(target, options));
    const first = await answers.next(remainingMs);
    if (first !== undefined) return { answers, first, topicId };
    throw new MillraceError("INTERNAL", `${leader.endpoint} ended the reading of a stream without an answer`);
  });
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

/** The revisions handed out mean nothing in a topic of the same name that was created since. */
function topicReplaced(topic: string): MillraceError {
  return new MillraceError(
    "OFFSET_OUT_OF_RANGE",
    `topic "${topic}" was deleted and created again while a stream of it was read; read the stream anew`,
    { details: { topic } },
  );
}
