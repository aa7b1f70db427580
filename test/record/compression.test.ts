import zlib from "node:zlib";
import { compressFrameSync } from "lz4-napi";
import { compressSync } from "snappy";
import { afterEach, describe, expect, it } from "vitest";
import type { MillraceError } from "../../src/errors/index.ts";
import { checkBatch, type Compression, COMPRESSIONS, RecordCursor } from "../../src/record/index.ts";
import { compress, decompress } from "../../src/record/compression/codecs.ts";
import { lazyNativeModule } from "../../src/record/compression/native-module.ts";
import { gzipBomb, lz4Bomb, rawSnappyBomb, snappyBomb, zstdBomb } from "./bombs.ts";
import { craftBatch } from "./craft-batch.ts";

const MIB = 1_048_576;
const codecs = COMPRESSIONS.filter((name) => name !== "none");
const text = Buffer.from("the mill turns grain into flour; ".repeat(5_000));

function refusal(run: () => unknown): MillraceError {
  try {
    run();
  } catch (error) {
    return error as MillraceError;
  }
  throw new Error("nothing was refused");
}

describe.each(codecs)("%s", (codec) => {
  it.each([0, 1, 31, 32_767, 32_768, 32_769, 65_536, text.length])("gives back %s bytes", (length) => {
    const bytes = text.subarray(0, length);
    expect(decompress(codec, compress(codec, bytes), Math.max(1, length)).equals(bytes)).toBe(true);
  });

  it("gives back what cannot be compressed", () => {
    const noise = Buffer.from(Array.from({ length: 100_000 }, (_, i) => Math.imul(i, 0x9e3779b1) >>> 24));
    expect(decompress(codec, compress(codec, noise), noise.length).equals(noise)).toBe(true);
  });

  it("refuses one byte more than allowed", () => {
    const error = refusal(() => decompress(codec, compress(codec, text), text.length - 1));
    expect(error.reason).toBe("BATCH_TOO_LARGE");
    expect(error.details.allowed).toBe(String(text.length - 1));
  });

  it("refuses bytes cut off anywhere, or followed by others", () => {
    const whole = compress(codec, text.subarray(0, 40_000));
    // Between two blocks a snappy frame looks whole: the records' own frames show what is missing.
    const cuts = Array.from({ length: whole.length }, (_, length) => length);
    const seams = codec === "snappy" ? [16, 20 + whole.readInt32BE(16)] : [];
    for (const length of cuts.filter((cut) => !seams.includes(cut))) {
      const error = refusal(() => decompress(codec, Buffer.from(whole.subarray(0, length)), MIB));
      expect(error.reason, `cut at ${length}`).toBe("INVALID_BATCH");
    }
    const again = codec === "gzip" ? [] : [whole.toString("hex")]; // gzip allows several members
    for (const more of ["00", "78", "00000000", "ffffffffffffffffffff", ...again]) {
      const longer = Buffer.concat([whole, Buffer.from(more, "hex")]);
      expect(refusal(() => decompress(codec, longer, MIB)).reason, more).toBe("INVALID_BATCH");
    }
  });
});

describe("snappy", () => {
  it("is framed as the xerial library does, in blocks of 32 KiB", () => {
    const framed = compress("snappy", text.subarray(0, 40_000));
    expect(framed.subarray(0, 16).toString("hex")).toBe("82534e41505059000000000100000001");
    const first = framed.readInt32BE(16);
    expect(framed.readInt32BE(20 + first)).toBe(framed.length - 24 - first);
    expect(framed.subarray(20, 23).toString("hex")).toBe("808002"); // 32,768 as a varint
  });

  it("is read without frame too", () => {
    expect(decompress("snappy", compressSync(text), text.length).equals(text)).toBe(true);
  });

  it("of another frame version is refused", () => {
    const framed = compress("snappy", text);
    framed.writeInt32BE(2, 12);
    expect(refusal(() => decompress("snappy", framed, MIB)).message).toContain("frame version 2");
  });
});

describe("lz4", () => {
  it.each([
    { contentChecksum: true },
    { blockChecksums: true },
    { contentChecksum: true, blockChecksums: true },
  ])("is read with %o", (options) => {
    const frame = compressFrameSync(text, options);
    expect(decompress("lz4", frame, text.length).equals(text)).toBe(true);
    expect(refusal(() => decompress("lz4", frame, text.length - 1)).reason).toBe("BATCH_TOO_LARGE");
  });

  it("has independent blocks, because Kafka's client reads no others", () => {
    expect(compress("lz4", text)[4]! & 0x20).toBe(0x20);
  });

  it.each([
    ["another magic number", 0, 0x05],
    ["frame version 2", 4, 0xa0],
    ["a dictionary", 4, 0x61],
  ])("with %s is refused", (_, position, byte) => {
    const frame = compress("lz4", text);
    frame[position] = byte;
    expect(refusal(() => decompress("lz4", frame, MIB)).reason).toBe("INVALID_BATCH");
  });
});

describe("zstd", () => {
  it("with a window larger than 8 MiB and than all it may unfold to is refused", () => {
    const frame = Buffer.from("28b52ffd0088", "hex"); // window 2^27
    const error = refusal(() =>
      decompress("zstd", Buffer.concat([frame, Buffer.from("010000", "hex")]), MIB),
    );
    expect(error.message).toContain("window");
  });
});

describe("a bomb", () => {
  const bombs: readonly [string, Compression, () => Buffer][] = [
    ["gzip", "gzip", gzipBomb],
    ["zstd", "zstd", zstdBomb],
    ["lz4", "lz4", lz4Bomb],
    ["snappy", "snappy", snappyBomb],
    ["raw snappy", "snappy", rawSnappyBomb],
  ];
  it.each(bombs)("of %s is refused, and takes no memory beyond the bound", (_, compression, makeBomb) => {
    const payload = makeBomb();
    const limits = { batchBytesMax: 3 * MIB, decompressedBytesMax: 4 * MIB };
    const batch = craftBatch({ payload, attributes: COMPRESSIONS.indexOf(compression) });
    const before = process.resourceUsage().maxRSS;
    expect(refusal(() => checkBatch(batch, limits)).reason).toBe("BATCH_TOO_LARGE");
    expect(refusal(() => new RecordCursor().reset(batch, 0, 4 * MIB)).reason).toBe("BATCH_TOO_LARGE");
    const grownKib = process.resourceUsage().maxRSS - before;
    expect(grownKib).toBeLessThan(64 * 1_024);
  });

  it("from a producer may unfold to 4 MiB or 64 times its size; what was stored before may unfold further", () => {
    const limits = { batchBytesMax: 3 * MIB, decompressedBytesMax: 32 * MIB };
    const batch = craftBatch({ payload: gzipBomb(6), attributes: 1 });
    const error = refusal(() => checkBatch(batch, limits));
    expect(error).toMatchObject({ reason: "BATCH_TOO_LARGE", details: { allowed: String(4 * MIB) } });
    // Not refused for its size: its checksum, at its end, is wrong.
    const stored = refusal(() => checkBatch(batch, { ...limits, origin: "log" }));
    expect(stored.reason).toBe("INVALID_BATCH");
    const padded = craftBatch({
      payload: Buffer.concat([gzipBomb(6), Buffer.alloc(100_000)]),
      attributes: 1,
    });
    expect(refusal(() => checkBatch(padded, limits)).reason).toBe("INVALID_BATCH");
  });

  it.each([
    ["zstd", zstdBomb(16)],
    ["lz4", lz4Bomb(2)],
  ] as const)("of %s would really unfold, had it no bound: a small one does", (compression, bomb) => {
    const unfolded = decompress(compression, bomb, 16 * MIB);
    expect(unfolded.length).toBeGreaterThan(bomb.length * 100);
  });

  it("of gzip would really unfold, but for the checksum at its end", () => {
    const bomb = gzipBomb(3);
    bomb.writeUInt32LE(zlib.crc32(Buffer.alloc(3 * MIB)), bomb.length - 8);
    bomb.writeUInt32LE(3 * MIB, bomb.length - 4);
    expect(decompress("gzip", bomb, 3 * MIB)).toHaveLength(3 * MIB);
  });
});

describe("a codec that the platform lacks", () => {
  const { zstdCompressSync } = zlib;
  afterEach(() => {
    zlib.zstdCompressSync = zstdCompressSync;
  });

  it("is refused by name where its native module does not load", () => {
    const error = refusal(lazyNativeModule("snappy", "a-module-that-nobody-has"));
    expect(error.reason).toBe("UNSUPPORTED_COMPRESSION");
    expect(error.message).toContain("a-module-that-nobody-has");
  });

  it("is refused on a Node without zstd, in both directions", () => {
    zlib.zstdCompressSync = undefined as unknown as typeof zstdCompressSync;
    expect(refusal(() => compress("zstd", text)).reason).toBe("UNSUPPORTED_COMPRESSION");
    expect(refusal(() => decompress("zstd", text, MIB)).message).toContain("Node 22.15");
  });
});
