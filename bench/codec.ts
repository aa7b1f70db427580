/**
 * The record codec alone, on one core: how many records a second can be encoded, checked and read, in batches of
 * 64 KiB, uncompressed.
 */
import { systemClock } from "../src/base/index.ts";
import {
  BatchBuilder,
  checkBatch,
  probeBatch,
  RecordCursor,
  type RecordHeader,
} from "../src/record/index.ts";
import { fillBatch, type Payload, payloadOf } from "./support/batches.ts";
import { median } from "./support/comparison.ts";
import { RECORD_SIZES } from "./support/record-sizes.ts";
import type { BenchRow } from "./support/report.ts";

const BATCH_BYTES = 65_536;
const WARM_UP_MS = 150;
const SLICE_MS = 80;
const SLICES = 7;
const LIMITS = { batchBytesMax: BATCH_BYTES, decompressedBytesMax: BATCH_BYTES } as const;

const ENCODE_GOAL = { atLeast: 5e6, unit: "records/s" } as const;

/** Measures everything for both sizes; takes about ten seconds. */
export function benchCodec(): BenchRow[] {
  return RECORD_SIZES.flatMap(({ label, bytes }) => {
    const payload = payloadOf(bytes);
    const text = { key: String(payload.key), value: String(payload.value) };
    const batch = fillBatch(new BatchBuilder({ bytesMax: BATCH_BYTES }), payload);
    const recordCount = probedCount(batch);
    const row = (name: string, run: () => void, goal?: BenchRow["goal"]): BenchRow => {
      const value = recordCount * runsPerSecond(run);
      const mbPerSecond = (value * bytes) / 1e6;
      return { name: `${name}, ${label}`, unit: "records/s", value, mbPerSecond, ...(goal && { goal }) };
    };
    return [
      row("encode + CRC, bytes", encoder(payload), bytes === 100 ? ENCODE_GOAL : undefined),
      row("encode + CRC, text", encoder(text)),
      row("CRC and framing of the batch", () => probedCount(batch)),
      row("check of all records", () => checkBatch(batch, LIMITS)),
      row("read, offsets and lengths only", () => walk(batch)),
      row("read, values as views", () => walkValues(batch)),
      row("read, all into objects", () => readAll(batch)),
    ];
  });
}

/** Into one pooled buffer, over and over. */
function encoder(payload: Payload): () => void {
  const builder = new BatchBuilder({ bytesMax: BATCH_BYTES });
  const pooled = Buffer.allocUnsafeSlow(BATCH_BYTES);
  return () => {
    builder.reset(pooled);
    fillBatch(builder, payload);
  };
}

function probedCount(batch: Buffer): number {
  const probe = probeBatch(batch, 0);
  if (!probe.ok) throw new Error(`the bench's own batch is no good: ${probe.problem}`);
  return probe.header.recordCount;
}

const cursor = new RecordCursor();
/** Results go here, so that the compiler cannot drop the work. */
const sink = { sum: 0 };

function walk(batch: Buffer): void {
  cursor.reset(batch);
  while (cursor.next()) sink.sum += cursor.offset + cursor.timestampMs + (cursor.valueLength ?? 0);
}

function walkValues(batch: Buffer): void {
  cursor.reset(batch);
  while (cursor.next()) sink.sum += cursor.value?.length ?? 0;
}

interface EagerRecord {
  readonly offset: number;
  readonly timestampMs: number;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers: RecordHeader[];
}

function readAll(batch: Buffer): void {
  cursor.reset(batch);
  const records: EagerRecord[] = [];
  while (cursor.next()) {
    const { offset, timestampMs, key, value, headers } = cursor;
    records.push({ offset, timestampMs, key, value, headers });
  }
  sink.sum += records.length;
}

/** Median of several slices, after a warm-up. */
function runsPerSecond(run: () => void): number {
  slice(run, WARM_UP_MS);
  return median(Array.from({ length: SLICES }, () => slice(run, SLICE_MS)));
}

function slice(run: () => void, durationMs: number): number {
  const start = systemClock.monotonicMs();
  let runs = 0;
  let elapsedMs = 0;
  while (elapsedMs < durationMs) {
    for (let index = 0; index < 16; index++) run();
    runs += 16;
    elapsedMs = systemClock.monotonicMs() - start;
  }
  return (runs * 1_000) / elapsedMs;
}
