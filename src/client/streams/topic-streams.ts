import { MillraceError } from "../../errors/index.ts";
import type { millrace } from "../../gen/millrace.js";
import { streamService } from "../../wire/index.ts";
import type {
  AllEventsOptions,
  AppendedEvents,
  AppendOptions,
  NewEvent,
  ReadStreamOptions,
  RevisionConflict,
  StreamEvent,
  StreamInfo,
  Streams,
  TryAppendOptions,
} from "../api/streams.ts";
import { oneOf, requireFunction, requireKnown, wholeNumber } from "../option-checks.ts";
import { allEvents, type TopicParts } from "./all-events.ts";
import { appendRequest, streamKey } from "./append-request.ts";
import { appendedEvents, revisionConflict } from "./event-messages.ts";
import { callLeader } from "./leader-calls.ts";
import { describeStream, readStream } from "./read-stream.ts";

const MISSED = { preset: 100, min: 1, max: 1_000 };
const REVISION = { preset: Number.NaN, min: 0, max: Number.MAX_SAFE_INTEGER };
const APPEND_OPTIONS = { expected: true, idempotencyKey: true, durability: true } as const;

/** The streams of one topic; see Streams. */
export class TopicStreams implements Streams {
  readonly #parts: TopicParts;

  constructor(parts: TopicParts) {
    this.#parts = parts;
  }

  async append(
    stream: Uint8Array | string,
    events: readonly NewEvent[],
    options: AppendOptions = {},
  ): Promise<AppendedEvents> {
    requireKnown("append", options, APPEND_OPTIONS);
    return required(await this.#append(stream, events, options, {}));
  }

  async tryAppend(
    stream: Uint8Array | string,
    events: readonly NewEvent[],
    options: TryAppendOptions = {},
  ): Promise<AppendedEvents | RevisionConflict> {
    requireKnown("tryAppend", options, { ...APPEND_OPTIONS, missedMax: true });
    const missedMax = wholeNumber("missedMax", options.missedMax, MISSED);
    return this.#append(stream, events, options, { missedMax });
  }

  async snapshot(
    stream: Uint8Array | string,
    snapshot: NewEvent & { readonly revision: number },
    options: Pick<AppendOptions, "durability" | "idempotencyKey"> = {},
  ): Promise<AppendedEvents> {
    requireKnown("snapshot", options, { idempotencyKey: true, durability: true });
    const { revision, ...event } = snapshot;
    const snapshotRevision = wholeNumber("revision", revision, REVISION);
    return required(await this.#append(stream, [event], options, { snapshotRevision }));
  }

  read(stream: Uint8Array | string, options: ReadStreamOptions = {}): AsyncIterable<StreamEvent> {
    checkReadOptions(options);
    const { cluster, topic } = this.#parts;
    const target = { topic, stream: streamKey(stream) };
    return { [Symbol.asyncIterator]: () => readStream(cluster, target, options) };
  }

  async info(stream: Uint8Array | string): Promise<StreamInfo> {
    const { cluster, topic } = this.#parts;
    return describeStream(cluster, { topic, stream: streamKey(stream) });
  }

  all(options: AllEventsOptions = {}): AsyncIterable<StreamEvent> {
    requireKnown("all", options, { from: true, stopAtEnd: true, onCaughtUp: true, signal: true });
    requireFunction("onCaughtUp", options.onCaughtUp);
    return { [Symbol.asyncIterator]: () => allEvents(this.#parts, options) };
  }

  /** With a name for the append a second try does no harm, so every append has one. */
  async #append(
    stream: Uint8Array | string,
    events: readonly NewEvent[],
    options: AppendOptions,
    more: Pick<millrace.v1.AppendEventsRequest.$Properties, "missedMax" | "snapshotRevision">,
  ): Promise<AppendedEvents | RevisionConflict> {
    const { cluster, topic } = this.#parts;
    const target = { topic, stream: streamKey(stream) };
    const newKey = () => cluster.random.id();
    const request = { ...appendRequest({ ...target, events, options, newKey }), ...more };
    const { appended, conflict } = await callLeader(cluster, target, ({ leader, remainingMs }) =>
      leader.call(streamService.appendEvents, request, remainingMs),
    );
    if (appended) return appendedEvents(appended);
    if (conflict) return revisionConflict(topic, conflict);
    throw new MillraceError("INTERNAL", "a broker answered an append without saying what came of it");
  }
}

function required(result: AppendedEvents | RevisionConflict): AppendedEvents {
  if (result.outcome === "appended") return result;
  throw new MillraceError("INTERNAL", "a broker answered an append with a conflict that was not asked for");
}

function checkReadOptions(options: ReadStreamOptions): void {
  requireKnown("read", options, { direction: true, fromRevision: true, maxEvents: true, fromSnapshot: true });
  const { direction = "forwards", fromRevision = 0, maxEvents = 1, fromSnapshot = false } = options;
  oneOf("direction", direction, ["forwards", "backwards"]);
  wholeNumber("fromRevision", fromRevision, REVISION);
  wholeNumber("maxEvents", maxEvents, { ...REVISION, min: 1 });
  if (!fromSnapshot || (direction === "forwards" && options.fromRevision === undefined)) return;
  throw new TypeError('fromSnapshot reads forwards from the snapshot: no "backwards" and no fromRevision');
}
