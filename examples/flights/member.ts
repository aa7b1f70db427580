/**
 * A member of the group that adds up delays, as a process of its own. Each partition that it gets goes on from the
 * stored model; state and offset are stored together, in one record, before the offset is committed, so that a member
 * that dies between the two leaves nothing counted twice or not at all. Tells its parent what it does.
 */
import { connect } from "../../src/index.ts";
import { Delays } from "./delays.ts";
import { TOPIC } from "./flights.ts";
import { GROUP, type MemberNews } from "./member-news.ts";
import { DELAYS_TOPIC, furthest, readStoredDelays } from "./stored-delays.ts";

/** Small, so that there is something left to do when a member is killed. */
const DELIVERY_BYTES = 8_192;

async function runMember(endpoint: string, name: string): Promise<void> {
  const tell = (news: MemberNews) => process.send?.(news);
  const client = await connect({ brokers: endpoint, clientId: name });
  const producer = client.producer();
  const models = new Map<number, Delays>();
  const consumer = client.consumer({
    group: GROUP,
    topics: [TOPIC],
    sessionTimeoutMs: 1_000,
    deliveryBytes: DELIVERY_BYTES,
    autoCommit: false,
    async onAssigned(partitions) {
      const stored = await readStoredDelays(client);
      for (const { topic, partition } of partitions) {
        const model = new Delays(furthest(stored.get(partition)));
        models.set(partition, model);
        await consumer.seek({ topic, partition }, model.nextOffset);
      }
      tell({ assigned: partitions.map(({ partition }) => partition) });
    },
    onRevoked(partitions) {
      for (const { partition } of partitions) models.delete(partition);
      tell({ revoked: partitions.map(({ partition }) => partition) });
    },
  });
  process.once("SIGTERM", () => consumer.stop());
  for await (const batch of consumer.batches()) {
    const model = models.get(batch.partition)!;
    for (const record of batch) model.add(record);
    await producer.send(DELAYS_TOPIC, { key: String(batch.partition), value: JSON.stringify(model) });
    await consumer.commit();
    tell({ added: batch.recordCount });
  }
  await client.close();
  process.disconnect();
}

const [endpoint, name] = process.argv.slice(2);
if (endpoint === undefined || name === undefined)
  throw new TypeError("a member needs an endpoint and a name");
await runMember(endpoint, name);
