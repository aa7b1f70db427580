import { READ_CHUNK_BYTES_MAX } from "../base/index.ts";
import { findBatch } from "./batch-search.ts";
import type { Segment } from "./segment.ts";
import type { LogEnvironment } from "./types.ts";
import { writeAll } from "./write-whole.ts";

/** Marks a copy of bytes that recovery cut although whole batches lay among them. */
const TORN_SUFFIX = ".torn";

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
  // A search that was given up counts as one that found something.
  if ((await segment.log.use((file) => findBatch(file, from, end))) === undefined) return undefined;
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
