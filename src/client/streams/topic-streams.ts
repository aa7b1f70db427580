import { MillraceError } from "../../errors/index.ts";
import type { millrace } from "../../gen/millrace.js";
import { streamService } from "../../wire/index.ts";
import type { Reader, ReaderOptions } from "../api/reader.ts";
import type {
  AllEventsOptions,
  AppendedEvents,
  AppendOptions,
  ExpectedRevision,
  NewEvent,
  ReadStreamOptions,
  RevisionConflict,
  StreamEvent,
  StreamInfo,
  Streams,
  TryAppendOptions,
} from "../api/streams.ts";
import type { Cluster } from "../cluster/cluster.ts";
import { oneOf, requireFunction, requireKnown, wholeNumber } from "../option-checks.ts";
import { allEvents } from "./all-events.ts";
import {
  appendedEvents,
  bytesOf,
  durabilityNumber,
  expectation,
  newEventMessage,
  streamEvent,
  streamInfo,
} from "./event-messages.ts";
import { callLeader } from "./leader-calls.ts";
import { readStream } from "./read-stream.ts";

const MISSED_PRESET = 100;
const MISSED_MAX = 1_000;
const COUNT_MAX = Number.MAX_SAFE_INTEGER;
const APPEND_OPTIONS = { expected: true, idempotencyKey: true, durability: true } as const;

/** What the streams of a topic need. */
export interface TopicStreamsParts {
  readonly cluster: Cluster;
  readonly topic: string;
  readonly newReader: (options: ReaderOptions) => Reader;
}

/** The streams of one topic; see Streams. */
export class TopicStreams implements Streams {
  readonly #parts: TopicStreamsParts;

  constructor(parts: TopicStreamsParts) {
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

  tryAppend(
    stream: Uint8Array | string,
    events: readonly NewEvent[],
    options: TryAppendOptions = {},
  ): Promise<AppendedEvents | RevisionConflict> {
    const { missedMax, ...others } = options;
    requireKnown("tryAppend", options, { ...APPEND_OPTIONS, missedMax: true });
    const range = { preset: MISSED_PRESET, min: 1, max: MISSED_MAX };
    return this.#append(stream, events, others, { missedMax: wholeNumber("missedMax", missedMax, range) });
  }

  async snapshot(
    stream: Uint8Array | string,
    snapshot: NewEvent & { readonly revision: number },
    options: Pick<AppendOptions, "durability" | "idempotencyKey"> = {},
  ): Promise<AppendedEvents> {
    requireKnown("snapshot", options, { idempotencyKey: true, durability: true });
    const { revision, ...event } = snapshot;
    const snapshotRevision = wholeNumber("revision", revision, { preset: -1, min: 0, max: COUNT_MAX });
    return required(await this.#append(stream, [event], options, { snapshotRevision }));
  }

  async *read(
    stream: Uint8Array | string,
    options: ReadStreamOptions = {},
  ): AsyncGenerator<StreamEvent, void, undefined> {
    checkReadOptions(options);
    const { topic } = this.#parts;
    for await (const { events } of this.#responses(stream, options)) {
      for (const event of events) yield streamEvent(topic, event);
    }
  }

  async info(stream: Uint8Array | string): Promise<StreamInfo> {
    for await (const { info } of this.#responses(stream, { direction: "backwards", maxEvents: 1 })) {
      return streamInfo(info ?? {});
    }
    throw new MillraceError("INTERNAL", "a broker ended the reading of a stream without an answer");
  }

  all(options: AllEventsOptions = {}): AsyncIterable<StreamEvent> {
    requireKnown("all", options, { from: true, stopAtEnd: true, onCaughtUp: true });
    requireFunction("onCaughtUp", options.onCaughtUp);
    const { topic, newReader } = this.#parts;
    return allEvents(topic, options, newReader);
  }

  #responses(stream: Uint8Array | string, options: ReadStreamOptions) {
    const { cluster, topic } = this.#parts;
    return readStream(cluster, { topic, stream: bytesOf(stream) }, options);
  }

  /** With a name for the append a second try does no harm, so every append has one. */
  async #append(
    stream: Uint8Array | string,
    events: readonly NewEvent[],
    { expected = "any", idempotencyKey, durability }: AppendOptions,
    more: Pick<millrace.v1.AppendEventsRequest.$Properties, "missedMax" | "snapshotRevision">,
  ): Promise<AppendedEvents | RevisionConflict> {
    const { cluster, topic } = this.#parts;
    const key = bytesOf(stream);
    const request: millrace.v1.AppendEventsRequest.$Properties = {
      topic,
      stream: key,
      ...expectation(checkedExpectation(expected)),
      events: events.map(newEventMessage),
      idempotencyKey: checkedKey(idempotencyKey) ?? cluster.random.id(),
      durability: durabilityNumber(durability),
      ...more,
    };
    const { appended, conflict } = await callLeader(cluster, { topic, stream: key }, (leader, remainingMs) =>
      leader.call(streamService.appendEvents, request, remainingMs),
    );
    if (appended != null) return appendedEvents(appended);
    return {
      outcome: "conflict",
      actualRevision: conflict?.actualRevision ?? undefined,
      missed: (conflict?.missed ?? []).map((event) => streamEvent(topic, event)),
    };
  }
}

function required(result: AppendedEvents | RevisionConflict): AppendedEvents {
  if (result.outcome === "appended") return result;
  throw new MillraceError("INTERNAL", "a broker answered an append with a conflict that was not asked for");
}

function checkedExpectation(expected: ExpectedRevision): ExpectedRevision {
  if (typeof expected === "string") return oneOf("expected", expected, ["any", "none", "exists"]);
  return wholeNumber("expected", expected, { preset: 0, min: 0, max: COUNT_MAX });
}

function checkedKey(idempotencyKey: string | undefined): string | undefined {
  if (idempotencyKey === "") throw new TypeError('idempotencyKey is "": 1 to 255 bytes are allowed');
  return idempotencyKey;
}

function checkReadOptions(options: ReadStreamOptions): void {
  requireKnown("read", options, { direction: true, fromRevision: true, maxEvents: true, fromSnapshot: true });
  oneOf("direction", options.direction ?? "forwards", ["forwards", "backwards"]);
  wholeNumber("fromRevision", options.fromRevision, { preset: 0, min: 0, max: COUNT_MAX });
  wholeNumber("maxEvents", options.maxEvents, { preset: 1, min: 1, max: COUNT_MAX });
}
