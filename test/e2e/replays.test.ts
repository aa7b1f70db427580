/**
 * Requests repeated and delayed, over connections of their own and across brokers that are killed or restarted: no
 * batch of an idempotent producer is stored twice, or in another order than it was sent.
 */
import { expect, it } from "vitest";
import { type Random, seededRandom } from "../../src/base/index.ts";
import { connect as connectSdk } from "../../src/index.ts";
import { MillraceError } from "../../src/errors/index.ts";
import { logService } from "../../src/client/transport/services.ts";
import { batchOf } from "../log/batches.ts";
import { connect, type TestClient } from "../rpc/harness.ts";
import { BrokerProcess } from "../support/broker-process.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const PRODUCERS = [1_001, 1_002, 1_003, 1_004];
const BATCHES = 300;
const RESTARTS = 6;
const REPLAY_DELAY_MAX_MS = 500;
/** The broker knows the newest 32 batches of a producer; a retry beyond that is refused. */
const KNOWN_BATCHES = 32;

const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
const batch = (producerId: number, baseSequence: number) =>
  batchOf([`${producerId}/${baseSequence}`], { producer: { producerId, producerEpoch: 0, baseSequence } });

/** What the replays met. */
const met = { duplicates: 0, refused: 0, unanswered: 0 };

class Sender {
  readonly id: number;
  readonly #random: Random;
  readonly #client: TestClient;
  readonly #replayers: readonly TestClient[];
  readonly #replays: Promise<void>[] = [];
  /** By sequence. */
  readonly offsets: number[] = [];

  constructor(id: number, endpoint: string, random: Random) {
    const options = { "grpc.initial_reconnect_backoff_ms": 50, "grpc.max_reconnect_backoff_ms": 100 };
    this.id = id;
    this.#random = random;
    this.#client = connect({ endpoint }, options);
    this.#replayers = [connect({ endpoint }, options), connect({ endpoint }, options)];
  }

  /** Sends every batch until it is acknowledged, and some of them again later. */
  async run(): Promise<void> {
    for (let sequence = 0; sequence < BATCHES; sequence++) {
      this.offsets.push(await this.#sendUntilAcknowledged(sequence));
      if (this.#random.fraction() < 0.5) this.#replays.push(this.#replayLater(sequence));
    }
    await Promise.all(this.#replays);
  }

  async #sendUntilAcknowledged(sequence: number): Promise<number> {
    for (;;) {
      try {
        return (await this.#produce(this.#client, sequence)).baseOffset;
      } catch (error) {
        if (!isPassing(error)) throw error;
        await sleep(20);
      }
    }
  }

  async #replayLater(newest: number): Promise<void> {
    const back = Math.floor(this.#random.fraction() * 2 * KNOWN_BATCHES);
    const sequence = Math.max(0, newest - back);
    const replayer = this.#replayers[sequence % 2]!;
    await sleep(this.#random.fraction() * REPLAY_DELAY_MAX_MS);
    try {
      const { baseOffset, duplicate } = await this.#produce(replayer, sequence);
      expect({ baseOffset, duplicate }).toEqual({ baseOffset: this.offsets[sequence], duplicate: true });
      met.duplicates++;
    } catch (error) {
      if (error instanceof MillraceError && error.reason === "OUT_OF_ORDER_SEQUENCE") met.refused++;
      else if (isPassing(error)) met.unanswered++;
      else throw error;
    }
  }

  async #produce(client: TestClient, sequence: number) {
    const request = { topic: "t", partition: 0, batch: batch(this.id, sequence) };
    const { receipt } = await client.call(logService.produce, request, { deadline: Date.now() + 5_000 });
    return { baseOffset: receipt?.baseOffset ?? 0, duplicate: receipt?.duplicate ?? false };
  }
}

/** The broker is away, or went away before it answered. */
function isPassing(error: unknown): boolean {
  return error instanceof MillraceError && error.retry !== "never";
}

it("batches sent again, late and across restarts are stored once and in order", async () => {
  const seed = Math.floor(Math.random() * 2 ** 31);
  console.log(`seed ${seed}`);
  const random = seededRandom(seed);
  const dataDir = await temporaryFolder();
  let broker = await BrokerProcess.start({ dataDir });
  const { endpoint, port } = broker;
  const sdk = await connectSdk({ brokers: endpoint });
  try {
    await sdk.admin().createTopic({ name: "t", partitionCount: 1 });
    const senders = PRODUCERS.map((id) => new Sender(id, endpoint, random));
    const sending = Promise.all(senders.map((sender) => sender.run()));
    let isSending = true;
    sending.finally(() => (isSending = false)).catch(() => undefined);
    for (let restart = 0; restart < RESTARTS && isSending; restart++) {
      await sleep(100 + random.fraction() * 300);
      if (random.fraction() < 0.5) await broker.kill();
      else await broker.stop();
      broker = await BrokerProcess.start({ dataDir, port });
    }
    await sending;

    const reader = sdk.reader();
    await reader.assign([{ topic: "t", from: "start" }]);
    const stored = new Map(PRODUCERS.map((id) => [id, [] as number[]]));
    for await (const record of reader.records({ stopAtEnd: true })) {
      const [id, sequence] = String(record.value).split("/").map(Number) as [number, number];
      stored.get(id)!.push(sequence);
      expect(senders.find((sender) => sender.id === id)!.offsets[sequence]).toBe(record.offset);
    }
    const everyOne = Array.from({ length: BATCHES }, (_, sequence) => sequence);
    for (const [, sequences] of stored) expect(sequences).toEqual(everyOne);
    console.log(met);
    expect(met.duplicates).toBeGreaterThan(0);
    expect(met.refused).toBeGreaterThan(0);
  } finally {
    await sdk.close();
    await broker.kill();
  }
}, 120_000);
