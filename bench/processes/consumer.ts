/** A program that reads as fast as it can through the SDK, touching every record. */
import { type Client, connect, type ConsumedBatch } from "../../src/index.ts";
import { type BusyTime, startTiming } from "../support/busy-time.ts";
import { serveTasks } from "../support/task-server.ts";

/** What to read. */
export interface ConsumeTask {
  readonly endpoint: string;
  readonly topic: string;
  /** Records to read, in all partitions together, from their starts. */
  readonly recordCount: number;
}

/** What a process that reads does. */
export interface ConsumerTasks {
  /** Returns the time from assigning until the last record was touched. */
  consume(task: ConsumeTask): Promise<BusyTime>;
}

let client: Client | undefined;
/** Results go here, so that the compiler cannot drop the work. */
const touched = { offsets: 0, bytes: 0 };

function touch(batch: ConsumedBatch): void {
  const cursor = batch.records();
  let { offsets, bytes } = touched;
  while (cursor.next()) {
    offsets += cursor.offset;
    bytes += cursor.valueLength ?? 0;
  }
  touched.offsets = offsets;
  touched.bytes = bytes;
}

async function consume({ endpoint, topic, recordCount }: ConsumeTask): Promise<BusyTime> {
  client ??= await connect({ brokers: endpoint });
  const reader = client.reader();
  const timing = startTiming();
  await reader.assign([{ topic, from: "start" }]);
  let left = recordCount;
  for await (const batch of reader.batches()) {
    touch(batch);
    left -= batch.recordCount;
    if (left <= 0) break;
  }
  const time = timing();
  await reader.close();
  return time;
}

serveTasks({ consume } satisfies ConsumerTasks);
