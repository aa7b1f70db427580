/**
 * What memory a broker takes at rest and while several programs produce and read at once: both sizes of records, six
 * partitions each, every consumer following its producer.
 */
import { join } from "node:path";
import { systemClock } from "../src/base/index.ts";
import { type Admin, connect } from "../src/index.ts";
import type { ConsumerTasks } from "./processes/consumer.ts";
import type { ProducerTasks } from "./processes/producer.ts";
import type { BenchContext } from "./support/bench-context.ts";
import { BrokerProcess } from "./support/broker-process.ts";
import { MB, RECORD_SIZES } from "./support/record-sizes.ts";
import type { BenchRow, Goal } from "./support/report.ts";
import { WorkerProcess } from "./support/worker-process.ts";

const PARTITIONS = 6;
const MEMORY_GOAL: Goal = { atMost: 300, unit: "MB" };

/** A producer and the consumer that follows it. */
interface Pair {
  readonly recordBytes: number;
  readonly producer: WorkerProcess<ProducerTasks>;
  readonly consumer: WorkerProcess<ConsumerTasks>;
}

/** No rows where the system does not tell the memory of a process. */
export async function benchMemory(context: BenchContext): Promise<BenchRow[]> {
  const broker = await BrokerProcess.start(join(context.folder, "data"));
  const pairs = RECORD_SIZES.map(
    ({ bytes }): Pair => ({
      recordBytes: bytes,
      producer: new WorkerProcess("producer", context.programOptions),
      consumer: new WorkerProcess("consumer", context.programOptions),
    }),
  );
  const client = await connect({ brokers: broker.endpoint });
  try {
    const atRest = await broker.memory();
    const endMs = systemClock.monotonicMs() + context.scale.memoryMs;
    for (let round = 0; systemClock.monotonicMs() < endMs; round++) {
      context.progress(`memory, round ${round + 1}`);
      await Promise.all(pairs.map((pair) => runPair(context, client.admin(), broker.endpoint, pair, round)));
    }
    const loaded = await broker.memory();
    if (atRest === undefined || loaded === undefined) return [];
    return [
      row("broker at rest, resident", atRest.now),
      row(
        `broker, ${pairs.length} producers and ${pairs.length} consumers, resident at its peak`,
        loaded.peak,
      ),
    ];
  } finally {
    await client.close();
    await Promise.all(pairs.flatMap(({ producer, consumer }) => [producer.stop(), consumer.stop()]));
    await broker.stop();
  }
}

async function runPair(
  { scale }: BenchContext,
  admin: Admin,
  endpoint: string,
  { recordBytes, producer, consumer }: Pair,
  round: number,
): Promise<void> {
  const topic = `memory-${recordBytes}-${round}`;
  await admin.createTopic({
    name: topic,
    partitionCount: PARTITIONS,
    configs: { "file.delete.delay.ms": "0" },
  });
  const recordCount = Math.ceil(scale.roundBytes / recordBytes);
  await Promise.all([
    producer.ask("produce", { endpoint, topic, recordCount, recordBytes, isKeyed: false }),
    consumer.ask("consume", { endpoint, topic, recordCount }),
  ]);
  await admin.deleteTopic(topic);
}

function row(name: string, bytes: number): BenchRow {
  return { name, value: bytes / MB, unit: "MB", goal: MEMORY_GOAL };
}
