/**
 * Event-sourced streams: appends with an expected revision, against the engine and over gRPC, and reads of one stream of
 * 100 events among many records.
 *
 * The many records are written by the engine as plain records in batches of 100, each of another stream, so that the
 * events of a stream lie evenly over the whole log, each in another batch: the worst that a stream of single appends
 * can come to.
 */
import { createHistogram } from "node:perf_hooks";
import { join } from "node:path";
import { silentLogger, systemClock, systemRandom } from "../src/base/index.ts";
import { Broker } from "../src/broker/index.ts";
import { MillraceError } from "../src/errors/index.ts";
import { NodeFileSystem } from "../src/fs/index.ts";
import { type Client, connect } from "../src/index.ts";
import { MemoryMetadataStore } from "../src/metadata/index.ts";
import { BatchBuilder } from "../src/record/index.ts";
import { LevelIndexStore } from "../src/stream/index.ts";
import type { BenchContext } from "./support/bench-context.ts";
import { BrokerProcess } from "./support/broker-process.ts";
import { median } from "./support/comparison.ts";
import { percentilesOf, recordMs } from "./support/percentiles.ts";
import type { BenchRow } from "./support/report.ts";

const TOPIC = "events";
const INDEXED = { "stream.index": "true", "retention.ms": "-1" };
const WRITERS = 100;
const EVENTS_PER_APPEND = 10;
const VALUE = Buffer.alloc(100, 97);
const EVENTS_PER_STREAM = 100;
const BATCH_RECORDS = 100;
const PRODUCES_UNDER_WAY = 64;
const READS = 300;
const ENGINE_GOAL = { atLeast: 50_000, unit: "records/s" } as const;
const GRPC_GOAL = { atLeast: 10_000, unit: "records/s" } as const;
const READ_GOAL = { atMost: 5, unit: "ms" } as const;
const LOAD = `${WRITERS} streams, ${EVENTS_PER_APPEND} events of 100 B an append, durable`;

/** Appends so many events to a stream whose last revision is given, and returns the new one. */
type Append = (stream: string, last: number | undefined) => Promise<number>;

/** Appends, then reads. */
export async function benchStreams(context: BenchContext): Promise<BenchRow[]> {
  const rows: BenchRow[] = [];
  if (context.wants("engine append")) rows.push(await engineAppends(context));
  if (context.wants("append over gRPC")) rows.push(await grpcAppends(context));
  if (context.wants("read")) rows.push(...(await reads(context)));
  return rows;
}

async function engineAppends(context: BenchContext): Promise<BenchRow> {
  const broker = await openBroker(join(context.folder, "engine"));
  await broker.createTopic({ name: TOPIC, configs: INDEXED });
  const events = Array.from({ length: EVENTS_PER_APPEND }, () => ({
    type: "measured",
    value: VALUE,
    headers: [],
    timestampMs: undefined,
  }));
  const append: Append = async (stream, last) => {
    const done = await broker.streams.append({
      topic: TOPIC,
      stream: Buffer.from(stream),
      expected: last ?? "none",
      events,
      idempotencyKey: undefined,
      snapshotRevision: undefined,
      missedMax: 0,
      durability: "durable",
    });
    if (done.outcome !== "appended") throw new Error("nobody else appends to the stream");
    return done.lastRevision;
  };
  try {
    const name = `engine append with expected revision, ${LOAD}`;
    return { name, value: await rateOf(context, append), unit: "records/s", goal: ENGINE_GOAL };
  } finally {
    await broker.close();
  }
}

async function grpcAppends(context: BenchContext): Promise<BenchRow> {
  const broker = await BrokerProcess.start(join(context.folder, "grpc"), context.programOptions);
  const client: Client = await connect({ brokers: broker.endpoint });
  try {
    await client.admin().createTopic({ name: TOPIC, configs: INDEXED });
    const streams = client.streams(TOPIC);
    const events = Array.from({ length: EVENTS_PER_APPEND }, () => ({ type: "measured", value: VALUE }));
    const append: Append = async (stream, last) => {
      const options = { expected: last ?? "none", durability: "durable" } as const;
      return (await streams.append(stream, events, options)).lastRevision;
    };
    const name = `append over gRPC with expected revision, ${LOAD}`;
    return { name, value: await rateOf(context, append), unit: "records/s", goal: GRPC_GOAL };
  } finally {
    await client.close();
    await broker.stop();
  }
}

/** Events per second of all writers, each of which waits for an append before its next. The first round warms up. */
async function rateOf({ scale, progress }: BenchContext, append: Append): Promise<number> {
  const rates: number[] = [];
  for (let round = 0; round <= scale.rounds; round++) {
    progress(`appends to streams, round ${round}`);
    const startedMs = systemClock.monotonicMs();
    const endMs = startedMs + scale.sliceMs;
    let appends = 0;
    const writer = async (number: number) => {
      let last: number | undefined;
      while (systemClock.monotonicMs() < endMs) {
        last = await append(`stream-${round}-${number}`, last);
        appends++;
      }
    };
    await Promise.all(Array.from({ length: WRITERS }, (_, number) => writer(number)));
    const seconds = (systemClock.monotonicMs() - startedMs) / 1_000;
    if (round > 0) rates.push((appends * EVENTS_PER_APPEND) / seconds);
  }
  return median(rates);
}

async function reads(context: BenchContext): Promise<BenchRow[]> {
  const records = context.scale.streamRecords;
  const streamCount = records / EVENTS_PER_STREAM;
  const broker = await openBroker(join(context.folder, "reads"));
  try {
    await broker.createTopic({ name: TOPIC, configs: INDEXED });
    context.progress(`writing ${records} records`);
    const written = await writeRecords(broker, records);
    const histogram = createHistogram();
    for (let i = -READS / 10; i < READS; i++) {
      const stream = `stream-${Math.floor(systemRandom.fraction() * streamCount)}`;
      const startedMs = systemClock.monotonicMs();
      const count = await readStream(broker, stream);
      if (i >= 0) recordMs(histogram, systemClock.monotonicMs() - startedMs);
      if (count !== EVENTS_PER_STREAM) throw new Error(`${stream} has ${count} events`);
    }
    const { p50, p99 } = percentilesOf(histogram);
    const among = `${EVENTS_PER_STREAM} events among ${records} records`;
    return [
      { name: `engine append of plain records to an indexed topic`, value: written, unit: "records/s" },
      { name: `read a stream of ${among}, p50`, value: p50, unit: "ms", goal: READ_GOAL },
      { name: `read a stream of ${among}, p99`, value: p99, unit: "ms" },
    ];
  } finally {
    await broker.close();
  }
}

async function readStream(broker: Broker, stream: string): Promise<number> {
  const reading = await broker.streams.read({
    topic: TOPIC,
    stream: Buffer.from(stream),
    direction: "forwards",
    fromRevision: undefined,
    maxEvents: undefined,
    fromSnapshot: false,
  });
  let count = 0;
  for (let events = await reading.next(); events !== undefined; events = await reading.next()) {
    count += events.length;
  }
  return count;
}

/** Writes the records, 100 of each stream, and waits until the index has them; returns records per second. */
async function writeRecords(broker: Broker, records: number): Promise<number> {
  const streamCount = records / EVENTS_PER_STREAM;
  const startedMs = systemClock.monotonicMs();
  await readStream(broker, "none"); // the index is live from here on
  const underWay = new Set<Promise<unknown>>();
  for (let number = 0; number < records; ) {
    const builder = new BatchBuilder({ bytesMax: 1_000_000 });
    for (let i = 0; i < BATCH_RECORDS; i++, number++) {
      builder.append(`stream-${number % streamCount}`, VALUE, systemClock.nowMs());
    }
    const produced = broker.produce(TOPIC, 0, builder.build(), "written").finally(() => {
      underWay.delete(produced);
    });
    underWay.add(produced);
    if (underWay.size >= PRODUCES_UNDER_WAY) await Promise.race(underWay);
  }
  await Promise.all(underWay);
  await indexed(broker, records - 1);
  return (1_000 * records) / (systemClock.monotonicMs() - startedMs);
}

/** Resolves when the index has the record: only there is the revision of a plain one. */
async function indexed(broker: Broker, fromOffset: number): Promise<void> {
  const position = { topic: TOPIC, partition: 0, offset: fromOffset, maxBytes: 1 };
  for (let isDone = false; !isDone; ) {
    const [part] = await broker.fetch([position], { minBytes: 1, maxWaitMs: 1_000, maxBytes: 1 });
    if (part === undefined || part instanceof MillraceError) throw part;
    const records = { topic: TOPIC, partition: 0, batches: part.chunks, fromOffset, bytesMax: 1 };
    isDone = await broker.streams.describeRecords(records).events.then(
      () => true,
      (error: unknown) => {
        if (MillraceError.from(error).reason !== "COORDINATOR_LOADING") throw error;
        return false;
      },
    );
  }
}

function openBroker(dataDir: string): Promise<Broker> {
  const fs = new NodeFileSystem();
  const streamStore = new LevelIndexStore({ path: join(dataDir, "stream-index"), fs, logger: silentLogger });
  return Broker.open({ fs, metadata: new MemoryMetadataStore(systemRandom), streamStore, dataDir });
}
