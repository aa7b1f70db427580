import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { MillraceError } from "../../src/errors/index.ts";
import {
  type BatchOrigin,
  checkBatch,
  probeBatch,
  stampAppendTime,
  stampBatch,
} from "../../src/record/index.ts";
import {
  type ArbitraryRecord,
  arbitraryCompression,
  arbitraryRecord,
  arbitraryRecords,
  encode,
} from "./arbitrary-records.ts";
import { mendChecksum } from "./craft-batch.ts";
import { goldenBatches } from "./golden-batches.ts";
import { readRecords } from "./read-records.ts";

const LIMITS = { batchBytesMax: 3_000_000, decompressedBytesMax: 3_000_000 } as const;

/** What a reader gets for a record that was appended. */
function asRead(record: ArbitraryRecord, offset: number) {
  const bytes = (content: Uint8Array | string | null) => (content === null ? null : Buffer.from(content));
  return {
    offset,
    timestampMs: record.timestampMs,
    key: bytes(record.key),
    value: bytes(record.value),
    headers: record.headers.map(({ key, value }) => ({ key, value: bytes(value) })),
  };
}

/** True if the check refuses with a MillraceError; any other failure is thrown on. */
function isRefused(batch: Buffer, origin: BatchOrigin = "client"): boolean {
  try {
    checkBatch(batch, { ...LIMITS, origin });
    return false;
  } catch (error) {
    if (error instanceof MillraceError) return true;
    throw error;
  }
}

/** Outside the CRC and stamped by the leader: base offset and leader epoch. */
function isStamped(position: number): boolean {
  return position < 8 || (position >= 12 && position < 16);
}

describe("a batch of any records", () => {
  it("passes the check, is stamped, and reads back as what was appended, whatever the codec", () => {
    fc.assert(
      fc.property(arbitraryRecords, arbitraryCompression, fc.nat(), (records, compression, baseOffset) => {
        const batch = encode(records, compression);
        const header = checkBatch(batch, LIMITS);
        expect(header.recordCount).toBe(records.length);
        stampBatch(batch, 0, baseOffset, 3);
        expect(probeBatch(batch, 0)).toMatchObject({ ok: true, header: { baseOffset, leaderEpoch: 3 } });
        expect(checkBatch(batch, LIMITS).crc).toBe(header.crc);
        expect(readRecords(batch)).toEqual(records.map((record, i) => asRead(record, baseOffset + i)));
      }),
      { numRuns: 200 },
    );
  });

  it("reads back with the append time once that is stamped", () => {
    fc.assert(
      fc.property(
        arbitraryRecords,
        arbitraryCompression,
        fc.maxSafeNat(),
        (records, compression, timestampMs) => {
          const batch = encode(records, compression);
          stampAppendTime(batch, 0, timestampMs);
          checkBatch(batch, { ...LIMITS, origin: "log" });
          expect(readRecords(batch)).toEqual(
            records.map((record, i) => asRead({ ...record, timestampMs }, i)),
          );
        },
      ),
      { numRuns: 50 },
    );
  });
});

describe("a batch with one wrong byte", () => {
  const small = goldenBatches.filter(({ bytes }) => bytes.length < 400);
  const everyByte = Array.from({ length: 255 }, (_, index) => index + 1);
  const bits = [1, 2, 4, 8, 16, 32, 64, 128, 255];

  it.each(small)("$name is refused, wherever the byte is", ({ name, bytes }) => {
    const batch = Buffer.from(bytes);
    expect(isRefused(batch, "log")).toBe(false);
    for (let position = 0; position < batch.length; position++) {
      if (isStamped(position)) continue;
      for (const flip of name === "example" ? everyByte : bits) {
        batch[position]! ^= flip;
        expect(isRefused(batch, "log"), `byte ${position} ^ ${flip}`).toBe(true);
        expect(probeBatch(batch, 0).ok, `byte ${position} ^ ${flip}`).toBe(false);
        batch[position]! ^= flip;
      }
    }
  });
});

describe("a batch with wrong bytes and a right CRC", () => {
  const damage = fc.array(fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 })), {
    minLength: 1,
    maxLength: 3,
  });
  const few = fc.array(arbitraryRecord, { minLength: 1, maxLength: 4 });

  it("is refused by name or is another batch that reads whole: nothing else happens", () => {
    fc.assert(
      fc.property(few, arbitraryCompression, damage, (records, compression, changes) => {
        const batch = encode(records, compression);
        for (const [at, byte] of changes) batch[16 + (at % (batch.length - 16))] = byte;
        mendChecksum(batch);
        if (isRefused(batch)) return;
        expect(readRecords(batch)).toHaveLength(checkBatch(batch, LIMITS).recordCount);
      }),
      { numRuns: 3_000 },
    );
  });

  it("is refused wherever it is cut, and with any bytes behind it", () => {
    fc.assert(
      fc.property(
        few,
        arbitraryCompression,
        fc.nat(),
        fc.uint8Array({ minLength: 1 }),
        (records, codec, at, more) => {
          const batch = encode(records, codec);
          const cut = Buffer.from(batch.subarray(0, at % batch.length));
          expect(isRefused(cut)).toBe(true);
          const longer = Buffer.concat([batch, more]);
          expect(isRefused(longer)).toBe(true);
          for (const lying of [cut, longer]) {
            if (lying.length < 61) continue;
            lying.writeInt32BE(lying.length - 12, 8);
            expect(isRefused(mendChecksum(lying))).toBe(true);
          }
        },
      ),
      { numRuns: 500 },
    );
  });
});
