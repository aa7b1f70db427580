/**
 * Compressed bytes that unfold to a gigabyte, put together by hand from the formats' documents, so that making them
 * takes no more memory than they have themselves.
 */
import zlib from "node:zlib";

const MIB = 1_048_576;

/** A thousand deflate blocks of 1 MiB of zeros each, and an empty last one. */
export function gzipBomb(blocks = 1_000): Buffer {
  const finishFlush = zlib.constants.Z_FULL_FLUSH;
  const block = zlib.deflateRawSync(Buffer.alloc(MIB), { finishFlush });
  const header = Buffer.from("1f8b0800000000000003", "hex");
  return Buffer.concat([
    header,
    ...Array<Buffer>(blocks).fill(block),
    Buffer.from("03000000000000000000", "hex"),
  ]);
}

/** Blocks of one byte that stands for 128 KiB (RFC 8878, 3.1.1.2), in a frame with a window of 1 MiB. */
export function zstdBomb(blocks = 8_000): Buffer {
  const header = Buffer.from("28b52ffd0050", "hex");
  const runLengthBlock = 131_072 * 8 + 1 * 2; // size, type 1, not the last
  const block = Buffer.alloc(4);
  block.writeUIntLE(runLengthBlock, 0, 3);
  const last = Buffer.from(block);
  last.writeUIntLE(runLengthBlock + 1, 0, 3);
  return Buffer.concat([header, ...Array<Buffer>(blocks - 1).fill(block), last]);
}

/** Blocks of one literal and one match of just under 4 MiB. Header checksum: of FLG 60 and BD 70. */
export function lz4Bomb(blocks = 250): Buffer {
  const header = Buffer.from("04224d18607073", "hex");
  const lengths = Buffer.alloc(16_000, 0xff);
  const sequence = Buffer.concat([Buffer.from("1f000100", "hex"), lengths, Buffer.from([0x00])]);
  const block = Buffer.concat([sequence, Buffer.from("500000000000", "hex")]);
  const size = Buffer.alloc(4);
  size.writeUInt32LE(block.length);
  return Buffer.concat([
    header,
    ...Array<Buffer>(blocks).fill(Buffer.concat([size, block])),
    Buffer.alloc(4),
  ]);
}

/** One raw block that promises 4 GiB. */
export function rawSnappyBomb(): Buffer {
  return Buffer.from("ffffffff0f0061", "hex");
}

/** A xerial frame with a thousand blocks that promise 1 MiB each. */
export function snappyBomb(): Buffer {
  const header = Buffer.from("82534e41505059000000000100000001", "hex");
  const block = Buffer.from("0000000580804000fe", "hex");
  return Buffer.concat([header, ...Array<Buffer>(1_000).fill(block)]);
}
