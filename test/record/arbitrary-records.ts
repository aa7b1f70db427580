import fc from "fast-check";
import { BatchBuilder, COMPRESSIONS, type Compression, type RecordHeader } from "../../src/record/index.ts";

export interface ArbitraryRecord {
  readonly key: Uint8Array | string | null;
  readonly value: Uint8Array | string | null;
  readonly timestampMs: number;
  readonly headers: readonly RecordHeader[];
}

const content = fc.oneof(
  fc.constant(null),
  fc.uint8Array({ maxLength: 40 }),
  fc.uint8Array({ maxLength: 300 }),
  fc.string({ unit: "grapheme", maxLength: 40 }),
  fc.integer({ min: 0, max: 20_000 }).map((length) => Buffer.alloc(length, "the mill turns ")),
);

export const arbitraryRecord: fc.Arbitrary<ArbitraryRecord> = fc.record({
  key: content,
  value: content,
  timestampMs: fc.oneof(fc.maxSafeNat(), fc.integer({ min: 1_700_000_000_000, max: 1_700_000_100_000 })),
  headers: fc.array(
    fc.record({
      key: fc.string({ unit: "grapheme", maxLength: 30 }),
      value: fc.option(fc.uint8Array({ maxLength: 100 })),
    }),
    { maxLength: 3 },
  ),
});

export const arbitraryRecords = fc.array(arbitraryRecord, { minLength: 1, maxLength: 30 });
export const arbitraryCompression = fc.constantFrom<Compression>(...COMPRESSIONS);

/** One batch of all records. */
export function encode(records: readonly ArbitraryRecord[], compression: Compression = "none"): Buffer {
  const builder = new BatchBuilder({ bytesMax: 2_000_000, compression });
  for (const { key, value, timestampMs, headers } of records)
    builder.append(key, value, timestampMs, headers);
  return builder.build();
}
