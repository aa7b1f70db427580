import { connect } from "millrace";

const client = await connect({ brokers: "127.0.0.1:7171" });
const consumer = client.consumer({
  group: "billing",
  topics: ["orders"],
  onAssigned: (partitions) => console.error(`got ${partitions.map(({ partition }) => partition)}`),
  onRevoked: (partitions) => console.error(`gave up ${partitions.map(({ partition }) => partition)}`),
});
process.once("SIGINT", () => consumer.stop());

// Eight handlers at a time, the records of each key in their order; what is done without gaps is committed.
await consumer.run({
  concurrency: 8,
  handler: async ({ partition, offset, key, value }) => {
    console.log(`${partition}/${offset} ${key}: ${value}`);
  },
});
await client.close();
