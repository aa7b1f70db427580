import { type Clock, seededRandom, sleep } from "../../src/base/index.ts";
import type { Compression, Durability, Producer } from "../../src/index.ts";
import type { Progress } from "../output/progress.ts";
import { Latencies } from "./latencies.ts";

/** What load to make. */
export interface ProduceLoad {
  readonly topic: string;
  readonly records: number;
  /** Bytes of each value. */
  readonly size: number;
  readonly batchBytes: number;
  readonly compression: Compression;
  readonly acks: Durability;
  /** Records a second; undefined: as many as possible. */
  readonly rate: number | undefined;
}

/** How the load went. */
export interface ProduceLoadOutcome {
  readonly durationMs: number;
  readonly latencies: Latencies;
}

/** Above this rate not every record is timed: a promise for each would be the load. */
const TIMED_RATE_MAX = 20_000;
const PACE_MS = 1;
const PAYLOAD_SEED = 7_171;

/**
 * Produces records as fast as the producer takes them, or at a rate. At a rate, latency counts from the moment a
 * record was due: a producer that falls behind is not flattered by records that were given late.
 */
export async function runProduceLoad(
  load: ProduceLoad,
  producer: Producer,
  environment: { readonly clock: Clock; readonly progress: Progress; readonly isStopped: () => boolean },
): Promise<ProduceLoadOutcome> {
  const { clock, progress, isStopped } = environment;
  const record = { value: payloadOf(load.size) };
  const latencies = new Latencies();
  const timedEvery = timedInterval(load);
  const startedMs = clock.monotonicMs();
  let failure: unknown;
  for (let number = 0; number < load.records && !isStopped() && failure === undefined; number++) {
    const dueMs = load.rate === undefined ? undefined : startedMs + (number * 1_000) / load.rate;
    while (dueMs !== undefined && clock.monotonicMs() < dueMs) await sleep(clock, PACE_MS);
    if (number % timedEvery === 0) {
      const fromMs = dueMs ?? clock.monotonicMs();
      producer.send(load.topic, record).then(
        () => latencies.record(clock.monotonicMs() - fromMs),
        (error) => {
          failure ??= error;
        },
      );
      progress.show({ records: number, bytes: number * load.size });
    } else if (!producer.write(load.topic, record)) await producer.ready();
  }
  await producer.flush();
  if (failure !== undefined) throw failure;
  return { durationMs: clock.monotonicMs() - startedMs, latencies };
}

/** One record of each batch is timed, or every one where the rate allows it. */
function timedInterval({ rate, batchBytes, size }: ProduceLoad): number {
  if (rate !== undefined && rate <= TIMED_RATE_MAX) return 1;
  return Math.max(1, Math.floor(batchBytes / (size + 16)));
}

/** Half random bytes, half zeros: compresses about as well as the usual JSON does. */
function payloadOf(size: number): Buffer {
  const random = seededRandom(PAYLOAD_SEED);
  const payload = Buffer.alloc(size);
  for (let position = 0; position < size; position += 2)
    payload[position] = Math.floor(random.fraction() * 256);
  return payload;
}
