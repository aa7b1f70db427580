/** Two idempotent producers in a process of their own, which go on until SIGTERM and flush then. */
import { seededRandom, sleep, systemClock } from "../../../src/base/index.ts";
import { connect, MillraceError } from "../../../src/index.ts";
import { HistoryFile } from "./checker/history-file.ts";
import { partitionName } from "./member-options.ts";

/** What the process is told, as JSON in its only argument. */
export interface ProducerProcessOptions {
  readonly endpoint: string;
  readonly historyFolder: string;
  readonly topics: readonly string[];
  readonly partitionCount: number;
  readonly recordsPerSecond: number;
  readonly seed: number;
}

const PRODUCERS = ["p", "q"];
const TICK_MS = 20;
const KEYS = 50;

const options = JSON.parse(process.argv[2]!) as ProducerProcessOptions;
const file = new HistoryFile(options.historyFolder, "producers");
const random = seededRandom(options.seed);
const client = await connect({ brokers: options.endpoint, clientId: "producers" });
let isRunning = true;
process.on("SIGTERM", () => {
  isRunning = false;
});
process.stdout.write("ready\n");

async function produce(name: string): Promise<void> {
  const producer = client.producer({ deliveryTimeoutMs: 60_000, maxBlockMs: 60_000 });
  const receipts = new Set<Promise<void>>();
  const perTick = (options.recordsPerSecond * TICK_MS) / 1_000 / PRODUCERS.length;
  for (let counter = 0, due = 0; isRunning; due += perTick) {
    for (; counter < due; counter++) {
      const topic = options.topics[Math.floor(random.fraction() * options.topics.length)]!;
      const partition = Math.floor(random.fraction() * options.partitionCount);
      const place = partitionName({ topic, partition });
      const value = `${name}:${counter}`;
      file.write({ kind: "sent", partition: place, value });
      const receipt = producer.send(topic, { value, partition, key: `k${counter % KEYS}` }).then(
        ({ offset }) => file.write({ kind: "acknowledged", partition: place, offset, value }),
        (error: unknown) => requireOutage(error),
      );
      receipts.add(receipt.finally(() => receipts.delete(receipt)));
    }
    await sleep(systemClock, TICK_MS);
  }
  await Promise.all(receipts);
  await producer.close();
}

/** Only the outage itself may fail a record. */
function requireOutage(error: unknown): void {
  const { reason } = MillraceError.from(error);
  if (!["DISCONNECTED", "DEADLINE_EXCEEDED", "OVERLOADED"].includes(reason)) throw error;
}

const keepAlive = setInterval(() => undefined, 1_000);
await Promise.all(PRODUCERS.map(produce));
await client.close();
clearInterval(keepAlive);
