/**
 * How long a durable ack takes under a steady load that does not wait for acks (an open loop), measured from the time
 * at which each record was due, beside a bare fdatasync after as many bytes.
 */
import { join } from "node:path";
import { connect } from "../src/index.ts";
import { bareSyncLatency } from "./limits.ts";
import type { PacedProducerTasks, PacedResult } from "./processes/paced-producer.ts";
import type { BenchContext } from "./support/bench-context.ts";
import { BrokerProcess } from "./support/broker-process.ts";
import { median } from "./support/comparison.ts";
import type { Percentiles } from "./support/percentiles.ts";
import type { BenchRow, Goal } from "./support/report.ts";
import { WorkerProcess } from "./support/worker-process.ts";

const RECORD_BYTES = 1_024;
const RECORDS_PER_SECOND = 5_000;
const PERCENTILES = [
  { label: "p50", key: "p50" },
  { label: "p99", key: "p99" },
  { label: "p99.9", key: "p999" },
] as const;
/** What the median may take beyond a bare fdatasync. */
const P50_OVERHEAD_MS = 1;
const P99_GOAL: Goal = { atMost: 5, unit: "ms" };

/** One slice of load and one of bare syncs, in turn. */
export async function benchLatency(context: BenchContext): Promise<BenchRow[]> {
  const { scale, folder, progress } = context;
  const broker = await BrokerProcess.start(join(folder, "data"));
  const producer = new WorkerProcess<PacedProducerTasks>("paced-producer", context.programOptions);
  const paced: PacedResult[] = [];
  const bare: Percentiles[] = [];
  try {
    const topic = await createTopic(broker.endpoint);
    const load = {
      endpoint: broker.endpoint,
      topic,
      recordBytes: RECORD_BYTES,
      recordsPerSecond: RECORDS_PER_SECOND,
      durationMs: scale.sliceMs,
    };
    for (let round = 0; round < scale.rounds; round++) {
      progress(`latency, slice ${round + 1} of ${scale.rounds}`);
      bare.push(await bareSyncLatency(join(folder, "bare.log"), RECORD_BYTES, scale.sliceMs / 4));
      paced.push(await producer.ask("pace", load));
    }
  } finally {
    await producer.stop();
    await broker.stop();
  }
  return rowsOf(paced, bare);
}

async function createTopic(endpoint: string): Promise<string> {
  const client = await connect({ brokers: endpoint });
  const { name } = await client.admin().createTopic({ name: "latency", partitionCount: 1 });
  await client.close();
  return name;
}

/** Medians over the slices. */
function rowsOf(paced: readonly PacedResult[], bare: readonly Percentiles[]): BenchRow[] {
  const acks = PERCENTILES.map(({ label, key }): BenchRow => {
    const limit = median(bare.map((percentiles) => percentiles[key]));
    const goals = {
      p50: { atMost: limit + P50_OVERHEAD_MS, unit: "ms" },
      p99: P99_GOAL,
      p999: undefined,
    } as const;
    const goal = goals[key];
    return {
      name: `durable ack, ${label}`,
      value: median(paced.map(({ latency }) => latency[key])),
      unit: "ms",
      limit: { name: `bare fdatasync, ${label}`, value: limit, unit: "ms" },
      ...(goal !== undefined && { goal }),
    };
  });
  const late = PERCENTILES.slice(0, 2).map(({ label, key }) => ({
    name: `of which the load generator was late, ${label}`,
    value: median(paced.map(({ lateness }) => lateness[key])),
    unit: "ms",
  }));
  return [...acks, ...late];
}
