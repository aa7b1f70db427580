import type { Clock } from "../../src/base/index.ts";
import type { Reader } from "../../src/index.ts";
import type { Progress } from "../output/progress.ts";
import { Latencies } from "./latencies.ts";

/** How reading went. */
export interface ConsumeLoadOutcome {
  readonly records: number;
  /** Bytes of the values. */
  readonly bytes: number;
  readonly durationMs: number;
  readonly latencies: Latencies;
}

/** Reads a topic from its start to its end, or until so many records, and looks at every record. */
export async function runConsumeLoad(
  load: { readonly topic: string; readonly recordsMax: number },
  reader: Reader,
  environment: { readonly clock: Clock; readonly progress: Progress },
): Promise<ConsumeLoadOutcome> {
  const { clock, progress } = environment;
  const latencies = new Latencies();
  let records = 0;
  let bytes = 0;
  const startedMs = clock.monotonicMs();
  await reader.assign([{ topic: load.topic, from: "start" }]);
  let askedMs = clock.monotonicMs();
  for await (const batch of reader.batches({ stopAtEnd: true })) {
    latencies.record(clock.monotonicMs() - askedMs);
    for (const cursor = batch.records(); cursor.next(); ) {
      records++;
      bytes += cursor.valueLength ?? 0;
    }
    if (records >= load.recordsMax) break;
    progress.show({ records, bytes });
    askedMs = clock.monotonicMs();
  }
  return { records, bytes, durationMs: clock.monotonicMs() - startedMs, latencies };
}
