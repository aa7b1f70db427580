import { BATCH_BYTES_MAX, READ_CHUNK_BYTES_MAX } from "../base/index.ts";
import { BATCH_HEADER_BYTES, probeBatch } from "../record/index.ts";
import type { Segment } from "./segment.ts";
import type { LogEnvironment } from "./types.ts";
import { writeAll } from "./write-whole.ts";

/** Marks a copy of bytes that recovery cut although whole batches lay among them. */
const TORN_SUFFIX = ".torn";
/** Most bytes whose checksum is computed in search of one: about a tenth of a second. */
const PROBED_BYTES_MAX = 256 * 1_048_576;

/**
 * Looks at the tail that is about to be cut. Bytes that hold a whole batch further on may be of use to somebody (the
 * disk may have kept a later write and lost an earlier one), so they are copied to `<segment>.<position>.torn`,
 * durably, and its name is returned. An ordinary torn write leaves no such batch and no copy.
 */
export async function keepTornTail(
  env: LogEnvironment,
  segment: Segment,
  from: number,
  end: number,
): Promise<string | undefined> {
  if (!(await holdsWholeBatch(segment, from, end))) return undefined;
  const path = `${segment.log.path}.${from}${TORN_SUFFIX}`;
  const folder = path.slice(0, path.lastIndexOf("/"));
  await env.fs.remove(path);
  const copy = await env.fs.open(path, "create");
  try {
    await segment.log.use(async (file) => {
      const buffer = Buffer.allocUnsafe(READ_CHUNK_BYTES_MAX);
      for (let position = from; position < end; ) {
        const read = await file.read(buffer, 0, Math.min(buffer.length, end - position), position);
        if (read === 0) break;
        await writeAll(copy, path, [buffer.subarray(0, read)], position - from);
        position += read;
      }
    });
    await copy.datasync();
  } finally {
    await copy.close();
  }
  await env.fs.syncDirectory(folder);
  return path.slice(folder.length + 1);
}

/**
 * True if a batch with a right checksum begins anywhere in the bytes, or if so many might that to look at them all
 * would take too long: records may hold anything, batch headers by the thousand too.
 */
async function holdsWholeBatch(segment: Segment, from: number, end: number): Promise<boolean> {
  let bytesLeft = PROBED_BYTES_MAX;
  // Windows overlap by the largest batch, so that none is missed at a seam.
  const window = Buffer.allocUnsafe(Math.min(end - from, READ_CHUNK_BYTES_MAX + BATCH_BYTES_MAX));
  return segment.log.use(async (file) => {
    for (let position = from; position < end; position += READ_CHUNK_BYTES_MAX) {
      const read = await file.read(window, 0, Math.min(window.length, end - position), position);
      const starts = Math.min(READ_CHUNK_BYTES_MAX, read - BATCH_HEADER_BYTES + 1);
      for (let at = 0; at < starts; at++) {
        // Cheap tests first: magic 2 and a plausible length; the CRC decides.
        if (window[at + 16] !== 2 || window.readInt32BE(at + 8) < BATCH_HEADER_BYTES - 12) continue;
        const size = window.readInt32BE(at + 8) + 12;
        if (size > BATCH_BYTES_MAX || at + size > read) continue;
        bytesLeft -= size;
        if (bytesLeft < 0 || probeBatch(window, at, read).ok) return true;
      }
    }
    return false;
  });
}
