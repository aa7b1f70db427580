/**
 * Compaction of one log in this process, unthrottled: the whole log is dirty, each key has two records on average, in
 * random order, so that nearly every batch is written anew. Beside it the bare disk reads the same bytes and writes as
 * many as compaction leaves.
 */
import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { type Random, seededRandom, silentLogger, systemClock } from "../src/base/index.ts";
import { NodeFileSystem } from "../src/fs/index.ts";
import {
  FilePool,
  type LogConfig,
  type LogEnvironment,
  LruBudget,
  OffsetMap,
  PartitionLog,
  ReadBuffers,
  TailCache,
} from "../src/log/index.ts";
import { BatchBuilder } from "../src/record/index.ts";
import { bareCopy } from "./limits.ts";
import type { BenchContext } from "./support/bench-context.ts";
import { compare } from "./support/comparison.ts";
import { KEY_BYTES, MB, RECORD_SIZES } from "./support/record-sizes.ts";
import type { BenchRow } from "./support/report.ts";

const MIB = 1_048_576;
const BATCH_BYTES = 65_536;
const MAP_BYTES = 128 * MIB;
const GOAL = { atLeast: 0.4, unit: "of the limit" } as const;
const RECORDS_PER_KEY = 2;

const CONFIG: LogConfig = {
  segmentBytes: 64 * MIB,
  segmentMs: Number.MAX_SAFE_INTEGER,
  segmentIndexBytes: 10 * MIB,
  indexIntervalBytes: 4_096,
  batchBytesMax: MIB,
  flushMode: "written",
  flushMessages: undefined,
  flushMs: undefined,
  retentionMs: undefined,
  retentionBytes: undefined,
  timestampType: "create",
  timestampBeforeMaxMs: undefined,
  timestampAfterMaxMs: undefined,
  fileDeleteDelayMs: 0,
  deletes: false,
  compacts: true,
  deleteRetentionMs: 86_400_000,
  dirtyRatioMin: 0,
  compactionLagMinMs: 0,
  compactionLagMaxMs: undefined,
};

/** Bytes of dirty segments that are cleaned in a second, for both sizes of records. */
export async function benchCompaction(context: BenchContext): Promise<BenchRow[]> {
  const rows: BenchRow[] = [];
  for (const { label, bytes } of RECORD_SIZES) {
    const name = `compaction, ${label}`;
    if (!context.wants(name)) continue;
    context.progress(name);
    rows.push(await benchSize(context, name, bytes));
  }
  return rows;
}

async function benchSize(context: BenchContext, name: string, recordBytes: number): Promise<BenchRow> {
  const { scale, folder } = context;
  let leftBytes = scale.roundBytes;
  let inputBytes = scale.roundBytes;
  let recordsPerMb = 0;
  const compaction = async () => {
    const dirty = await DirtyLog.create(join(folder, "log"), recordBytes, scale.roundBytes);
    const { bytesBefore, bytesAfter, tookMs } = await dirty.clean();
    await dirty.remove();
    inputBytes = bytesBefore;
    leftBytes = bytesAfter;
    recordsPerMb = (dirty.recordCount / dirty.bytes) * MB;
    return bytesBefore / tookMs / 1_000;
  };
  const bare = () => bareCopy({ folder, readBytes: inputBytes, writeBytes: leftBytes });
  const { value, limit, share } = await compare(scale.rounds, compaction, bare);
  const left = Math.round((100 * leftBytes) / inputBytes);
  return {
    name,
    value: value * recordsPerMb,
    unit: "records/s",
    mbPerSecond: value,
    goal: GOAL,
    limit: { name: `bare read, and write of ${left} % and fdatasync`, value: limit, unit: "MB/s", share },
  };
}

/** A log whose sealed segments were never cleaned. */
class DirtyLog {
  readonly #folder: string;
  readonly #log: PartitionLog;
  readonly #offsets: OffsetMap;
  readonly recordCount: number;
  readonly bytes: number;

  private constructor(folder: string, log: PartitionLog, secret: string) {
    this.#folder = folder;
    this.#log = log;
    this.#offsets = new OffsetMap({ bytesMax: MAP_BYTES, secret });
    this.recordCount = log.logEndOffset;
    this.bytes = log.sizeBytes;
  }

  static async create(folder: string, recordBytes: number, bytes: number): Promise<DirtyLog> {
    await mkdir(folder, { recursive: true });
    const log = await PartitionLog.open({
      env: environment(),
      name: "bench-0",
      folder,
      config: CONFIG,
      leaderEpoch: 0,
      isClean: true,
      recoveryPoint: 0,
      logStartOffset: 0,
      persistLogStart: async () => {},
    });
    const random = seededRandom(1);
    const keys = Math.floor(bytes / recordBytes / RECORDS_PER_KEY);
    // What is sealed last must fill a segment: the active one is not cleaned.
    while (log.sizeBytes < bytes + CONFIG.segmentBytes) {
      await log.append(nextBatch(random, recordBytes, keys), "written");
    }
    await log.flush();
    return new DirtyLog(folder, log, random.id());
  }

  async clean() {
    const startMs = systemClock.monotonicMs();
    const report = await this.#log.cleaner.clean({ offsets: this.#offsets });
    const tookMs = systemClock.monotonicMs() - startMs;
    if (report === undefined) throw new Error("there was nothing to clean");
    return { ...report, tookMs };
  }

  async remove(): Promise<void> {
    await this.#log.close();
    await rm(this.#folder, { recursive: true });
  }
}

/** A full batch of records with random keys. */
function nextBatch(random: Random, recordBytes: number, keys: number): Buffer {
  const builder = new BatchBuilder({ bytesMax: BATCH_BYTES });
  const value = Buffer.alloc(recordBytes - KEY_BYTES, "v");
  const nextKey = () => String(Math.floor(random.fraction() * keys)).padStart(KEY_BYTES, "k");
  while (builder.append(nextKey(), value, 1_700_000_000_000));
  return builder.build();
}

function environment(): LogEnvironment {
  const fs = new NodeFileSystem();
  return {
    fs,
    clock: systemClock,
    logger: silentLogger,
    files: new FilePool(fs, 100, silentLogger),
    indexes: new LruBudget(32 * MIB),
    producers: new LruBudget(MIB),
    producerExpirationMs: 86_400_000,
    cache: new TailCache(0),
    buffers: new ReadBuffers(),
  };
}
