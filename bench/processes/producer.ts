/** A program that produces as fast as it can through the SDK. */
import { type Client, connect, type ProducerRecord } from "../../src/index.ts";
import { type BusyTime, startTiming } from "../support/busy-time.ts";
import { KEY_BYTES } from "../support/record-sizes.ts";
import { serveTasks } from "../support/task-server.ts";

/** What to produce. */
export interface ProduceTask {
  readonly endpoint: string;
  readonly topic: string;
  readonly recordCount: number;
  /** Bytes of key and value together. */
  readonly recordBytes: number;
  /** Whether records have keys, which choose their partitions. */
  readonly isKeyed: boolean;
}

/** What a process that produces does. */
export interface ProducerTasks {
  /** Returns the time from the first record until all are acknowledged. */
  produce(task: ProduceTask): Promise<BusyTime>;
}

const KEYS = 1_000;
let client: Client | undefined;

/** Records made beforehand, so that the making of them is not measured. */
function recordsOf({ isKeyed, recordBytes }: ProduceTask): readonly ProducerRecord[] {
  if (!isKeyed) return [{ value: Buffer.alloc(recordBytes, "v") }];
  const value = Buffer.alloc(recordBytes - KEY_BYTES, "v");
  return Array.from({ length: KEYS }, (_, i) => ({
    key: Buffer.from(String(i).padStart(KEY_BYTES, "k")),
    value,
  }));
}

async function produce(task: ProduceTask): Promise<BusyTime> {
  client ??= await connect({ brokers: task.endpoint });
  const producer = client.producer();
  const records = recordsOf(task);
  await producer.send(task.topic, records[0]!); // finds the leader, opens the stream
  const timing = startTiming();
  for (let i = 1; i < task.recordCount; i++) {
    if (!producer.write(task.topic, records[i % records.length]!)) await producer.ready();
  }
  await producer.flush();
  const time = timing();
  await producer.close();
  return time;
}

serveTasks({ produce } satisfies ProducerTasks);
