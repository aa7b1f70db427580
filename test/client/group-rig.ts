/** A cluster with a topic "t" of four partitions for each test of group consumers, and members of the group "g". */
import { afterEach, beforeEach } from "vitest";
import { sleep, systemClock } from "../../src/base/index.ts";
import type { Client, GroupConsumer, GroupConsumerOptions, TopicPartition } from "../../src/client/index.ts";
import { TestCluster } from "./test-cluster.ts";

export let cluster: TestCluster;
export let client: Client;
export const PARTITIONS = 4;

beforeEach(async () => {
  cluster = await TestCluster.start();
  client = await cluster.connect();
  await client.admin().createTopic({ name: "t", partitionCount: PARTITIONS });
});

afterEach(() => cluster.close());

/** Appends records "0" to count − 1 to a partition, with keys if there is a function for them, padded to `bytes`. */
export async function produce(count: number, partition = 0, keyOf?: (number: number) => string, bytes = 0) {
  const producer = client.producer();
  for (let number = 0; number < count; number++) {
    const key = keyOf === undefined ? {} : { key: keyOf(number) };
    producer.write("t", { partition, value: `${number}`.padEnd(bytes), ...key });
    if (number % 10 === 9) await producer.flush();
  }
  await producer.close();
}

/** What a member was told, in order: "assigned t-0,t-1", "revoked …", "lost … UNKNOWN_MEMBER", "committed t-0@5". */
export class Told {
  readonly events: string[] = [];

  /** Events that begin so. */
  all(kind: string): string[] {
    return this.events.filter((event) => event.startsWith(kind));
  }

  /** The options that write to this. */
  get hooks(): Partial<GroupConsumerOptions> {
    return {
      onAssigned: (partitions) => void this.events.push(`assigned ${names(partitions)}`),
      onRevoked: (partitions) => void this.events.push(`revoked ${names(partitions)}`),
      onLost: (partitions, { reason }) => void this.events.push(`lost ${names(partitions)} ${reason}`),
      onCommit: ({ offsets, error }) => {
        for (const { topic, partition, offset } of offsets) {
          const what = error === undefined ? "committed" : error.reason;
          this.events.push(`${what} ${topic}-${partition}@${offset}`);
        }
      },
    };
  }
}

export function names(partitions: readonly TopicPartition[]): string {
  return partitions
    .map(({ topic, partition }) => `${topic}-${partition}`)
    .sort()
    .join(",");
}

/** A member of "g" that reads "t" through a client of its own, and what it is told. */
export async function member(options: Partial<GroupConsumerOptions> = {}) {
  const told = new Told();
  const own = await cluster.connect();
  const consumer = own.consumer({
    group: "g",
    topics: ["t"],
    sessionTimeoutMs: 20_000,
    autoCommitIntervalMs: 100,
    ...told.hooks,
    ...options,
  });
  return { consumer, told, client: own };
}

/** Reads until `count` records are there, all of them done, and tells them as "t-0@5". */
export async function read(consumer: GroupConsumer, count: number): Promise<string[]> {
  const seen: string[] = [];
  if (count === 0) return seen;
  for await (const { topic, partition, offset } of consumer) {
    seen.push(`${topic}-${partition}@${offset}`);
    if (seen.length === count) consumer.stop();
  }
  return seen;
}

/** Committed offsets of the group, by partition; undefined where there is none. */
export async function committed(): Promise<(number | undefined)[]> {
  const partitions = Array.from({ length: PARTITIONS }, (_, partition) => ({ topic: "t", partition }));
  const offsets = await client.admin().committedOffsets("g", partitions);
  return offsets.map((offset) => offset.committed?.offset);
}

/** Waits until something is so. */
export async function until(what: string, isSo: () => boolean | Promise<boolean>): Promise<void> {
  const endMs = systemClock.monotonicMs() + 20_000;
  while (!(await isSo())) {
    if (systemClock.monotonicMs() > endMs) throw new Error(`never came: ${what}`);
    await sleep(systemClock, 5);
  }
}

/** Reads in the background until the consumer ends; what was handed out, and how it ended. */
export function readOn(consumer: GroupConsumer, step: (name: string) => unknown = () => undefined) {
  const seen: string[] = [];
  const ended = (async () => {
    for await (const { topic, partition, offset } of consumer) {
      const name = `${topic}-${partition}@${offset}`;
      seen.push(name);
      await step(name);
    }
  })();
  ended.catch(() => undefined); // for those tests that do not wait for it
  return { seen, ended };
}
