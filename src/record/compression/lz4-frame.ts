/**
 * The LZ4 frame format (lz4/lz4 `doc/lz4_Frame_format.md`), as far as bounding a frame needs it:
 *
 *     magic 04 22 4D 18 | FLG | BD | content size, 8 bytes if FLG bit 3 | header checksum
 *     block: size uint32 LE, bit 31 set if stored as is | bytes | checksum, 4 bytes if FLG bit 4
 *     end mark 00 00 00 00 | content checksum, 4 bytes if FLG bit 2
 */
import { damaged, unfoldsTooFar } from "./codec.ts";

const MAGIC = 0x184d2204;
const STORED_BIT = 0x8000_0000;
const MATCH_BYTES_MIN = 4;

/** Positions and features that the frame's header tells. */
interface FrameHeader {
  readonly firstBlockAt: number;
  readonly hasBlockChecksums: boolean;
  readonly hasContentChecksum: boolean;
}

/**
 * Bytes that the one frame in `bytes` unfolds to, found by walking its blocks and their sequences without writing
 * any. Throws BATCH_TOO_LARGE as soon as that passes `bytesMax`, and INVALID_BATCH if the frame is cut off or
 * followed by other bytes.
 */
export function measureLz4Frame(bytes: Buffer, bytesMax: number): number {
  const header = readFrameHeader(bytes);
  let total = 0;
  let position = header.firstBlockAt;
  for (;;) {
    if (position + 4 > bytes.length) throw damaged("lz4", "the frame is cut off");
    const word = bytes.readUInt32LE(position);
    position += 4;
    if (word === 0) break;
    const isStored = word >= STORED_BIT;
    const end = position + (isStored ? word - STORED_BIT : word);
    if (end > bytes.length) throw damaged("lz4", "a block is cut off");
    total += isStored ? end - position : measureBlock(bytes, position, end, bytesMax - total);
    if (total > bytesMax) throw unfoldsTooFar("lz4", bytesMax);
    position = end + (header.hasBlockChecksums ? 4 : 0);
  }
  if (header.hasContentChecksum) position += 4;
  if (position > bytes.length) throw damaged("lz4", "the content checksum is cut off");
  if (position < bytes.length) throw damaged("lz4", `${bytes.length - position} bytes follow the frame`);
  return total;
}

function readFrameHeader(bytes: Buffer): FrameHeader {
  if (bytes.length < 7) throw damaged("lz4", "the frame header is cut off");
  if (bytes.readUInt32LE(0) !== MAGIC)
    throw damaged("lz4", "it does not begin with the frame's magic number");
  const flags = bytes[4]!;
  if (flags >> 6 !== 1) throw damaged("lz4", `frame version ${flags >> 6}, only 1 is known`);
  if ((flags & 0x01) !== 0) throw damaged("lz4", "the frame needs a dictionary");
  return {
    firstBlockAt: (flags & 0x08) !== 0 ? 15 : 7,
    hasBlockChecksums: (flags & 0x10) !== 0,
    hasContentChecksum: (flags & 0x04) !== 0,
  };
}

/** Sums the literal and match lengths of a block's sequences; stops early above `bytesMax`. */
function measureBlock(bytes: Buffer, start: number, end: number, bytesMax: number): number {
  let total = 0;
  let position = start;
  while (position < end && total <= bytesMax) {
    const token = bytes[position++]!;
    let literals = token >> 4;
    if (literals === 15) {
      let more: number;
      do {
        more = bytes[position++] ?? 0;
        literals += more;
      } while (more === 255);
    }
    position += literals;
    total += literals;
    if (position >= end) break; // the last sequence has literals only
    position += 2; // match offset
    let match = token & 0x0f;
    if (match === 15) {
      let more: number;
      do {
        more = bytes[position++] ?? 0;
        match += more;
      } while (more === 255);
    }
    total += match + MATCH_BYTES_MIN;
  }
  return total;
}
