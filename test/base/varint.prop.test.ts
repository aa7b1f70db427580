import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  readInt16,
  readInt32,
  readInt64,
  readUint32,
  sizeOfVarint,
  sizeOfVarlong,
  VarintReader,
  writeInt16,
  writeInt32,
  writeInt64,
  writeVarint,
  writeVarlong,
} from "../../src/base/index.ts";

class TestReader extends VarintReader {
  constructor(bytes: Uint8Array, end = bytes.length) {
    super();
    this.bytes = bytes;
    this.end = end;
  }
  protected override refuse(problem: string, position: number): never {
    throw new RangeError(`${problem} at ${position}`);
  }
}

/** The definition, by BigInt. */
function zigzag(value: number): number[] {
  const whole = BigInt(value);
  let rest = whole >= 0n ? 2n * whole : -2n * whole - 1n;
  const bytes: number[] = [];
  for (; rest >= 128n; rest >>= 7n) bytes.push(Number(rest & 127n) | 128);
  return [...bytes, Number(rest)];
}

const edges = [7, 14, 21, 28, 31, 35, 42, 49, 52, 53].flatMap((bits) =>
  [-1, 0, 1].flatMap((step) => [2 ** (bits - 1) + step, -(2 ** (bits - 1)) + step, 2 ** bits + step]),
);
const safe = fc.oneof(
  fc.maxSafeInteger(),
  fc.constantFrom(...edges.filter(Number.isSafeInteger)),
  fc.integer(),
);
const int32 = fc.oneof(fc.integer(), fc.integer({ min: -300, max: 300 }));

describe("varints", () => {
  it("of 32 bits are written as defined, sized rightly and read back", () => {
    fc.assert(
      fc.property(int32, (value) => {
        const bytes = new Uint8Array(8);
        const end = writeVarint(bytes, 1, value);
        expect([...bytes.subarray(1, end)]).toEqual(zigzag(value));
        expect(sizeOfVarint(value)).toBe(end - 1);
        const reader = new TestReader(bytes);
        reader.position = 1;
        expect([reader.readVarint(), reader.position]).toEqual([value, end]);
      }),
      { numRuns: 1_000 },
    );
  });

  it("of any safe integer are written as defined, sized rightly and read back", () => {
    fc.assert(
      fc.property(safe, (value) => {
        const bytes = new Uint8Array(12);
        const end = writeVarlong(bytes, 1, value);
        expect([...bytes.subarray(1, end)]).toEqual(zigzag(value));
        expect(sizeOfVarlong(value)).toBe(end - 1);
        const reader = new TestReader(bytes);
        reader.position = 1;
        expect([reader.readVarlong(), reader.position]).toEqual([value, end]);
      }),
      { numRuns: 1_000 },
    );
  });

  it.each([
    ["ffffffff1f", "a varint of more than 32 bits at 0"],
    ["808080808000", "a varint of more than 32 bits at 0"],
    ["808080", "a varint cut off by the end at 0"],
    ["", "a varint cut off by the end at 0"],
  ])("of 32 bits refuse %s", (hex, problem) => {
    expect(() => new TestReader(Buffer.from(hex, "hex")).readVarint()).toThrow(problem);
  });

  it.each([
    ["ffffffffffffffff7f", "a varlong beyond 2^53 at 0"],
    ["8080808080808020", "a varlong beyond 2^53 at 0"],
    ["8080808080808080808000", "a varlong beyond 2^53 at 0"],
    ["80808080", "a varint cut off by the end at 0"],
    ["", "a varint cut off by the end at 0"],
  ])("of 64 bits refuse %s", (hex, problem) => {
    expect(() => new TestReader(Buffer.from(hex, "hex")).readVarlong()).toThrow(problem);
  });

  it("do not read behind the end, even if bytes are there", () => {
    expect(() => new TestReader(Buffer.from("80808001", "hex"), 3).readVarint()).toThrow("cut off");
  });
});

describe("big-endian integers", () => {
  it("read and write as Buffer does", () => {
    fc.assert(
      fc.property(safe, fc.integer({ min: -32_768, max: 32_767 }), fc.integer(), (int64, int16, int32) => {
        const ours = Buffer.alloc(16);
        writeInt64(ours, 0, int64);
        writeInt32(ours, 8, int32);
        writeInt16(ours, 12, int16);
        const theirs = Buffer.alloc(16);
        theirs.writeBigInt64BE(BigInt(int64), 0);
        theirs.writeInt32BE(int32, 8);
        theirs.writeInt16BE(int16, 12);
        expect(ours.toString("hex")).toBe(theirs.toString("hex"));
        expect([readInt64(ours, 0), readInt32(ours, 8), readInt16(ours, 12)]).toEqual([int64, int32, int16]);
        expect(readUint32(ours, 8)).toBe(ours.readUInt32BE(8));
      }),
    );
  });

  it("round 64 bits beyond 2^53, keeping sign and size", () => {
    const bytes = Buffer.from("7fffffffffffffff8000000000000000", "hex");
    expect([readInt64(bytes, 0), readInt64(bytes, 8)]).toEqual([2 ** 63, -(2 ** 63)]);
  });
});
