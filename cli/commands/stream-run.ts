/** What the verbs of `millrace stream` do. */
import type {
  AppendedEvents,
  AppendOptions,
  ExpectedRevision,
  NewEvent,
  StreamEvent,
} from "../../src/index.ts";
import type { NameValue } from "../arguments/name-value.ts";
import { usageError } from "../cli-error.ts";
import type { Connected } from "../connected.ts";
import type { Io } from "../io.ts";
import { colorsFor } from "../output/colors.ts";
import { printResult, streamResult, yamlWriterFor } from "../output/print.ts";
import { formatCounted } from "../output/quantities.ts";
import { jsonEvents, lineEvents, readEvents } from "../records/event-lines.ts";
import { openInput } from "../records/input.ts";
import { recordFields } from "../records/record-json.ts";
import { formatTimestamp } from "../records/timestamp.ts";

/** A stream of a topic. */
export interface StreamName {
  readonly topic: string;
  readonly stream: string;
}

/** Options of `stream append`. */
export type AppendEventsOptions = {
  readonly file?: string;
  readonly format: "line" | "json";
  readonly type?: string;
  readonly header?: readonly NameValue[];
  readonly expect: ExpectedRevision;
  readonly idempotencyKey?: string;
  readonly snapshotOf?: number;
  readonly durability?: "durable" | "written";
};

/** Appends the lines of the input as events of one stream, all or none. */
export async function appendEvents(
  io: Io,
  { client, settings }: Connected,
  { topic, stream }: StreamName,
  options: AppendEventsOptions,
): Promise<void> {
  const events = await readEvents(await openInput(io, options.file), parserFor(options));
  const { expect, idempotencyKey, durability, snapshotOf } = options;
  const how: Pick<AppendOptions, "durability" | "idempotencyKey"> = {
    ...(idempotencyKey === undefined ? {} : { idempotencyKey }),
    ...(durability === undefined ? {} : { durability }),
  };
  const streams = client.streams(topic);
  const appended =
    snapshotOf === undefined
      ? await streams.append(stream, events, { expected: expect, ...how })
      : await streams.snapshot(stream, { ...onlyEvent(events), revision: snapshotOf }, how);
  const { outcome: _, ...result } = appended;
  await printResult({ stdout: io.stdout, format: settings.output }, { topic, stream, ...result }, () =>
    appendedText(appended, events.length, snapshotOf !== undefined),
  );
}

function parserFor({ format, type, header }: AppendEventsOptions) {
  const defaults = {
    ...(type === undefined ? {} : { type }),
    ...(header === undefined
      ? {}
      : { headers: header.map(({ name, value }) => ({ key: name, value: Buffer.from(value) })) }),
  };
  return format === "json" ? jsonEvents(defaults) : lineEvents(defaults);
}

function onlyEvent(events: readonly NewEvent[]): NewEvent {
  if (events.length === 1) return events[0]!;
  throw usageError(`a snapshot is one line; the input has ${events.length}`);
}

function appendedText(appended: AppendedEvents, count: number, isSnapshot: boolean): string {
  const { firstRevision, lastRevision, partition, baseOffset, durability, duplicate } = appended;
  const what = isSnapshot
    ? `snapshot of revision ${lastRevision}`
    : `${formatCounted(count, "event")}, revision ${firstRevision === lastRevision ? lastRevision : `${firstRevision} to ${lastRevision}`}`;
  const again = duplicate ? " (it had been appended before)" : "";
  return `${what}: ${durability} at partition ${partition}, offset ${baseOffset}${again}\n`;
}

/** Options of `stream read`. */
export type ReadEventsOptions = {
  readonly from?: number;
  readonly backwards?: true;
  readonly count?: number;
  readonly fromSnapshot?: true;
};

/** Prints the events of one stream. */
export async function readEventsOf(
  io: Io,
  { client, settings }: Connected,
  { topic, stream }: StreamName,
  options: ReadEventsOptions,
): Promise<void> {
  const { from, backwards, count, fromSnapshot } = options;
  const yaml = await yamlWriterFor(settings.output);
  const printer = { stdout: io.stdout, format: settings.output };
  const events = client.streams(topic).read(stream, {
    direction: backwards === true ? "backwards" : "forwards",
    ...(from === undefined ? {} : { fromRevision: from }),
    ...(count === undefined ? {} : { maxEvents: count }),
    fromSnapshot: fromSnapshot === true,
  });
  for await (const event of events) {
    const more = streamResult(printer, eventObject(event), () => eventText(event, io), yaml);
    if (!more) await io.stdout.ready();
    if (io.stdout.isClosed) return;
  }
  await io.stdout.ready();
}

/** Prints what is known of a stream. */
export async function describeStream(
  io: Io,
  { client, settings }: Connected,
  { topic, stream }: StreamName,
): Promise<void> {
  const info = await client.streams(topic).info(stream);
  await printResult({ stdout: io.stdout, format: settings.output }, { topic, stream, ...info }, () => {
    if (info.lastRevision === undefined) return `${topic} has no stream ${JSON.stringify(stream)}\n`;
    const snapshot = info.snapshotRevision === undefined ? "none" : `of revision ${info.snapshotRevision}`;
    return `${stream}: revisions ${info.firstRevision} to ${info.lastRevision}, snapshot ${snapshot}\n`;
  });
}

function eventObject(event: StreamEvent): Record<string, unknown> {
  const { topic, partition, revision, isSnapshot, type } = event;
  const { key, keyBase64, ...fields } = recordFields({ ...event, key: event.stream });
  const name = keyBase64 === undefined ? { stream: key } : { streamBase64: keyBase64 };
  return { topic, partition, ...name, revision, isSnapshot, type, ...fields };
}

function eventText({ revision, isSnapshot, type, timestampMs, value }: StreamEvent, io: Io): string {
  const { bold, dim } = colorsFor(io.stdout);
  const number = `${revision ?? "-"}${isSnapshot ? " snapshot" : ""}`;
  const text = value === null ? "" : value.toString("utf8");
  return `${bold(number)}\t${dim(formatTimestamp(timestampMs))}\t${type === "" ? "-" : type}\t${text}\n`;
}
