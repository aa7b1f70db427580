/** The batches that Kafka's Java client encoded: see golden/README.md. */
import { readFileSync } from "node:fs";
import type { Compression } from "../../src/record/index.ts";

export interface GoldenRecord {
  readonly timestampMs: number;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers: readonly { readonly key: string; readonly value: Buffer | null }[];
}

export interface GoldenBatch {
  readonly name: string;
  readonly compression: Compression;
  readonly timestampType: "CreateTime" | "LogAppendTime";
  readonly baseOffset: number;
  readonly leaderEpoch: number;
  readonly crc: number;
  readonly lastOffset: number;
  readonly maxTimestampMs: number;
  readonly producerId: number;
  readonly producerEpoch: number;
  readonly baseSequence: number;
  readonly recordCount: number;
  readonly isTransactional: boolean;
  readonly isControl: boolean;
  readonly records: readonly GoldenRecord[] | undefined;
  readonly bytes: Buffer;
}

interface StoredRecord {
  readonly timestampMs: number;
  readonly key: string | null;
  readonly value: string | null;
  readonly headers: readonly { readonly key: string; readonly value: string | null }[];
}

type Stored = Omit<GoldenBatch, "records" | "bytes"> & {
  readonly records: readonly StoredRecord[] | number | null;
  readonly bytes: string;
};

/** A JSON file of the golden folder. */
export function readGolden(name: string): unknown {
  return JSON.parse(readFileSync(new URL(`golden/${name}`, import.meta.url), "utf8"));
}

export const goldenBatches: readonly GoldenBatch[] = (readGolden("batches.json") as Stored[]).map(
  (stored) => ({
    ...stored,
    records: restoreRecords(stored.records),
    bytes: Buffer.from(stored.bytes, "hex"),
  }),
);

/** A fresh copy of the bytes of the batch with this name, free to be changed. */
export function goldenBytes(name: string): Buffer {
  const found = goldenBatches.find((batch) => batch.name === name);
  if (found === undefined) throw new Error(`no golden batch is named ${name}`);
  return Buffer.from(found.bytes);
}

function restoreRecords(stored: Stored["records"]): readonly GoldenRecord[] | undefined {
  if (stored === null) return undefined;
  if (typeof stored === "number") return formula(stored);
  return stored.map(({ timestampMs, key, value, headers }) => ({
    timestampMs,
    key: fromHex(key),
    value: fromHex(value),
    headers: headers.map((header) => ({ key: header.key, value: fromHex(header.value) })),
  }));
}

/** What `formula` in GoldenBatches.java makes. */
function formula(repeatsBelow: number): GoldenRecord[] {
  return Array.from({ length: 150 }, (_, i) => ({
    timestampMs: 1_700_000_000_000 + i * 1_000,
    key: Buffer.from(`key-${i % 13}`),
    value: Buffer.from(
      `${i} the mill turns grain into flour `.repeat(i === 77 ? 300 : (i * 7) % repeatsBelow),
    ),
    headers: [],
  }));
}

function fromHex(hex: string | null): Buffer | null {
  return hex === null ? null : Buffer.from(hex, "hex");
}
