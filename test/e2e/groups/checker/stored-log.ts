/** Holds what producers were told and members were given against what the log holds in the end. */
import type { Acknowledged, HistoryEvent, Polled, Sent, Stored } from "./events.ts";
import type { Finding } from "./finding.ts";

/** Values by offset, for each partition. */
export type StoredLog = ReadonlyMap<string, readonly string[]>;

/** Puts the chunks of each partition together. Throws if they do not follow each other from offset 0. */
export function storedLog(events: readonly HistoryEvent[]): StoredLog {
  const log = new Map<string, string[]>();
  for (const event of events) {
    if (event.kind !== "stored") continue;
    const values = log.get(event.partition) ?? [];
    log.set(event.partition, values);
    if (event.offset !== values.length)
      throw new Error(`${event.partition}: offset ${event.offset} follows ${values.length} in the log`);
    for (const value of event.values) values.push(value);
  }
  return log;
}

/** Lost, altered, repeated, reordered and strange records. */
export function checkLog(events: readonly HistoryEvent[], log: StoredLog): Finding[] {
  const sent = new Map<string, Sent>();
  const findings: Finding[] = [];
  for (const event of events) {
    if (event.kind === "sent") sent.set(`${event.partition} ${event.value}`, event);
    else if (event.kind === "acknowledged") findings.push(...checkAcknowledged(event, log));
    else if (event.kind === "polled") findings.push(...checkPolled(event, log));
  }
  const chunks = events.filter((event) => event.kind === "stored");
  for (const [partition, values] of log) {
    findings.push(...checkStored(partition, values, sent, chunks));
  }
  return findings;
}

function checkAcknowledged(event: Acknowledged, log: StoredLog): Finding[] {
  const { partition, offset, value } = event;
  const stored = log.get(partition)?.[offset];
  if (stored === value) return [];
  const evidence = [event];
  return stored === undefined
    ? [{ kind: "lost-record", text: `${value} was acknowledged at ${at(partition, offset)}`, evidence }]
    : [
        {
          kind: "value-differs",
          text: `${at(partition, offset)} was acknowledged for ${value} and holds ${stored}`,
          evidence,
        },
      ];
}

function checkPolled(event: Polled, log: StoredLog): Finding[] {
  const { partition, member } = event;
  const stored = log.get(partition);
  const index = event.values.findIndex((value, index) => stored?.[event.offset + index] !== value);
  if (index === -1) return [];
  const offset = event.offset + index;
  const [value, there] = [event.values[index]!, stored?.[offset]];
  return there === undefined
    ? [
        {
          kind: "lost-record",
          text: `${value} was read at ${at(partition, offset)} by ${member}`,
          evidence: [event],
        },
      ]
    : [
        {
          kind: "value-differs",
          text: `${at(partition, offset)} was read as ${value} by ${member} and holds ${there}`,
          evidence: [event],
        },
      ];
}

function checkStored(
  partition: string,
  values: readonly string[],
  sent: ReadonlyMap<string, Sent>,
  chunks: readonly Stored[],
): Finding[] {
  const findings: Finding[] = [];
  const offsets = new Map<string, number>();
  const newest = new Map<string, number>();
  const chunkAt = (offset: number) =>
    chunks.filter(
      (chunk) =>
        chunk.partition === partition &&
        chunk.offset <= offset &&
        offset < chunk.offset + chunk.values.length,
    );
  for (const [offset, value] of values.entries()) {
    const earlier = offsets.get(value);
    const sending = sent.get(`${partition} ${value}`);
    if (sending === undefined) {
      const text = `nobody sent ${value}, which stands at ${at(partition, offset)}`;
      findings.push({ kind: "stranger", text, evidence: chunkAt(offset) });
    } else if (earlier !== undefined) {
      const text = `${value} stands at ${at(partition, offset)} and at offset ${earlier}`;
      findings.push({ kind: "duplicate", text, evidence: [sending, ...chunkAt(offset)] });
    } else {
      const { producer, counter } = parseValue(value);
      const before = newest.get(producer) ?? -1;
      if (counter < before) {
        const text = `${value} stands at ${at(partition, offset)}, after ${producer}:${before}`;
        findings.push({ kind: "producer-order", text, evidence: [sending, ...chunkAt(offset)] });
      }
      newest.set(producer, Math.max(before, counter));
      offsets.set(value, offset);
    }
  }
  return findings;
}

function parseValue(value: string): { readonly producer: string; readonly counter: number } {
  const colon = value.lastIndexOf(":");
  return { producer: value.slice(0, colon), counter: Number(value.slice(colon + 1)) };
}

function at(partition: string, offset: number): string {
  return `offset ${offset} of ${partition}`;
}
