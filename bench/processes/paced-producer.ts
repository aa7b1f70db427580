/** A program that produces records at fixed times, whatever the broker does, and measures each from its time on. */
import { createHistogram } from "node:perf_hooks";
import { Worker } from "node:worker_threads";
import { systemClock } from "../../src/base/index.ts";
import { type Client, connect, type Producer } from "../../src/index.ts";
import { type Percentiles, percentilesOf, recordMs } from "../support/percentiles.ts";
import { serveTasks } from "../support/task-server.ts";

/** What to produce, and when. */
export interface PacedTask {
  readonly endpoint: string;
  readonly topic: string;
  readonly recordBytes: number;
  readonly recordsPerSecond: number;
  readonly durationMs: number;
}

/** How long it took. */
export interface PacedResult {
  /** From the time a record was due until its receipt. */
  readonly latency: Percentiles;
  /** From the time a record was due until it was handed to the SDK: what the load generator itself was late. */
  readonly lateness: Percentiles;
}

/** What a process that produces at a pace does. */
export interface PacedProducerTasks {
  pace(task: PacedTask): Promise<PacedResult>;
}

/** Latencies of this first time do not count: V8 still compiles what is new to it, in the broker as well. */
const WARM_UP_MS = 3_000;

let client: Client | undefined;

async function pace(task: PacedTask): Promise<PacedResult> {
  client ??= await connect({ brokers: task.endpoint });
  const producer = client.producer();
  await producer.send(task.topic, { value: Buffer.alloc(task.recordBytes, "v") });
  const intervalMs = 1_000 / task.recordsPerSecond;
  const pacer = new Worker(new URL("./pacer.js", import.meta.url), { workerData: { intervalMs } });
  try {
    return await sendOnTime(producer, pacer, task);
  } finally {
    await pacer.terminate();
    await producer.close();
  }
}

function sendOnTime(producer: Producer, pacer: Worker, task: PacedTask): Promise<PacedResult> {
  const { topic, recordBytes, recordsPerSecond, durationMs } = task;
  const latency = createHistogram();
  const lateness = createHistogram();
  const record = { value: Buffer.alloc(recordBytes, "v") };
  const intervalMs = 1_000 / recordsPerSecond;
  const warmUpCount = Math.ceil(WARM_UP_MS / intervalMs);
  const count = warmUpCount + Math.ceil(durationMs / intervalMs);
  const startMs = systemClock.monotonicMs() + 1;
  let sent = 0;
  let acknowledged = 0;
  return new Promise((resolve, reject) => {
    const send = (index: number) => {
      const dueMs = startMs + index * intervalMs;
      if (index >= warmUpCount) recordMs(lateness, systemClock.monotonicMs() - dueMs);
      producer.send(topic, record).then(() => {
        if (index >= warmUpCount) recordMs(latency, systemClock.monotonicMs() - dueMs);
        if (++acknowledged < count) return;
        resolve({ latency: percentilesOf(latency), lateness: percentilesOf(lateness) });
      }, reject);
    };
    pacer.on("error", reject);
    pacer.on("message", () => {
      const nowMs = systemClock.monotonicMs();
      while (sent < count && startMs + sent * intervalMs <= nowMs) send(sent++);
    });
  });
}

serveTasks({ pace } satisfies PacedProducerTasks);
