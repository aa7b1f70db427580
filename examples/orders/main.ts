/**
 * An order service that is event-sourced, and a read model of its sales: commands of four clerks at once, a group of two
 * consumers that follows them, and the same model once more by replay from the first offset. Runs a broker in its own
 * process; ends with status 0 only if both models are equal.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { connect, eventOfRecord, type GroupConsumer } from "millrace";
import { startBroker } from "millrace/embedded";
import { type OrderCommand, Refusal } from "./order.ts";
import { OrderService } from "./order-service.ts";
import { Sales } from "./sales.ts";

const ORDERS = 60;
const CLERKS = 4;
/** How long the group may take to follow what the clerks did, milliseconds. */
const WAIT_MS_MAX = 30_000;
const WAIT_MS = 10;
const CUSTOMERS = ["ada", "bo", "cleo", "dan"];

/** What the clerks do with an order; they all do all of it, so most of it is refused or meets a conflict. */
function* commandsFor(order: number): Generator<OrderCommand> {
  yield { do: "place", customer: CUSTOMERS[order % CUSTOMERS.length]! };
  for (let item = 0; item < 1 + (order % 4); item++) {
    yield { do: "add", sku: `sku-${item}`, quantity: 1 + (order % 3), cents: 250 * (item + 1) };
  }
  yield { do: "pay" };
  if (order % 2 === 0) yield { do: "ship", carrier: "snail" };
}

/** Works through all orders; returns how many commands were refused. */
async function clerk(service: OrderService): Promise<number> {
  let refused = 0;
  for (let order = 0; order < ORDERS; order++) {
    for (const command of commandsFor(order)) {
      try {
        await service.execute(`order-${order}`, command);
      } catch (error) {
        if (!(error instanceof Refusal)) throw error;
        refused++;
      }
    }
  }
  return refused;
}

/** Feeds the model until the consumer is stopped. */
async function follow(consumer: GroupConsumer, sales: Sales): Promise<void> {
  for await (const record of consumer) sales.apply(eventOfRecord(record));
}

/** Waits until the model is what it should be. */
async function becomes(sales: Sales, expected: string): Promise<void> {
  for (let waitedMs = 0; JSON.stringify(sales) !== expected; waitedMs += WAIT_MS) {
    if (waitedMs > WAIT_MS_MAX)
      throw new Error(`the group's sales are ${JSON.stringify(sales)}, not ${expected}`);
    await sleep(WAIT_MS);
  }
}

const broker = await startBroker({ memory: true });
const client = await connect({ brokers: broker.endpoint });
try {
  await client.admin().createTopic({
    name: "orders",
    partitionCount: 4,
    configs: { "stream.index": "true", "retention.ms": "-1" },
  });

  // The model is followed while the clerks work. Both consumers feed one, as if it were a database.
  const sales = new Sales();
  const consumers = [1, 2].map(() => client.consumer({ group: "sales", topics: ["orders"] }));
  const following = Promise.all(consumers.map((consumer) => follow(consumer, sales)));

  const streams = client.streams("orders");
  const service = new OrderService(streams);
  const refused = (await Promise.all(Array.from({ length: CLERKS }, () => clerk(service)))).reduce(
    (a, b) => a + b,
  );
  console.log(`commands   ${service.conflicts} conflicts decided again, ${refused} refused`);

  let events = 0;
  let snapshots = 0;
  const replayed = new Sales();
  for await (const event of streams.all({ from: "start", stopAtEnd: true })) {
    if (event.isSnapshot) snapshots++;
    else events++;
    replayed.apply(event);
  }
  console.log(`log        ${events} events and ${snapshots} snapshots of ${ORDERS} orders`);

  for (let order = 0; order < ORDERS; order++) {
    const loaded = await service.load(`order-${order}`);
    const whole = await service.load(`order-${order}`, "beginning");
    if (JSON.stringify(loaded) !== JSON.stringify(whole))
      throw new Error(`order ${order} differs from its snapshot`);
  }
  console.log("orders     equal from their snapshots and from their first events");

  const everything = JSON.stringify(replayed);
  await Promise.race([following, becomes(sales, everything)]);
  for (const consumer of consumers) consumer.stop();
  await following;
  console.log(`sales      ${everything}`);
  console.log("replayed   from offset 0 to the same sales");
} finally {
  await client.close();
  await broker.close();
}
