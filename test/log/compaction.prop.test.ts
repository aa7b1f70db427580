/** Compaction against a model: random records, codecs, segment sizes and rounds, with appends and restarts between. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { LogConfig, PartitionLog } from "../../src/log/index.ts";
import type { Compression } from "../../src/record/index.ts";
import {
  clean,
  COMPACTED,
  type KeyedRecord,
  keyedBatch,
  offsetMap,
  type ReadKeyed,
  readKeyed,
  seal,
} from "./compaction-rig.ts";
import { LogRig } from "./log-rig.ts";

const DELETE_RETENTION_MS = 500;

/** A batch as it was appended, with what cleaning has noted in it. */
interface ModelBatch {
  readonly lastOffset: number;
  records: readonly ReadKeyed[];
  horizonMs: number | undefined;
}

/** What the log must hold, by the rules alone. */
class Model {
  batches: ModelBatch[] = [];

  get records(): ReadKeyed[] {
    return this.batches.flatMap(({ records }) => records);
  }

  append(baseOffset: number, records: readonly KeyedRecord[], appendTimeMs: number | undefined): void {
    const read = records.map(({ key, value, timestampMs = 1_000, header }, index) => ({
      offset: baseOffset + index,
      key,
      value,
      timestampMs: appendTimeMs ?? timestampMs,
      ...(header === undefined ? {} : { header }),
    }));
    this.batches.push({ lastOffset: baseOffset + records.length - 1, records: read, horizonMs: undefined });
  }

  /** Everything below `end` was cleaned. */
  clean(end: number, nowMs: number): void {
    const newest = new Map<string, number>();
    for (const { key, offset } of this.records) if (key !== null && offset < end) newest.set(key, offset);
    for (const batch of this.batches) {
      const { horizonMs, lastOffset } = batch;
      batch.records = batch.records.filter(({ offset, key, value }) => {
        if (offset >= end || key === null) return true;
        const isOver = value === null && horizonMs !== undefined && nowMs >= horizonMs;
        return newest.get(key) === offset && !isOver;
      });
      const hasTombstone = batch.records.some(({ key, value }) => key !== null && value === null);
      if (hasTombstone && horizonMs === undefined && lastOffset < end)
        batch.horizonMs = nowMs + DELETE_RETENTION_MS;
    }
  }
}

type Step =
  | {
      readonly kind: "append";
      readonly records: readonly KeyedRecord[];
      readonly compression: Compression;
      readonly producerId: number | undefined;
    }
  | { readonly kind: "clean"; readonly keysMax: number }
  | { readonly kind: "wait"; readonly ms: number }
  | { readonly kind: "restart"; readonly isClean: boolean; readonly forgets: boolean }
  | { readonly kind: "read"; readonly maxBytes: number };

const text = fc.string({ maxLength: 40 });
const record = fc.record({
  key: fc.integer({ min: 0, max: 11 }).map((number) => `key-${number}${"k".repeat(2 * number)}`),
  value: fc.option(text, { freq: 4 }),
  timestampMs: fc.integer({ min: 0, max: 10_000 }),
  header: fc.option(text, { nil: undefined, freq: 4 }),
});
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 12,
    arbitrary: fc.record({
      kind: fc.constant("append" as const),
      records: fc.array(record, { minLength: 1, maxLength: 8 }),
      compression: fc.constantFrom<Compression>("none", "none", "gzip", "lz4", "snappy"),
      producerId: fc.option(fc.integer({ min: 1, max: 3 }), { nil: undefined }),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({ kind: fc.constant("clean" as const), keysMax: fc.constantFrom(48, 48, 1_000) }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant("wait" as const), ms: fc.integer({ min: 1, max: 800 }) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant("restart" as const),
      isClean: fc.boolean(),
      forgets: fc.boolean(),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant("read" as const),
      maxBytes: fc.integer({ min: 1, max: 2_000 }),
    }),
  },
);

/** Runs the steps on a log and on the model, and compares them on the way. */
class Run {
  readonly #rig: LogRig;
  readonly #model = new Model();
  readonly #sequences = new Map<number, number>();
  #log: PartitionLog;

  private constructor(rig: LogRig, log: PartitionLog) {
    this.#rig = rig;
    this.#log = log;
  }

  static async start(config: Partial<LogConfig>): Promise<Run> {
    const rig = new LogRig({ config: { ...COMPACTED, deleteRetentionMs: DELETE_RETENTION_MS, ...config } });
    return new Run(rig, await rig.open());
  }

  async take(step: Step): Promise<void> {
    switch (step.kind) {
      case "append":
        return this.#append(step.records, step.compression, step.producerId);
      case "clean":
        return this.#clean(step.keysMax);
      case "wait":
        return this.#rig.clock.advance(step.ms);
      case "restart":
        return this.#restart(step.isClean, step.forgets);
      case "read":
        return this.compare(step.maxBytes);
    }
  }

  async #append(
    records: readonly KeyedRecord[],
    compression: Compression,
    producerId: number | undefined,
  ): Promise<void> {
    const baseSequence = this.#sequences.get(producerId ?? -1) ?? 0;
    const producer =
      producerId === undefined ? {} : { producer: { producerId, producerEpoch: 0, baseSequence } };
    const batch = keyedBatch(records, { compression, ...producer });
    const copy = Buffer.from(batch);
    const { baseOffset, timestampMs } = await this.#log.append(batch, undefined);
    this.#model.append(
      baseOffset,
      records,
      this.#log.config.timestampType === "append" ? timestampMs : undefined,
    );
    if (producerId === undefined) return;
    this.#sequences.set(producerId, baseSequence + records.length);
    const retry = await this.#log.append(copy, undefined);
    expect(retry).toMatchObject({ baseOffset, duplicate: true });
  }

  async #clean(keysMax: number): Promise<void> {
    const end = this.#log.highWatermark;
    await seal(this.#rig, this.#log);
    this.#model.append(
      end,
      [{ key: "seal", value: "x" }],
      this.#log.config.timestampType === "append" ? this.#rig.clock.nowMs() : undefined,
    );
    const report = await clean(this.#log, offsetMap(keysMax));
    if (report !== undefined) this.#model.clean(report.firstDirtyOffset, this.#rig.clock.nowMs());
    await this.compare(1_000);
  }

  async #restart(isClean: boolean, forgets: boolean): Promise<void> {
    const { firstDirtyOffset } = this.#log.cleaner;
    const { recoveryPoint } = this.#log;
    if (isClean) await this.#log.close();
    this.#log = await this.#rig.open({
      isClean,
      recoveryPoint,
      firstDirtyOffset: forgets ? 0 : firstDirtyOffset,
    });
    this.#log.reconfigure(this.#rig.config);
  }

  /** What is read is what the model has, from every offset on. */
  async compare(maxBytes: number): Promise<void> {
    const expected = this.#model.records;
    const log = this.#log;
    expect(await readKeyed(log, 0, maxBytes)).toEqual(expected);
    for (let from = 0; from < log.highWatermark; from++) {
      const { chunks, nextOffset } = await log.read(from, maxBytes);
      expect(nextOffset).toBeGreaterThan(from);
      if (chunks.length === 0) throw new Error(`nothing at ${from}`);
    }
    for (const timestampMs of [0, 1_000, 3_000, 9_000]) {
      const first = expected.find((candidate) => candidate.timestampMs >= timestampMs);
      expect((await log.findByTimestamp(timestampMs))?.offset).toBe(first?.offset);
    }
  }
}

describe("a compacted log", () => {
  it("holds what the rules say, whatever was appended, cleaned and restarted", async () => {
    const config = fc.record({
      segmentBytes: fc.constantFrom(300, 700, 2_000, 100_000),
      indexIntervalBytes: fc.constantFrom(0, 100, 4_096),
      timestampType: fc.constantFrom<LogConfig["timestampType"]>("create", "create", "append"),
    });
    const steps = fc.array(step, { minLength: 5, maxLength: 60 });
    await fc.assert(
      fc.asyncProperty(config, steps, async (chosen, taken) => {
        const run = await Run.start(chosen);
        for (const one of taken) await run.take(one);
        await run.take({ kind: "clean", keysMax: 1_000 });
        await run.take({ kind: "restart", isClean: false, forgets: true });
        await run.take({ kind: "clean", keysMax: 1_000 });
      }),
      { numRuns: Number(process.env.MILLRACE_PROP_RUNS ?? 60) },
    );
  }, 60_000);
});
