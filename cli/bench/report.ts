import { colorsFor } from "../output/colors.ts";
import { formatBytes, formatCount, formatCounted, formatDuration, perSecond } from "../output/quantities.ts";
import type { LatencySummary } from "./latencies.ts";

/** What was measured. */
export interface BenchResult {
  readonly test: "produce" | "consume";
  readonly topic: string;
  readonly partitions: number;
  readonly records: number;
  /** Bytes of the values. */
  readonly bytes: number;
  readonly durationMs: number;
  readonly recordsPerSecond: number;
  /** Bytes of values a second, in millions. */
  readonly megabytesPerSecond: number;
  /** Produce: from giving a record to its receipt. Consume: from asking for the next batch to having it. */
  readonly latency: LatencySummary;
  /** What else the numbers depend on. */
  readonly conditions: Readonly<Record<string, string | number>>;
}

/** Works out the rates. */
export function benchResult(
  measured: Omit<BenchResult, "recordsPerSecond" | "megabytesPerSecond">,
): BenchResult {
  const { records, bytes, durationMs } = measured;
  return {
    ...measured,
    durationMs: Math.round(durationMs * 1_000) / 1_000,
    recordsPerSecond: Math.round(perSecond(records, durationMs)),
    megabytesPerSecond: Math.round(perSecond(bytes, durationMs) / 10_000) / 100,
  };
}

/** The result for people. */
export function benchText(result: BenchResult, stream: { readonly hasColors: boolean }): string {
  const { bold, dim } = colorsFor(stream);
  const { latency } = result;
  const conditions = Object.entries(result.conditions).map(([name, value]) => `${name} ${value}`);
  const times = {
    p50: latency.p50Ms,
    p90: latency.p90Ms,
    p99: latency.p99Ms,
    "p99.9": latency.p999Ms,
    max: latency.maxMs,
  };
  const percentiles = Object.entries(times).map(([name, timeMs]) => `${name} ${formatDuration(timeMs)}`);
  const waited = result.test === "produce" ? "record to receipt" : "wait for a batch";
  const where = `${result.topic}, ${formatCounted(result.partitions, "partition")}`;
  return [
    `${bold(result.test)}  ${[where, ...conditions].join(", ")}`,
    `amount      ${formatCounted(result.records, "record")}, ${formatBytes(result.bytes)} in ${formatDuration(result.durationMs)}`,
    `throughput  ${bold(`${formatCount(result.recordsPerSecond)} records/s, ${result.megabytesPerSecond} MB/s`)}`,
    `latency     ${percentiles.join(", ")}  ${dim(`${waited}, ${formatCounted(latency.samples, "sample")}`)}`,
    "",
  ].join("\n");
}
