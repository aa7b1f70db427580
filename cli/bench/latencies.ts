import { createHistogram } from "node:perf_hooks";

/** Latencies in short; milliseconds. */
export interface LatencySummary {
  readonly samples: number;
  readonly p50Ms: number;
  readonly p90Ms: number;
  readonly p99Ms: number;
  readonly p999Ms: number;
  readonly maxMs: number;
}

/** Gathers latencies in a histogram of microseconds with three significant digits. */
export class Latencies {
  readonly #histogram = createHistogram({ figures: 3 });

  /** Takes one latency. */
  record(latencyMs: number): void {
    this.#histogram.record(Math.max(1, Math.round(latencyMs * 1_000)));
  }

  summary(): LatencySummary {
    const histogram = this.#histogram;
    const at = (percentile: number) => (histogram.count === 0 ? 0 : histogram.percentile(percentile) / 1_000);
    return {
      samples: histogram.count,
      p50Ms: at(50),
      p90Ms: at(90),
      p99Ms: at(99),
      p999Ms: at(99.9),
      maxMs: histogram.count === 0 ? 0 : histogram.max / 1_000,
    };
  }
}
