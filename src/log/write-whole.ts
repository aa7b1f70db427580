import { type FileHandle, FileSystemError } from "../fs/index.ts";
import { passingRefusal } from "./disk-failures.ts";

/**
 * Writes all the buffers at `position`, the end of the file. If there is no space for all of them the file is cut
 * back, durably: otherwise a power loss could bring back a batch that was refused. Throws what the disk said; an
 * AggregateError if it refused to cut as well.
 */
export async function writeWhole(
  file: FileHandle,
  path: string,
  buffers: readonly Buffer[],
  position: number,
): Promise<void> {
  try {
    await writeAll(file, path, buffers, position);
  } catch (error) {
    if (passingRefusal(error, path) !== undefined) await cutBack(file, position, error);
    throw error;
  }
}

/** Writes all the buffers from `position` on, in as many writes as it takes. Throws what the disk said. */
export async function writeAll(
  file: FileHandle,
  path: string,
  buffers: readonly Buffer[],
  position: number,
): Promise<void> {
  let rest = buffers;
  for (let at = position; rest.length > 0; ) {
    const written = await file.write(rest, at);
    if (written === 0) throw new FileSystemError("ENOSPC", "write", path);
    at += written;
    rest = skipBytes(rest, written);
  }
}

/** A write that failed may have written something all the same: the size tells. */
async function cutBack(file: FileHandle, size: number, cause: unknown): Promise<void> {
  try {
    if ((await file.size()) === size) return;
    await file.truncate(size);
    await file.datasync();
  } catch (error) {
    throw new AggregateError([cause, error], "a failed write could not be rolled back");
  }
}

/** The buffers without their first `count` bytes. */
function skipBytes(buffers: readonly Buffer[], count: number): Buffer[] {
  const rest: Buffer[] = [];
  let skip = count;
  for (const buffer of buffers) {
    if (skip < buffer.length) rest.push(skip === 0 ? buffer : buffer.subarray(skip));
    skip = Math.max(0, skip - buffer.length);
  }
  return rest;
}
