/** StreamService.AppendEvents: events of one stream, all or none, answered when they are as durable as requested. */
import type { AppendedEvents, AppendEventsCommand, BrokerApi, RevisionConflict } from "../broker/index.ts";
import { millrace } from "../gen/millrace.js";
import type { FramedAppendEvents } from "./append-events-request.ts";
import { type AppendEnvironment, durabilityNumber, requestedDurability } from "./append-request.ts";
import type { UnaryHandler } from "./calls.ts";
import { eventMessage, EVENTS_BYTES_MAX } from "./event-messages.ts";
import { invalid, offsetNumber, topicName, within } from "./request-checks.ts";

const { AppendEventsResponse, StreamState } = millrace.v1;
/** Most events returned with a conflict. */
const MISSED_MAX = 1_000;

type Response = millrace.v1.AppendEventsResponse.$Properties;

/** The handler of AppendEvents. */
export function appendEventsHandler(
  environment: AppendEnvironment,
): UnaryHandler<FramedAppendEvents, Response> {
  const { broker, budget } = environment;
  return async ({ request, frameBytes }, context) => {
    const command = commandOf(request);
    budget.acquire(frameBytes);
    try {
      if (command.missedMax > 0) await context.room.take(EVENTS_BYTES_MAX);
      const response = await append(broker, command);
      if (command.missedMax > 0) {
        const bytes = AppendEventsResponse.encode(response).finish().length;
        context.sending(bytes, "ask for fewer events missed");
      }
      return response;
    } finally {
      budget.release(frameBytes);
    }
  };
}

async function append(broker: BrokerApi, command: AppendEventsCommand): Promise<Response> {
  const outcome = await broker.streams.append(command);
  return outcome.outcome === "appended"
    ? { appended: appendedMessage(outcome) }
    : { conflict: conflictMessage(outcome) };
}

/** What the edge can see is checked here, the rest by the broker. */
function commandOf(request: millrace.v1.AppendEventsRequest): AppendEventsCommand {
  const { topic, stream, events, idempotencyKey, snapshotRevision, missedMax, durability } = request;
  return {
    topic: topicName(topic),
    stream,
    expected: expectedOf(request),
    events: events.map((event, index) => ({
      type: event.type ?? "",
      value: event.value ?? null,
      headers: (event.headers ?? []).map(({ key, value }) => ({ key: key ?? "", value: value ?? null })),
      timestampMs:
        event.timestampMs == null
          ? undefined
          : offsetNumber(event.timestampMs, `events[${index}].timestamp_ms`),
    })),
    idempotencyKey: idempotencyKey === "" ? undefined : idempotencyKey,
    snapshotRevision:
      snapshotRevision == null ? undefined : offsetNumber(snapshotRevision, "snapshot_revision"),
    missedMax: within(missedMax, 0, MISSED_MAX, "missed_max"),
    durability: requestedDurability(durability),
  };
}

function expectedOf(request: millrace.v1.AppendEventsRequest): AppendEventsCommand["expected"] {
  if (request.expected === "revision") return offsetNumber(request.revision ?? 0, "revision");
  const state = request.state ?? StreamState.STREAM_STATE_UNSPECIFIED;
  if (state === StreamState.STREAM_STATE_UNSPECIFIED || state === StreamState.STREAM_STATE_ANY) return "any";
  if (state === StreamState.STREAM_STATE_NONE) return "none";
  if (state === StreamState.STREAM_STATE_EXISTS) return "exists";
  throw invalid(
    "state",
    state,
    "STREAM_STATE_ANY (1), STREAM_STATE_NONE (2), STREAM_STATE_EXISTS (3) or absent",
  );
}

function appendedMessage(appended: AppendedEvents): millrace.v1.AppendedEvents.$Properties {
  const { partition, baseOffset, firstRevision, lastRevision, durability, duplicate } = appended;
  return {
    partition,
    baseOffset,
    firstRevision,
    lastRevision,
    durability: durabilityNumber(durability),
    duplicate,
  };
}

function conflictMessage({
  actualRevision,
  missed,
}: RevisionConflict): millrace.v1.RevisionConflict.$Properties {
  return { ...(actualRevision === undefined ? {} : { actualRevision }), missed: missed.map(eventMessage) };
}
