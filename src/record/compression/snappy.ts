/**
 * Snappy in the framing of the xerial library, as Kafka's Java client writes it:
 *
 *     82 "SNAPPY" 00 | version int32 = 1 | least compatible version int32 = 1 | block …
 *     block: compressed length int32 | raw Snappy of up to 32 KiB
 *
 * Some clients send one raw Snappy block without frame: that is read too.
 */
import { readInt32, writeInt32 } from "../../base/index.ts";
import { type Codec, damaged, unfoldsTooFar } from "./codec.ts";
import { lazyNativeModule } from "./native-module.ts";

const MAGIC = Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0x00]);
const FRAME_HEADER_BYTES = 16;
const VERSION = 1;
/** The block size of snappy-java's SnappyOutputStream. */
const BLOCK_BYTES = 32 * 1024;

interface SnappyModule {
  compressSync(input: Uint8Array): Buffer;
  uncompressSync(input: Uint8Array, options: { asBuffer: true }): Buffer;
}

const loadSnappy = lazyNativeModule<SnappyModule>("snappy", "snappy");

export const snappy: Codec = {
  compress(bytes) {
    const { compressSync } = loadSnappy();
    const header = Buffer.alloc(FRAME_HEADER_BYTES);
    MAGIC.copy(header);
    writeInt32(header, 8, VERSION);
    writeInt32(header, 12, VERSION);
    const parts: Buffer[] = [header];
    for (let start = 0; start < bytes.length; start += BLOCK_BYTES) {
      const block = compressSync(bytes.subarray(start, start + BLOCK_BYTES));
      const length = Buffer.allocUnsafe(4);
      writeInt32(length, 0, block.length);
      parts.push(length, block);
    }
    return Buffer.concat(parts);
  },

  decompress(bytes, bytesMax) {
    const { uncompressSync } = loadSnappy();
    const blocks = isFramed(bytes) ? blocksOf(bytes) : [bytes];
    let total = 0;
    for (const block of blocks) {
      total += uncompressedLength(block);
      if (total > bytesMax) throw unfoldsTooFar("snappy", bytesMax);
    }
    try {
      const parts = blocks.map((block) => uncompressSync(block, { asBuffer: true }));
      return parts.length === 1 ? parts[0]! : Buffer.concat(parts, total);
    } catch (error) {
      throw damaged("snappy", "a damaged block", error);
    }
  },
};

function isFramed(bytes: Buffer): boolean {
  return bytes.length >= MAGIC.length && bytes.compare(MAGIC, 0, MAGIC.length, 0, MAGIC.length) === 0;
}

function blocksOf(bytes: Buffer): Buffer[] {
  if (bytes.length < FRAME_HEADER_BYTES) throw damaged("snappy", "the frame header is cut off");
  const version = readInt32(bytes, 12);
  if (version !== VERSION) throw damaged("snappy", `frame version ${version}, only ${VERSION} is known`);
  const blocks: Buffer[] = [];
  let position = FRAME_HEADER_BYTES;
  while (position < bytes.length) {
    const length = bytes.length - position < 4 ? -1 : readInt32(bytes, position);
    const end = position + 4 + length;
    if (length < 1 || end > bytes.length) throw damaged("snappy", `no whole block at byte ${position}`);
    blocks.push(bytes.subarray(position + 4, end));
    position = end;
  }
  return blocks;
}

/** A raw block begins with its uncompressed length, an unsigned varint of 32 bits that its decoder enforces. */
function uncompressedLength(block: Buffer): number {
  let length = 0;
  for (let index = 0; index < 5; index++) {
    const byte = block[index];
    if (byte === undefined) break;
    length += (byte & 0x7f) * 2 ** (7 * index);
    if (byte < 0x80) return length;
  }
  throw damaged("snappy", "a block without a readable length");
}
