import { InvalidArgumentError } from "commander";
import type { Admin, ReaderAssignment, StartPosition } from "../../src/index.ts";
import { OFFSET_MAX } from "../../src/base/index.ts";
import { parseInstant } from "./timestamp.ts";

/** Where to begin: a place that the SDK knows, or the last so many records of each partition. */
export type ConsumeStart = StartPosition | { readonly last: number };

const ALLOWED =
  'Allowed are "start", "end", an offset, "-N" for the last N, "@TIME" (ISO 8601, ms, or -15m).';

/** Reads the value of --from: "start", "end", "120", "-10", "@2026-01-31T12:00:00Z", "@1769860800000", "@-15m". */
export function parseStart(text: string, nowMs: number): ConsumeStart {
  if (text === "start" || text === "end") return text;
  if (text.startsWith("@")) return { timestampMs: parseTime(text.slice(1), nowMs) };
  const number = /^-?\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
  if (!(Math.abs(number) <= OFFSET_MAX)) throw new InvalidArgumentError(ALLOWED);
  return text.startsWith("-") ? { last: -number } : number;
}

function parseTime(text: string, nowMs: number): number {
  const timestampMs = parseInstant(text, nowMs);
  if (timestampMs === undefined) throw new InvalidArgumentError(ALLOWED);
  return timestampMs;
}

/** What to read. */
export interface ConsumeTargets {
  readonly topics: readonly string[];
  /** Undefined: all of them. */
  readonly partitions: readonly number[] | undefined;
  readonly from: ConsumeStart;
}

/** The assignments of a reader; asks for the ends of the partitions where the start depends on them. */
export async function assignmentsFor(admin: Admin, targets: ConsumeTargets): Promise<ReaderAssignment[]> {
  const { topics, partitions, from } = targets;
  if (typeof from !== "object" || !("last" in from)) {
    return topics.flatMap((topic): ReaderAssignment[] =>
      partitions === undefined
        ? [{ topic, from }]
        : partitions.map((partition) => ({ topic, partition, from })),
    );
  }
  const assignments: ReaderAssignment[] = [];
  for (const { name: topic, partitions: described } of await admin.describeTopics(topics)) {
    const ends = new Map(described.map((found) => [found.partition, found]));
    for (const partition of partitions ?? ends.keys()) {
      const { highWatermark = 0, logStartOffset = 0 } = ends.get(partition) ?? {};
      assignments.push({ topic, partition, from: Math.max(logStartOffset, highWatermark - from.last) });
    }
  }
  return assignments;
}
