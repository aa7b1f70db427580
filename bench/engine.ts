/**
 * The log engine without network: a broker over the machine's files is given batches of 64 KiB and asked for them,
 * beside the bare disk doing the same. Batches come from a ring made beforehand.
 */
import { join } from "node:path";
import { Broker, type Durability, type FetchedPart, type ReadResult } from "../src/broker/index.ts";
import { systemClock, systemRandom } from "../src/base/index.ts";
import { MillraceError } from "../src/errors/index.ts";
import { MemoryMetadataStore } from "../src/metadata/index.ts";
import { bareRead, bareWrite } from "./limits.ts";
import { BatchRing } from "./support/batches.ts";
import type { BenchContext } from "./support/bench-context.ts";
import { compare } from "./support/comparison.ts";
import { CountingFileSystem } from "./support/counting-file-system.ts";
import { MB, RECORD_SIZES } from "./support/record-sizes.ts";
import type { BenchRow } from "./support/report.ts";

const MIB = 1_048_576;
const BATCH_BYTES = 65_536;
/** Appends under way at once. */
const WINDOW = 64;
const CACHE_BYTES = 8 * MIB;
const RING_BYTES = 12 * CACHE_BYTES;
const READ_BYTES = MIB;
const GOAL_SHARES = { written: 0.6, durable: 0.8 } as const;

/** Appends and reads, for both sizes of records. */
export async function benchEngine(context: BenchContext): Promise<BenchRow[]> {
  const fs = new CountingFileSystem();
  const broker = await Broker.open({
    fs,
    metadata: new MemoryMetadataStore(systemRandom),
    dataDir: join(context.folder, "data"),
    cacheBytes: CACHE_BYTES,
  });
  const rows: BenchRow[] = [];
  try {
    for (const { label, bytes } of RECORD_SIZES) {
      const ring = new BatchRing({ recordBytes: bytes, batchBytes: BATCH_BYTES, bytes: RING_BYTES });
      const engine = new EngineBench(context, broker, fs, { label, recordBytes: bytes, ring });
      for (const durability of ["written", "durable"] as const) {
        if (context.wants(engine.appendName(durability))) rows.push(...(await engine.append(durability)));
      }
      if (context.wants("engine read")) rows.push(...(await engine.reads()));
    }
  } finally {
    await broker.close();
  }
  return rows;
}

interface Load {
  readonly label: string;
  readonly recordBytes: number;
  readonly ring: BatchRing;
}

/** The engine under records of one size. */
class EngineBench {
  readonly #context: BenchContext;
  readonly #broker: Broker;
  readonly #fs: CountingFileSystem;
  readonly #load: Load;
  #topics = 0;

  constructor(context: BenchContext, broker: Broker, fs: CountingFileSystem, load: Load) {
    this.#context = context;
    this.#broker = broker;
    this.#fs = fs;
    this.#load = load;
  }

  appendName(durability: Durability): string {
    return `engine append, ${durability}, ${this.#load.label}`;
  }

  /** The bare disk writes groups of the size that the engine made in the run before. */
  async append(durability: Durability): Promise<BenchRow[]> {
    const { scale, folder, progress } = this.#context;
    const name = this.appendName(durability);
    progress(name);
    const { ring } = this.#load;
    let groupBuffers = WINDOW / 2;
    let syncEveryBytes = groupBuffers * ring.batchBytes;
    const engine = async () => {
      const topic = await this.#createTopic(durability);
      this.#fs.takeCounts();
      const speed = await this.#appendAll(topic, durability, scale.roundBytes);
      const { writes, buffers, bytes, syncs } = this.#fs.takeCounts();
      groupBuffers = Math.max(1, Math.round(buffers / writes));
      syncEveryBytes = bytes / Math.max(1, syncs);
      await this.#broker.deleteTopic(topic);
      return speed;
    };
    const bare = () =>
      bareWrite({
        path: join(folder, "bare.log"),
        next: () => ring.next(),
        groupBuffers,
        bytes: scale.roundBytes,
        ...(durability === "durable" && { syncEveryBytes }),
      });
    const { value, limit, share } = await compare(scale.rounds, engine, bare);
    const group = `${groupBuffers} × 64 KiB`;
    const sync = durability === "durable" ? `, sync each ${(syncEveryBytes / MIB).toFixed(1)} MiB` : "";
    const goal = { atLeast: GOAL_SHARES[durability], unit: "of the limit" } as const;
    return [
      this.#row(name, value, {
        goal,
        limit: { name: `bare writev of ${group}${sync}`, value: limit, unit: "MB/s", share },
      }),
    ];
  }

  /** From the cache of the newest batches, and from the file. */
  async reads(): Promise<BenchRow[]> {
    const { scale, folder, progress } = this.#context;
    const { label, ring } = this.#load;
    progress(`engine read, ${label}`);
    const bytes = Math.max(scale.roundBytes, RING_BYTES);
    const topic = await this.#createTopic("written");
    await this.#appendAll(topic, "written", bytes);
    await this.#read(topic, { from: 0, to: 1, bytes: 1 }); // a log that nobody reads is not cached
    await this.#appendAll(topic, "written", CACHE_BYTES);
    const path = join(folder, "bare.log");
    await bareWrite({ path, next: () => ring.next(), groupBuffers: 16, bytes, keep: true });
    const end = this.#broker.describeTopic(topic).partitions[0]!.highWatermark;
    const beforeEnd = (distance: number) => end - Math.ceil((distance * end) / (bytes + CACHE_BYTES));
    const file = { from: 0, to: beforeEnd(2 * CACHE_BYTES), bytes };
    const cached = { from: beforeEnd(CACHE_BYTES / 2), to: end, bytes };
    const bare = () => bareRead(path, READ_BYTES, bytes);
    const fromFile = await compare(scale.rounds, () => this.#read(topic, file), bare);
    const fromCache = await compare(scale.rounds, () => this.#read(topic, cached), bare);
    const limitOf = ({ limit, share }: { readonly limit: number; readonly share: number }) => ({
      limit: { name: "bare read of 1 MiB", value: limit, unit: "MB/s", share },
    });
    await this.#broker.deleteTopic(topic);
    return [
      this.#row(`engine read, file, ${label}`, fromFile.value, limitOf(fromFile)),
      this.#row(`engine read, cached tail, ${label}`, fromCache.value, limitOf(fromCache)),
    ];
  }

  #row(name: string, batchMbPerSecond: number, rest: Partial<BenchRow>): BenchRow {
    const { ring, recordBytes } = this.#load;
    const value = (batchMbPerSecond * MB * ring.recordsPerBatch) / ring.batchBytes;
    return { name, value, unit: "records/s", mbPerSecond: (value * recordBytes) / MB, ...rest };
  }

  async #createTopic(durability: Durability): Promise<string> {
    const name = `engine-${this.#load.recordBytes}-${durability}-${this.#topics++}`;
    const configs = { "flush.mode": durability, "file.delete.delay.ms": "0" };
    await this.#broker.createTopic({ name, partitionCount: 1, configs });
    return name;
  }

  /** Returns MB/s of batches. */
  async #appendAll(topic: string, durability: Durability, bytes: number): Promise<number> {
    const { ring } = this.#load;
    const count = Math.ceil(bytes / ring.batchBytes);
    let left = count;
    const startMs = systemClock.monotonicMs();
    const appendNext = async () => {
      while (left-- > 0) await this.#broker.produce(topic, 0, ring.next(), durability);
    };
    await Promise.all(Array.from({ length: WINDOW }, appendNext));
    return (count * ring.batchBytes) / (systemClock.monotonicMs() - startMs) / 1_000;
  }

  /** Reads a range of offsets again and again until there are `bytes`; returns MB/s of batches. */
  async #read(topic: string, range: { from: number; to: number; bytes: number }): Promise<number> {
    const options = { minBytes: 1, maxWaitMs: 0, maxBytes: READ_BYTES };
    let bytes = 0;
    let offset = range.from;
    const startMs = systemClock.monotonicMs();
    while (bytes < range.bytes) {
      const position = { topic, partition: 0, offset, maxBytes: READ_BYTES };
      const [part] = await this.#broker.fetch([position], options);
      const read = requireRead(part);
      bytes += read.bytes;
      read.release?.();
      offset = read.nextOffset >= range.to ? range.from : read.nextOffset;
    }
    return bytes / (systemClock.monotonicMs() - startMs) / 1_000;
  }
}

function requireRead(part: FetchedPart | undefined): ReadResult {
  if (part === undefined || part instanceof MillraceError) throw part ?? new Error("nothing was answered");
  return part;
}
