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
import { printable } from "../output/table.ts";
import { type EventParser, jsonEvents, lineEvents, readEvents } from "../records/event-lines.ts";
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
    appendedText(appended, snapshotOf !== undefined),
  );
}

function parserFor({ format, type, header, snapshotOf }: AppendEventsOptions): EventParser {
  const defaults = {
    isSnapshot: snapshotOf !== undefined,
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

function appendedText(appended: AppendedEvents, isSnapshot: boolean): string {
  const { firstRevision, lastRevision, partition, baseOffset, durability, duplicate } = appended;
  const revisions =
    firstRevision === lastRevision
      ? `revision ${lastRevision}`
      : `revisions ${firstRevision} to ${lastRevision}`;
  const count = lastRevision - firstRevision + 1;
  const what = isSnapshot ? `snapshot of ${revisions}` : `${formatCounted(count, "event")}, ${revisions}`;
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
  const { from, backwards, count: maxEvents, fromSnapshot } = options;
  const yaml = await yamlWriterFor(settings.output);
  const printer = { stdout: io.stdout, format: settings.output };
  const streams = client.streams(topic);
  let count = 0;
  const events = streams.read(stream, {
    direction: backwards === true ? "backwards" : "forwards",
    ...(from === undefined ? {} : { fromRevision: from }),
    ...(maxEvents === undefined ? {} : { maxEvents }),
    fromSnapshot: fromSnapshot === true,
  });
  for await (const event of events) {
    const more = streamResult(printer, eventObject(event), () => eventText(event, io), yaml);
    if (!more) await io.stdout.ready();
    count++;
    if (io.stdout.isClosed) return;
  }
  await io.stdout.ready();
  if (count === 0 && !(await streams.info(stream)).exists) io.stderr.write(nothing({ topic, stream }));
}

/** Prints what is known of a stream. */
export async function describeStream(
  io: Io,
  { client, settings }: Connected,
  { topic, stream }: StreamName,
): Promise<void> {
  const info = await client.streams(topic).info(stream);
  await printResult({ stdout: io.stdout, format: settings.output }, { topic, stream, ...info }, () => {
    const { firstRevision, lastRevision, snapshotRevision } = info;
    if (lastRevision === undefined) return nothing({ topic, stream });
    const kept = firstRevision > lastRevision ? "none kept" : `kept from ${firstRevision}`;
    const gone = firstRevision === 0 ? "" : `, ${kept}`;
    const snapshot =
      snapshotRevision === undefined ? "no snapshot" : `snapshot of revision ${snapshotRevision}`;
    return `${printable(stream)}: revisions 0 to ${lastRevision}${gone}, ${snapshot}\n`;
  });
}

function nothing({ topic, stream }: StreamName): string {
  return `${topic} has no stream "${printable(stream)}": nothing was ever appended to it\n`;
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
  const kind = type === "" ? "-" : printable(type);
  const text = value === null ? "" : printable(value.toString("utf8"));
  return `${bold(number)}\t${dim(formatTimestamp(timestampMs))}\t${kind}\t${text}\n`;
}
