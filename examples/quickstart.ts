import { connect } from "millrace";

const client = await connect({ brokers: "127.0.0.1:7171" });
const topics = await client.admin().listTopics();
if (!topics.some(({ name }) => name === "greetings")) {
  await client.admin().createTopic({ name: "greetings", partitionCount: 3 });
}

const producer = client.producer();
const receipt = await producer.send("greetings", { key: "ada", value: "hello" });
console.log(`partition ${receipt.partition}, offset ${receipt.offset}, ${receipt.durability}`);

const reader = client.reader();
await reader.assign([{ topic: "greetings", from: "start" }]);
for await (const record of reader.records({ stopAtEnd: true })) {
  console.log(`${record.partition}/${record.offset} ${record.key}: ${record.value}`);
}
await client.close();
