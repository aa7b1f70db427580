/** StreamService.ReadAll: the events of all streams of a topic, up to what is readable when the read begins. */
import { BATCH_BYTES_MAX } from "../base/index.ts";
import type { BrokerApi } from "../broker/index.ts";
import { MillraceError } from "../errors/index.ts";
import type { millrace } from "../gen/millrace.js";
import { type AllPosition, allPositions, type PositionsEnvironment } from "./all-positions.ts";
import { type Encoded, encodeReadAll, EVENTS_BYTES_MAX } from "./event-messages.ts";
import { within } from "./request-checks.ts";
import type { ServerStream, StreamingHandler } from "./server-stream.ts";

/** Bytes read from a log at once: records unfold to more. */
const READ_BYTES = 262_144;

/** The handler of ReadAll. */
export function readAllHandler(
  environment: PositionsEnvironment,
): StreamingHandler<millrace.v1.ReadAllRequest, Encoded> {
  const { broker } = environment;
  return async (request, stream) => {
    const { topic, maxEvents } = request;
    let left =
      maxEvents == null
        ? Number.MAX_SAFE_INTEGER
        : within(maxEvents, 1, Number.MAX_SAFE_INTEGER, "max_events");
    for (const position of await allPositions(environment, request)) {
      for await (const events of readPartition(broker, { topic, stream }, position)) {
        const message = encodeReadAll(events.slice(0, left));
        left -= events.length;
        await stream.writer.write(message, message.length);
        if (left <= 0) return;
      }
    }
  };
}

interface Reading {
  readonly topic: string;
  readonly stream: ServerStream<Encoded>;
}

/** The events of a partition, in pieces for which room is taken. */
async function* readPartition(broker: BrokerApi, { topic, stream }: Reading, position: AllPosition) {
  const { partition, highWatermark } = position;
  const { room } = stream.writer;
  for (let offset = position.offset; offset < highWatermark; ) {
    await room.take(BATCH_BYTES_MAX);
    const read = { minBytes: 1, maxWaitMs: 0, maxBytes: READ_BYTES };
    const [part] = await broker.fetch([{ topic, partition, offset, maxBytes: READ_BYTES }], read);
    if (part === undefined || part instanceof MillraceError) throw part;
    const records = {
      topic,
      partition,
      batches: part.chunks,
      fromOffset: offset,
      bytesMax: EVENTS_BYTES_MAX,
    };
    const described = broker.streams.describeRecords(records);
    part.release?.();
    const events = (await described.events).filter((event) => event.offset < highWatermark);
    if (described.nextOffset === offset) return room.giveBack(); // a log that was closed has no more
    offset = described.nextOffset;
    if (events.length > 0) yield events;
    else room.giveBack();
  }
}
