/** StreamService.ReadStream: the events of one stream, page by page as the client takes them. */
import { BATCH_BYTES_MAX } from "../base/index.ts";
import type { BrokerApi, ReadStreamQuery } from "../broker/index.ts";
import { millrace } from "../gen/millrace.js";
import { type Encoded, encodeMessage, eventMessage, streamInfoMessage } from "./event-messages.ts";
import { invalid, offsetNumber, topicName, within } from "./request-checks.ts";
import type { StreamingHandler } from "./server-stream.ts";

const { ReadDirection, ReadStreamResponse } = millrace.v1;

/** The handler of ReadStream. */
export function readStreamHandler(
  broker: BrokerApi,
): StreamingHandler<millrace.v1.ReadStreamRequest, Encoded> {
  return async (request, { writer }) => {
    const reading = await broker.streams.read(queryOf(request));
    let info: ReturnType<typeof streamInfoMessage> | undefined = streamInfoMessage(reading.info);
    for (;;) {
      await writer.room.take(BATCH_BYTES_MAX);
      const events = await reading.next();
      if (events === undefined && info === undefined) return writer.room.giveBack();
      const properties = {
        ...(info === undefined ? {} : { info }),
        events: (events ?? []).map(eventMessage),
      };
      const message = encodeMessage(ReadStreamResponse, properties);
      info = undefined;
      await writer.write(message, message.length);
      if (events === undefined) return;
    }
  };
}

function queryOf(request: millrace.v1.ReadStreamRequest): ReadStreamQuery {
  const { topic, stream, direction, fromRevision, maxEvents, fromSnapshot } = request;
  return {
    topic: topicName(topic),
    stream,
    direction: directionOf(direction),
    fromRevision: fromRevision == null ? undefined : offsetNumber(fromRevision, "from_revision"),
    maxEvents: maxEvents == null ? undefined : within(maxEvents, 1, Number.MAX_SAFE_INTEGER, "max_events"),
    fromSnapshot,
  };
}

function directionOf(direction: millrace.v1.ReadDirection): ReadStreamQuery["direction"] {
  if (direction === ReadDirection.READ_DIRECTION_BACKWARDS) return "backwards";
  const { READ_DIRECTION_FORWARDS, READ_DIRECTION_UNSPECIFIED } = ReadDirection;
  if (direction === READ_DIRECTION_FORWARDS || direction === READ_DIRECTION_UNSPECIFIED) return "forwards";
  throw invalid(
    "direction",
    direction,
    "READ_DIRECTION_FORWARDS (1), READ_DIRECTION_BACKWARDS (2) or absent",
  );
}
