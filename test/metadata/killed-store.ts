/** Run by level-metadata-store.crash.test.ts as a process of its own: puts topics and says so until it is killed. */
import { systemRandom } from "../../src/base/index.ts";
import { LevelMetadataStore } from "../../src/metadata/index.ts";

const store = new LevelMetadataStore({ path: process.argv[2]!, random: systemRandom });
await store.open();
for (;;) {
  const epoch = await store.nextBrokerEpoch();
  const { first } = await store.allocateProducerIds();
  const name = `topic-${epoch}`;
  const topic = { name, topicId: systemRandom.id(), partitionCount: 1, configs: {}, createdAtMs: 0 };
  await store.putTopic({ ...topic, state: "active" }, undefined);
  process.stdout.write(`${JSON.stringify({ epoch, first, name, clusterId: store.clusterId })}\n`);
}
