/** LogService.ListOffsets: offsets by position or timestamp, an answer or an error for each query. */
import { afterTurn, SerialQueue } from "../base/index.ts";
import type { BrokerApi, OffsetAnswer, OffsetQuery } from "../broker/index.ts";
import { MillraceError } from "../errors/index.ts";
import { millrace } from "../gen/millrace.js";
import { errorToMessage } from "../wire/index.ts";
import type { UnaryContext, UnaryHandler } from "./calls.ts";
import { OFFSET_QUERIES_MAX } from "./definition.ts";
import { counted, invalid, offsetNumber, partitionNumber, topicName } from "./request-checks.ts";

const { ListOffsetsResponse, OffsetPosition } = millrace.v1;
/** Queries that may read index files at the same time. */
const PARALLEL_QUERIES_MAX = 32;

interface CheckedQuery {
  readonly topic: string;
  readonly partition: number;
  readonly query: OffsetQuery;
}

type Request = millrace.v1.ListOffsetsRequest;
type Response = millrace.v1.ListOffsetsResponse.$Properties;

/**
 * The handler of ListOffsets. A search by timestamp may have to decompress a batch: of all calls together one runs at
 * a time, everything else that is ready goes before the next, and the same search runs once in a call.
 */
export function listOffsetsHandler(broker: BrokerApi): UnaryHandler<Request, Response> {
  const searches = new SerialQueue();
  return async ({ queries }, context) => {
    const found = new SearchesOfCall(broker, searches, context);
    const checked = counted(queries, OFFSET_QUERIES_MAX, "queries").map(checkQuery);
    const answers: millrace.v1.OffsetAnswer.$Properties[] = [];
    for (let i = 0; i < checked.length && !context.cancelled; i += PARALLEL_QUERIES_MAX) {
      const some = checked.slice(i, i + PARALLEL_QUERIES_MAX);
      answers.push(...(await Promise.all(some.map((query) => answer(found, query)))));
    }
    const response = { answers };
    const bytes = ListOffsetsResponse.encode(response).finish().length;
    context.sending(bytes, "ask for fewer offsets in one call");
    return response;
  };
}

async function answer(searches: SearchesOfCall, checked: CheckedQuery) {
  const { topic, partition } = checked;
  try {
    const found = await searches.find(checked);
    return { topic, partition, ...found };
  } catch (thrown) {
    return { topic, partition, error: errorToMessage(MillraceError.from(thrown)) };
  }
}

/** Answers the queries of one call. */
class SearchesOfCall {
  readonly #broker: BrokerApi;
  readonly #queue: SerialQueue;
  readonly #context: UnaryContext;
  /** Searches by timestamp, begun or done, by what they look for. */
  readonly #byTimestamp = new Map<string, Promise<OffsetAnswer>>();

  constructor(broker: BrokerApi, queue: SerialQueue, context: UnaryContext) {
    this.#broker = broker;
    this.#queue = queue;
    this.#context = context;
  }

  find({ topic, partition, query }: CheckedQuery): Promise<OffsetAnswer> {
    if (typeof query === "string") return this.#broker.findOffset(topic, partition, query);
    const key = `${topic}/${partition}/${query.timestampMs}`;
    const known = this.#byTimestamp.get(key);
    if (known !== undefined) return known;
    const search = this.#queue.run(async () => {
      await new Promise<void>(afterTurn);
      if (this.#context.cancelled) throw new MillraceError("CANCELLED", "the call was cancelled");
      return this.#broker.findOffset(topic, partition, query);
    });
    this.#byTimestamp.set(key, search);
    return search;
  }
}

function checkQuery(query: millrace.v1.OffsetQuery.$Properties, index: number): CheckedQuery {
  const field = `queries[${index}]`;
  return {
    topic: topicName(query.topic ?? "", `${field}.topic`),
    partition: partitionNumber(query.partition ?? 0, `${field}.partition`),
    query: checkAt(query, field),
  };
}

function checkAt(query: millrace.v1.OffsetQuery.$Properties, field: string): OffsetQuery {
  if (query.at === "timestampMs") {
    return { timestampMs: offsetNumber(query.timestampMs ?? 0, `${field}.timestamp_ms`) };
  }
  if (query.at === "position") {
    if (query.position === OffsetPosition.OFFSET_POSITION_EARLIEST) return "earliest";
    if (query.position === OffsetPosition.OFFSET_POSITION_LATEST) return "latest";
    throw invalid(`${field}.position`, query.position, "OFFSET_POSITION_EARLIEST or OFFSET_POSITION_LATEST");
  }
  throw invalid(`${field}.at`, "absent", "a position or a timestamp_ms");
}
