/**
 * `npm run demo`: 20,000 real flights through a real broker. Starts it as its own process, produces the flights keyed
 * by origin airport, kills it in the middle and starts it again, reads everything back, checks every record and the
 * order of every key, and replays a partition from an offset and from a point in time. Leaves nothing behind; the exit
 * status is 0 only if everything is as it should be.
 */
import { execFile, spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { type Client, connect, type RecordReceipt } from "../src/index.ts";

const CLI = fileURLToPath(new URL("../cli/main.js", import.meta.url));
const TOPIC = "flights";
const PARTITIONS = 6;
const REPLAY_FROM = Date.UTC(2001, 1, 14);

/** A row of flights-20k.json. */
interface Flight {
  readonly date: string;
  readonly delay: number;
  readonly distance: number;
  readonly origin: string;
  readonly destination: string;
}

/** A broker process. */
interface RunningBroker {
  readonly endpoint: string;
  readonly child: ChildProcess;
  readonly exited: Promise<unknown>;
}

async function startBroker(dataDir: string, port: string): Promise<RunningBroker> {
  const words = [CLI, "start", "--data", dataDir, "--port", port, "--log-level", "error"];
  const child = spawn(process.execPath, words, { stdio: ["ignore", "pipe", "inherit"] });
  const exited = once(child, "exit");
  const endpoint = await new Promise<string>((resolve, reject) => {
    child.stdout.on("data", (text: Buffer) => {
      const found = /listening on (\S+?),/.exec(String(text))?.[1];
      if (found !== undefined) resolve(found);
    });
    void exited.then(([status]) => reject(new Error(`the broker ended with ${status} before it listened`)));
  });
  return { endpoint, child, exited };
}

async function stopBroker(broker: RunningBroker, signal: "SIGKILL" | "SIGTERM"): Promise<void> {
  broker.child.kill(signal);
  await broker.exited;
}

async function readFlights(): Promise<Flight[]> {
  const path = new URL("../../node_modules/vega-datasets/data/flights-20k.json", import.meta.url);
  return JSON.parse(await readFile(path, "utf8")) as Flight[];
}

/** Scheduled departure as UTC milliseconds; the records bear it as their timestamp. */
function departureMs(flight: Flight): number {
  return Date.parse(`${flight.date.replaceAll("/", "-").replace(" ", "T")}:00Z`);
}

/**
 * Produces all flights; when half of them are acknowledged, `interrupt` runs while the rest is under way. Says how long
 * the first half took.
 */
async function produce(client: Client, flights: readonly Flight[], interrupt: () => Promise<void>) {
  const producer = client.producer({ batchBytes: 16_384 });
  const startedMs = performance.now();
  let halfMs = 0;
  let acknowledged = 0;
  let interrupted: Promise<void> | undefined;
  const receipts = await Promise.all(
    flights.map(async (flight): Promise<RecordReceipt> => {
      const record = { key: flight.origin, value: JSON.stringify(flight), timestampMs: departureMs(flight) };
      const receipt = await producer.send(TOPIC, record);
      acknowledged++;
      if (acknowledged === flights.length / 2) {
        halfMs = performance.now() - startedMs;
        interrupted = interrupt();
      }
      return receipt;
    }),
  );
  await interrupted;
  const { retries } = producer.stats;
  await producer.close();
  return { receipts, retries, halfMs };
}

/** Reads every record back and returns the flights by key, in the order read. */
async function readBack(client: Client, receipts: readonly RecordReceipt[], flights: readonly Flight[]) {
  const expected = new Map(
    receipts.map(({ partition, offset }, i) => [`${partition}/${offset}`, flights[i]!]),
  );
  const reader = client.reader();
  await reader.assign([{ topic: TOPIC, from: "start" }]);
  const byOrigin = new Map<string, Flight[]>();
  let records = 0;
  let bytes = 0;
  for await (const record of reader.records({ stopAtEnd: true })) {
    const flight = JSON.parse(String(record.value)) as Flight;
    const sent = expected.get(`${record.partition}/${record.offset}`);
    if (JSON.stringify(sent) !== String(record.value) || String(record.key) !== sent?.origin) {
      throw new Error(
        `partition ${record.partition}, offset ${record.offset} is not what was acknowledged there`,
      );
    }
    byOrigin.set(flight.origin, [...(byOrigin.get(flight.origin) ?? []), flight]);
    records++;
    bytes += record.value?.length ?? 0;
  }
  await reader.close();
  return { byOrigin, records, bytes };
}

/** Every key must show its flights in the order in which they were sent. */
function checkOrder(byOrigin: ReadonlyMap<string, readonly Flight[]>, flights: readonly Flight[]): void {
  for (const origin of new Set(flights.map((flight) => flight.origin))) {
    const expected = flights.filter((flight) => flight.origin === origin);
    if (JSON.stringify(byOrigin.get(origin)) !== JSON.stringify(expected)) {
      throw new Error(`flights from ${origin} differ from the input, or are out of order`);
    }
  }
}

async function countFrom(client: Client, partition: number, from: number | { timestampMs: number }) {
  const reader = client.reader();
  await reader.assign([{ topic: TOPIC, partition, from }]);
  let count = 0;
  let first: { offset: number; timestampMs: number } | undefined;
  for await (const record of reader.records({ stopAtEnd: true })) {
    first ??= { offset: record.offset, timestampMs: record.timestampMs };
    count++;
  }
  await reader.close();
  return { count, first };
}

function rate(bytes: number, ms: number): string {
  return `${(bytes / 1e6 / (ms / 1_000)).toFixed(1)} MB/s`;
}

async function run(dataDir: string): Promise<void> {
  const flights = await readFlights();
  const bytes = flights.reduce((sum, flight) => sum + JSON.stringify(flight).length, 0);
  let broker = await startBroker(dataDir, "0");
  try {
    const say = (label: string, text: string) => console.log(`${label.padEnd(12)}${text}`);
    say("broker", `${broker.endpoint}, a process of its own`);
    const create = [
      "topic",
      "create",
      TOPIC,
      "--partitions",
      String(PARTITIONS),
      "--config",
      "retention.ms=-1",
    ];
    await promisify(execFile)(process.execPath, [CLI, "--broker", broker.endpoint, ...create]);
    say("topic", `${TOPIC}, ${PARTITIONS} partitions, created with the command line`);

    const client = await connect({ brokers: broker.endpoint });
    const port = broker.endpoint.split(":").at(-1)!;
    let outageMs = 0;
    const { receipts, retries, halfMs } = await produce(client, flights, async () => {
      const killedMs = performance.now();
      await stopBroker(broker, "SIGKILL");
      broker = await startBroker(dataDir, port);
      outageMs = performance.now() - killedMs;
    });
    const durabilities = [...new Set(receipts.map(({ durability }) => durability))].join(", ");
    say(
      "produced",
      `${flights.length} records, ${rate(bytes / 2, halfMs)} until the kill, keyed by origin airport`,
    );
    say("durability", `${durabilities}: every record was flushed to disk before its receipt`);
    say(
      "killed",
      `with SIGKILL half-way, back after ${outageMs.toFixed(0)} ms; ${retries} batches sent again by the producer`,
    );

    const readMs = performance.now();
    const { byOrigin, records, bytes: readBytes } = await readBack(client, receipts, flights);
    if (records !== flights.length) throw new Error(`${flights.length} records were sent, ${records} read`);
    checkOrder(byOrigin, flights);
    say(
      "read back",
      `${records} records, ${rate(readBytes, performance.now() - readMs)}: lost 0, altered 0, duplicated 0`,
    );
    say("order", `kept for each of ${byOrigin.size} airports`);

    const byOffset = await countFrom(client, 2, 1_000);
    const byTime = await countFrom(client, 2, { timestampMs: REPLAY_FROM });
    const expected = receipts.filter(({ partition }) => partition === 2);
    const later = expected.filter(({ timestampMs }) => timestampMs >= REPLAY_FROM).length;
    if (byOffset.count !== expected.length - 1_000)
      throw new Error("the replay from an offset is not complete");
    if (byTime.count < later || (byTime.first?.timestampMs ?? 0) < REPLAY_FROM)
      throw new Error("the replay from a time is wrong");
    say("replayed", `partition 2 from offset 1000: ${byOffset.count} records`);
    say(
      "",
      `partition 2 from ${new Date(REPLAY_FROM).toISOString().slice(0, 10)}: ${byTime.count} records, from offset ${byTime.first?.offset}`,
    );
    await client.close();
    console.log("\nEverything is as it was sent.");
  } finally {
    await stopBroker(broker, "SIGTERM");
  }
}

const dataDir = await mkdtemp(join(tmpdir(), "millrace-demo-"));
try {
  await run(dataDir);
} finally {
  await rm(dataDir, { recursive: true, force: true });
}
