import { systemRandom } from "../../src/base/index.ts";
import type { Admin, Durability, TopicDescription } from "../../src/index.ts";
import { MillraceError } from "../../src/errors/index.ts";

/** Which topic to use. */
export interface BenchTopicOptions {
  /** An existing topic, or one to be created and kept; undefined: one of its own, deleted afterwards. */
  readonly name: string | undefined;
  readonly partitions: number;
  readonly acks: Durability;
}

/** Lends a topic to `work`, and removes it afterwards if it was made for this. */
export async function withBenchTopic(
  admin: Admin,
  options: BenchTopicOptions,
  work: (topic: TopicDescription) => Promise<void>,
): Promise<void> {
  if (options.name !== undefined) {
    await work(await existingOrNew(admin, options.name, options));
    return;
  }
  const topic = await createTopic(admin, `bench-${systemRandom.id().slice(0, 8)}`, options);
  try {
    await work(topic);
  } finally {
    await admin.deleteTopic(topic.name);
  }
}

async function existingOrNew(
  admin: Admin,
  name: string,
  options: BenchTopicOptions,
): Promise<TopicDescription> {
  try {
    return await admin.describeTopic(name);
  } catch (error) {
    if (!(error instanceof MillraceError) || error.reason !== "TOPIC_NOT_FOUND") throw error;
    return createTopic(admin, name, options);
  }
}

function createTopic(
  admin: Admin,
  name: string,
  { partitions, acks }: BenchTopicOptions,
): Promise<TopicDescription> {
  return admin.createTopic({ name, partitionCount: partitions, configs: { "flush.mode": acks } });
}
