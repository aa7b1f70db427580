/**
 * Kills a real broker under load, again and again, and holds what it serves afterwards against what it acknowledged.
 */
import { type Random, seededRandom } from "../../src/base/index.ts";
import { type Client, connect, MillraceError } from "../../src/index.ts";
import { BrokerProcess } from "../support/broker-process.ts";

const TOPIC = "crashes";
const PARTITIONS = 3;
const PRODUCERS = 2;

/** How hard to try. */
export interface CrashRoundsOptions {
  readonly dataDir: string;
  readonly rounds: number;
  readonly seed: number;
  /** Hears of each round. */
  readonly onRound?: (text: string) => void;
}

/** What was seen over all rounds. */
export interface CrashReport {
  readonly rounds: number;
  readonly acknowledged: number;
  readonly read: number;
  /** Records sent whose outcome the kill left open, and that turned up. */
  readonly unacknowledgedFound: number;
}

/** What producers were told: value by offset, for each partition. */
class Ledger {
  readonly acknowledged = Array.from({ length: PARTITIONS }, () => new Map<number, string>());
  readonly sent = new Set<string>();

  get count(): number {
    return this.acknowledged.reduce((sum, partition) => sum + partition.size, 0);
  }

  note(partition: number, offset: number, value: string): void {
    const earlier = this.acknowledged[partition]!.get(offset);
    if (earlier !== undefined && earlier !== value) {
      throw new Error(
        `offset ${offset} of partition ${partition} was acknowledged for ${earlier} and for ${value}`,
      );
    }
    this.acknowledged[partition]!.set(offset, value);
  }
}

/** Runs the rounds on one data folder. Throws at the first broken promise. */
export async function runCrashRounds(options: CrashRoundsOptions): Promise<CrashReport> {
  const random = seededRandom(options.seed);
  const ledger = new Ledger();
  let last = { read: 0, unacknowledgedFound: 0 };
  for (let round = 0; round < options.rounds; round++) {
    const broker = await BrokerProcess.start({ dataDir: options.dataDir });
    try {
      const client = await connect({ brokers: broker.endpoint });
      if (round === 0) await createTopic(client);
      else last = await verify(client, ledger);
      await loadUntilKilled(client, broker, ledger, random, round);
    } finally {
      await broker.kill();
    }
    options.onRound?.(
      `round ${round + 1}/${options.rounds}: ${ledger.count} acknowledged, ${last.read} verified`,
    );
  }
  last = await verifyOnce(options.dataDir, ledger);
  return { rounds: options.rounds, acknowledged: ledger.count, ...last };
}

async function createTopic(client: Client): Promise<void> {
  // Small segments, so that kills also meet rolls.
  const configs = { "segment.bytes": String(512 * 1_024) };
  await client.admin().createTopic({ name: TOPIC, partitionCount: PARTITIONS, configs });
}

async function loadUntilKilled(
  client: Client,
  broker: BrokerProcess,
  ledger: Ledger,
  random: Random,
  round: number,
): Promise<void> {
  let isRunning = true;
  const produce = async (number: number) => {
    const producer = client.producer({ batchBytes: 16_384, deliveryTimeoutMs: 400, maxBlockMs: 400 });
    const receipts: Promise<void>[] = [];
    for (let counter = 0; isRunning; counter++) {
      const partition = counter % PARTITIONS;
      const value = `${round}/${number}/${counter} ${"x".repeat(Math.floor(random.fraction() * 2_000))}`;
      ledger.sent.add(value);
      receipts.push(
        producer.send(TOPIC, { value, partition }).then(
          (receipt) => ledger.note(receipt.partition, receipt.offset, value),
          (error: unknown) => requireOutage(error),
        ),
      );
      if (counter % 64 === 63) await Promise.race([receipts.at(-64), broker.exited]);
    }
    await Promise.all(receipts);
    await producer.close().catch(requireOutage);
  };
  const producers = Array.from({ length: PRODUCERS }, (_, number) => produce(number));
  await new Promise((resolve) => setTimeout(resolve, 50 + random.fraction() * 400));
  await broker.kill();
  isRunning = false;
  await Promise.all(producers);
  await client.close().catch(requireOutage);
}

/** Only the outage itself may fail a call. */
function requireOutage(error: unknown): void {
  const { reason } = MillraceError.from(error);
  const allowed = ["DISCONNECTED", "DEADLINE_EXCEEDED", "OVERLOADED", "CANCELLED", "SHUTTING_DOWN"];
  if (!allowed.includes(reason)) throw error;
}

async function verifyOnce(dataDir: string, ledger: Ledger) {
  const broker = await BrokerProcess.start({ dataDir });
  try {
    const client = await connect({ brokers: broker.endpoint });
    const result = await verify(client, ledger);
    await client.close();
    return result;
  } finally {
    await broker.stop();
  }
}

/** Reads everything; all that was acknowledged must be at its offset, and nothing else but what was sent. */
async function verify(
  client: Client,
  ledger: Ledger,
): Promise<{ read: number; unacknowledgedFound: number }> {
  const reader = client.reader();
  await reader.assign([{ topic: TOPIC, from: "start" }]);
  const next = Array.from({ length: PARTITIONS }, () => 0);
  let read = 0;
  let unacknowledgedFound = 0;
  for await (const record of reader.records({ stopAtEnd: true })) {
    const { partition, offset } = record;
    const value = String(record.value);
    if (offset !== next[partition])
      throw new Error(`partition ${partition}: offset ${offset} follows ${next[partition]}`);
    next[partition] = offset + 1;
    read++;
    const expected = ledger.acknowledged[partition]!.get(offset);
    if (expected === undefined) {
      if (!ledger.sent.has(value))
        throw new Error(`partition ${partition}, offset ${offset}: nobody sent this`);
      unacknowledgedFound++;
    } else if (expected !== value) {
      throw new Error(`partition ${partition}, offset ${offset}: altered or reordered`);
    }
  }
  await reader.close();
  for (const [partition, acknowledged] of ledger.acknowledged.entries()) {
    for (const offset of acknowledged.keys()) {
      if (offset >= next[partition]!)
        throw new Error(`partition ${partition}: acknowledged offset ${offset} is lost`);
    }
  }
  if (ledger.count > 0 && read === 0) throw new Error("nothing was read: the round proves nothing");
  return { read, unacknowledgedFound };
}
