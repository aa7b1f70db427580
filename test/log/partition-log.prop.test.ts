/** A log held against a model of it, an array of records, under any sequence of what may happen to it. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { seededRandom } from "../../src/base/index.ts";
import { MemoryFileSystem } from "../../src/fs/index.ts";
import type { PartitionLog, ReadResult } from "../../src/log/index.ts";
import { settled, turn } from "../support/turns.ts";
import { batchOf, type ReadRecord, recordsIn } from "./batches.ts";
import { LogRig, type RigOptions } from "./log-rig.ts";

/** Timestamps go up and down within so many milliseconds. */
const TIMESTAMPS_MS = 50;

type Step =
  | { readonly kind: "append"; readonly batches: readonly (readonly number[])[] }
  | { readonly kind: "read"; readonly place: number; readonly maxBytes: number }
  | { readonly kind: "find"; readonly timestampMs: number }
  | { readonly kind: "trim"; readonly place: number }
  | { readonly kind: "retain"; readonly retentionBytes: number }
  | { readonly kind: "pass"; readonly ms: number }
  | { readonly kind: "persist" | "reopen" | "kill" }
  | { readonly kind: "power"; readonly seed: number };

const fraction = fc.integer({ min: 0, max: 100 }).map((percent) => percent / 100);
const timestamp = fc.integer({ min: 0, max: TIMESTAMPS_MS });
const batches = fc.array(fc.array(timestamp, { minLength: 1, maxLength: 5 }), { minLength: 1, maxLength: 4 });
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: fc.constant("append" as const), batches }) },
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant("read" as const),
      place: fraction,
      maxBytes: fc.oneof(fc.integer({ min: 1, max: 400 }), fc.constant(2_000_000)),
    }),
  },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant("find" as const), timestampMs: timestamp }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("trim" as const), place: fraction }) },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant("retain" as const),
      retentionBytes: fc.integer({ min: 0, max: 2_000 }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant("pass" as const), ms: fc.integer({ min: 1, max: 2_000 }) }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constantFrom("persist" as const, "reopen" as const, "kill" as const) }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("power" as const), seed: fc.nat() }) },
);

/** The log, and what it ought to be. */
class Pair {
  #rig: LogRig;
  #log!: PartitionLog;
  readonly #options: RigOptions;
  /** All records ever appended; the offset is the index. */
  readonly #records: ReadRecord[] = [];
  #start = 0;
  /** As a checkpoint would have it. */
  #recoveryPoint = 0;

  constructor(options: RigOptions) {
    this.#options = options;
    this.#rig = new LogRig({ ...options, fs: new MemoryFileSystem({ crashModel: true }) });
  }

  async open(isClean: boolean): Promise<void> {
    this.#log = await this.#rig.open({ isClean, recoveryPoint: this.#recoveryPoint });
    await this.#rig.fs.syncDirectory("/");
    this.#checkBounds();
  }

  async take(step: Step): Promise<void> {
    await settled(this.#take(step), JSON.stringify(step));
    this.#checkBounds();
  }

  async #take(step: Step): Promise<void> {
    switch (step.kind) {
      case "append":
        return this.#append(step.batches);
      case "read":
        return this.#read(this.#offsetAt(step.place), step.maxBytes);
      case "find":
        return this.#find(step.timestampMs);
      case "trim":
        this.#start = Math.max(this.#start, this.#offsetAt(step.place));
        expect(await this.#log.trim(this.#start)).toBe(this.#start);
        return;
      case "retain":
        return this.#retain(step.retentionBytes);
      case "pass":
        this.#rig.clock.advance(step.ms);
        return turn();
      case "persist":
        await this.#log.persistDerived();
        this.#recoveryPoint = this.#log.recoveryPoint;
        return;
      case "reopen":
        expect(await this.#log.close()).toBe(true);
        this.#recoveryPoint = this.#log.recoveryPoint;
        return this.open(true);
      case "kill":
        return this.#restartOn(this.#disk.crash(seededRandom(0), { mode: "process" }));
      case "power":
        return this.#restartOn(this.#disk.crash(seededRandom(step.seed)));
    }
  }

  get #disk(): MemoryFileSystem {
    return this.#rig.fs as MemoryFileSystem;
  }

  async #restartOn(disk: MemoryFileSystem): Promise<void> {
    // The crashed disk is all durable; files of the memory copy get a crash model of their own.
    this.#rig = this.#rig.movedTo(disk, this.#options);
    await this.open(false);
  }

  async #append(batches: readonly (readonly number[])[]): Promise<void> {
    const appends = batches.map((timestampsMs) => {
      const base = this.#records.length;
      const values = timestampsMs.map((_, index) => `value ${base + index}`);
      for (const [index, value] of values.entries()) {
        this.#records.push({ offset: base + index, value, timestampMs: timestampsMs[index]! });
      }
      return this.#log.append(batchOf(values, { timestampsMs }), undefined).then((result) => {
        expect(result).toMatchObject({ baseOffset: base, recordCount: values.length, durability: "durable" });
        expect(result.timestampMs).toBe(Math.max(...timestampsMs));
      });
    });
    await Promise.all(appends);
  }

  async #read(offset: number, maxBytes: number): Promise<void> {
    const read: ReadResult = await this.#log.read(offset, maxBytes);
    expect(recordsIn(read.chunks, offset)).toEqual(this.#records.slice(offset, read.nextOffset));
    expect(read.recordCount).toBe(read.nextOffset - offset);
    expect(read.bytes).toBe(read.chunks.reduce((sum, chunk) => sum + chunk.length, 0));
    expect(read).toMatchObject({ logStartOffset: this.#start, highWatermark: this.#records.length });
    if (offset < this.#records.length) expect(read.nextOffset).toBeGreaterThan(offset);
    const [first] = read.chunks;
    const firstBatchBytes = first === undefined ? 0 : first.readInt32BE(8) + 12;
    expect(read.bytes).toBeLessThanOrEqual(Math.max(firstBatchBytes, Math.min(maxBytes, 1_048_576)));
  }

  async #find(timestampMs: number): Promise<void> {
    const expected = this.#records.slice(this.#start).find((record) => record.timestampMs >= timestampMs);
    const found = await this.#log.findByTimestamp(timestampMs);
    expect(found).toEqual(expected && { offset: expected.offset, timestampMs: expected.timestampMs });
  }

  /** Retention by size takes whole segments and leaves at least what was asked for. */
  async #retain(retentionBytes: number): Promise<void> {
    const { sizeBytes } = this.#log;
    this.#log.reconfigure({ ...this.#rig.config, retentionBytes });
    const deleted = await this.#log.applyRetention(this.#rig.clock.nowMs());
    this.#log.reconfigure(this.#rig.config);
    if (deleted === 0) return;
    expect(this.#log.sizeBytes).toBeLessThan(sizeBytes);
    // What was trimmed goes in any case.
    if (this.#log.logStartOffset === this.#start) return;
    expect(this.#log.sizeBytes).toBeGreaterThanOrEqual(retentionBytes);
    expect(this.#log.logStartOffset).toBeGreaterThan(this.#start);
    this.#start = this.#log.logStartOffset;
  }

  #offsetAt(place: number): number {
    return this.#start + Math.round(place * (this.#records.length - this.#start));
  }

  #checkBounds(): void {
    const { logStartOffset, highWatermark, logEndOffset, recoveryPoint } = this.#log;
    expect({ logStartOffset, highWatermark, logEndOffset, recoveryPoint }).toEqual({
      logStartOffset: this.#start,
      highWatermark: this.#records.length,
      logEndOffset: this.#records.length,
      recoveryPoint: this.#records.length,
    });
  }
}

const options = fc.record({
  cacheBytes: fc.constantFrom(0, 600, 1_000_000),
  indexCacheBytes: fc.constantFrom(0, 1_000_000),
  openFilesMax: fc.constantFrom(1, 100),
  config: fc.record({
    segmentBytes: fc.constantFrom(300, 700, 100_000),
    segmentMs: fc.constantFrom(1_000, 1_000_000_000),
    indexIntervalBytes: fc.constantFrom(0, 100, 4_096),
    segmentIndexBytes: fc.constantFrom(16, 1_000_000),
  }),
});

describe("a partition log", () => {
  it("does what an array of records would do, whatever happens to it", async () => {
    await fc.assert(
      fc.asyncProperty(options, fc.array(step, { minLength: 1, maxLength: 40 }), async (chosen, steps) => {
        const pair = new Pair(chosen);
        await pair.open(false);
        for (const taken of steps) await pair.take(taken);
        await pair.take({ kind: "reopen" });
        for (let percent = 0; percent <= 100; percent += 20) {
          await pair.take({ kind: "read", place: percent / 100, maxBytes: 100 });
          await pair.take({ kind: "find", timestampMs: (percent * TIMESTAMPS_MS) / 100 });
        }
      }),
      { numRuns: 200 },
    );
  });
});
