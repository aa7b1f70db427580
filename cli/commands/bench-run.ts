import { withBenchTopic } from "../bench/bench-topic.ts";
import { runConsumeLoad } from "../bench/consume-load.ts";
import { type ProduceLoad, runProduceLoad } from "../bench/produce-load.ts";
import { type BenchResult, benchResult, benchText } from "../bench/report.ts";
import { Finished } from "../cli-error.ts";
import { type EndSignal, exitCodeOf, type Io } from "../io.ts";
import { printResult } from "../output/print.ts";
import { Progress } from "../output/progress.ts";
import type { Connected } from "../connected.ts";

/** Options of both tests. */
export type BenchOptions = Omit<ProduceLoad, "topic" | "batchBytes" | "rate"> & {
  readonly topic?: string;
  readonly partitions: number;
  readonly batch: number;
  readonly rate?: number;
};

/** Measures producing. */
export async function benchProduce(io: Io, connected: Connected, options: BenchOptions): Promise<void> {
  const { client } = connected;
  await withInterrupt(io, async (interrupt) => {
    await withBenchTopic(client.admin(), topicOptions(options), async ({ name, partitions }) => {
      const load = loadOf(name, options);
      const { durationMs, latencies, records, retries } = await fill(io, connected, load, interrupt);
      const result = benchResult({
        test: "produce",
        topic: name,
        partitions: partitions.length,
        records,
        bytes: records * load.size,
        durationMs,
        latency: latencies.summary(),
        conditions: { acks: load.acks, compression: load.compression, batch: load.batchBytes, retries },
      });
      await print(io, connected, result);
    });
  });
}

/** Measures reading; a topic made for the test is filled first. */
export async function benchConsume(io: Io, connected: Connected, options: BenchOptions): Promise<void> {
  const { client } = connected;
  await withInterrupt(io, async (interrupt) => {
    await withBenchTopic(client.admin(), topicOptions(options), async ({ name, partitions }) => {
      if (options.topic === undefined) await fill(io, connected, loadOf(name, options), interrupt);
      if (interrupt.signal !== undefined) return;
      const progress = new Progress(io.stderr, io.clock, { bytesTotal: undefined, isShown: true });
      const reader = client.reader();
      interrupt.onSignal = () => void reader.close();
      const recordsMax = options.topic === undefined ? Number.POSITIVE_INFINITY : options.records;
      const load = { topic: name, recordsMax };
      const { latencies, ...measured } = await runConsumeLoad(load, reader, { clock: io.clock, progress });
      progress.clear();
      await print(
        io,
        connected,
        benchResult({
          test: "consume",
          topic: name,
          partitions: partitions.length,
          ...measured,
          latency: latencies.summary(),
          conditions: { compression: options.topic === undefined ? options.compression : "as stored" },
        }),
      );
    });
  });
}

/** A signal heard while a test ran. */
interface Interrupt {
  signal: EndSignal | undefined;
  onSignal: (() => void) | undefined;
}

/** Lets a signal end the test early, but not before what it made was removed. */
async function withInterrupt(io: Io, work: (interrupt: Interrupt) => Promise<void>): Promise<void> {
  const interrupt: Interrupt = { signal: undefined, onSignal: undefined };
  const stopListening = io.onSignal((signal) => {
    interrupt.signal = signal;
    interrupt.onSignal?.();
  });
  try {
    await work(interrupt);
  } finally {
    stopListening();
  }
  if (interrupt.signal !== undefined) throw new Finished(exitCodeOf(interrupt.signal));
}

async function fill(io: Io, { client }: Connected, load: ProduceLoad, interrupt: Interrupt) {
  const producer = client.producer({
    batchBytes: load.batchBytes,
    compression: load.compression,
    durability: load.acks,
  });
  const bytesTotal = load.records * load.size;
  const progress = new Progress(io.stderr, io.clock, { bytesTotal, isShown: true });
  const isStopped = () => interrupt.signal !== undefined;
  const outcome = await runProduceLoad(load, producer, { clock: io.clock, progress, isStopped });
  progress.clear();
  const { recordsAcknowledged: records, retries } = producer.stats;
  return { ...outcome, records, retries };
}

function loadOf(topic: string, { records, size, batch, compression, acks, rate }: BenchOptions): ProduceLoad {
  return { topic, records, size, batchBytes: batch, compression, acks, rate };
}

function topicOptions({ topic, partitions, acks }: BenchOptions) {
  return { name: topic, partitions, acks };
}

function print(io: Io, { settings }: Connected, result: BenchResult): Promise<void> {
  return printResult({ stdout: io.stdout, format: settings.output }, result, () =>
    benchText(result, io.stdout),
  );
}
