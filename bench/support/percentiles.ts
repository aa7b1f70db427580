import type { Histogram, RecordableHistogram } from "node:perf_hooks";

/** Durations in milliseconds. */
export interface Percentiles {
  readonly p50: number;
  readonly p99: number;
  readonly p999: number;
  readonly max: number;
  readonly count: number;
}

/** Histograms hold whole nanoseconds, from 1. */
export function recordMs(histogram: RecordableHistogram, durationMs: number): void {
  histogram.record(Math.max(1, Math.round(durationMs * 1e6)));
}

export function percentilesOf(histogram: Histogram): Percentiles {
  const at = (percentile: number) => histogram.percentile(percentile) / 1e6;
  return { p50: at(50), p99: at(99), p999: at(99.9), max: histogram.max / 1e6, count: histogram.count };
}
