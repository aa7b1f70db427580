import { BATCH_BYTES_MAX, READ_CHUNK_BYTES_MAX } from "../base/index.ts";
import type { FileHandle } from "../fs/index.ts";
import { BATCH_HEADER_BYTES, probeBatch } from "../record/index.ts";

/** Most bytes whose checksum is computed in one search: about a tenth of a second. */
const PROBED_BYTES_MAX = 256 * 1_048_576;

/** Where a batch with a right checksum begins; `isSure` is false where the search was given up instead. */
export interface FoundBatch {
  readonly position: number;
  readonly isSure: boolean;
}

/**
 * Searches the bytes from `from` up to `end` (positions in the file) for the first whole and right batch; undefined if
 * there is none. Gives up where so many might be one that to look at them all would take too long: records may hold
 * anything, batch headers by the thousand too.
 */
export async function findBatch(
  file: FileHandle,
  from: number,
  end: number,
): Promise<FoundBatch | undefined> {
  let bytesLeft = PROBED_BYTES_MAX;
  // Windows overlap by the largest batch, so that none is missed at a seam.
  const window = Buffer.allocUnsafe(Math.min(end - from, READ_CHUNK_BYTES_MAX + BATCH_BYTES_MAX));
  for (let position = from; position < end; position += READ_CHUNK_BYTES_MAX) {
    const read = await file.read(window, 0, Math.min(window.length, end - position), position);
    const starts = Math.min(READ_CHUNK_BYTES_MAX, read - BATCH_HEADER_BYTES + 1);
    for (let at = 0; at < starts; at++) {
      // Cheap tests first: magic 2 and a plausible length; the CRC decides.
      if (window[at + 16] !== 2 || window.readInt32BE(at + 8) < BATCH_HEADER_BYTES - 12) continue;
      const size = window.readInt32BE(at + 8) + 12;
      if (size > BATCH_BYTES_MAX || at + size > read) continue;
      bytesLeft -= size;
      if (bytesLeft < 0) return { position: position + at, isSure: false };
      if (probeBatch(window, at, read).ok) return { position: position + at, isSure: true };
    }
  }
  return undefined;
}
