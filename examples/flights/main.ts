/**
 * `npm run demo`: 20,000 real flights through a real broker. Starts it as its own process, produces the flights keyed
 * by origin airport, kills it in the middle and starts it again, reads everything back, checks every record and the
 * order of every key, and replays a partition from an offset and from a point in time. Then a group of two processes adds
 * up the delays of each airport, one of them is killed, and the model is rebuilt from the log. Leaves nothing behind; the
 * exit status is 0 only if everything is as it should be.
 */
import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { type Client, connect } from "../../src/index.ts";
import { CLI, startBroker, stopBroker } from "./broker-process.ts";
import { type Flight, readFlights, TOPIC } from "./flights.ts";
import { checkOrder, countFrom, produce, readBack } from "./log-proof.ts";
import { airportsOf, rebuild, runGroup } from "./read-model.ts";

const PARTITIONS = 6;
const REPLAY_FROM = Date.UTC(2001, 1, 14);

function rate(bytes: number, ms: number): string {
  return `${(bytes / 1e6 / (ms / 1_000)).toFixed(1)} MB/s`;
}

function say(label: string, text: string): void {
  console.log(`${label.padEnd(12)}${text}`);
}

/** A group adds up the delays of each airport, and loses a member on the way; the log gives the same model twice. */
async function delays(client: Client, endpoint: string, flights: readonly Flight[]): Promise<void> {
  const { shared, addedByKilled, movedMs } = await runGroup(client, endpoint, PARTITIONS);
  say("group", `2 processes with ${shared.join(" and ")} partitions add up the delays of each airport`);
  say(
    "killed",
    `one with SIGKILL after ${addedByKilled} flights; its partitions went to the other after ${movedMs.toFixed(0)} ms`,
  );
  const { ofGroup, fromBeginning, fromSnapshot, inSnapshots } = await rebuild(client, PARTITIONS);
  const airports = airportsOf(ofGroup);
  let added = 0;
  let delayMinutes = 0;
  for (const airport of airports.values()) {
    added += airport.flights;
    delayMinutes += airport.delayMinutes;
  }
  const sent = flights.reduce((sum, { delay }) => sum + delay, 0);
  if (added !== flights.length || delayMinutes !== sent) {
    throw new Error(
      `the group added up ${added} flights and ${delayMinutes} minutes; ${flights.length} and ${sent} were sent`,
    );
  }
  say(
    "model",
    `${airports.size} airports, ${added} flights, ${(delayMinutes / added).toFixed(2)} minutes late on average`,
  );
  const model = JSON.stringify(ofGroup);
  if (JSON.stringify(fromBeginning) !== model) throw new Error("the replay from offset 0 gave another model");
  if (JSON.stringify(fromSnapshot) !== model)
    throw new Error("the replay from a stored model gave another one");
  say("rebuilt", `by replay from offset 0: ${added} flights, equal`);
  say("", `from models stored on the way: ${added - inSnapshots} flights, equal`);
}

async function run(dataDir: string): Promise<void> {
  const flights = await readFlights();
  const bytes = flights.reduce((sum, flight) => sum + JSON.stringify(flight).length, 0);
  let broker = await startBroker(dataDir, "0");
  try {
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
    await delays(client, broker.endpoint, flights);
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
