import { BATCH_HEADER_BYTES } from "./batch-format.ts";
import { invalidBatch } from "./batch-fault.ts";
import { readBatchSize } from "./batch-header.ts";

/**
 * Calls `visit` with the position and size of each whole batch in a chunk, in order, and returns where the last of
 * them ends: bytes after it are the beginning of a batch that the chunk cut off. Allocates nothing; reads length
 * fields only. Throws INVALID_BATCH at a length that no batch has.
 */
export function forEachBatch(
  chunk: Uint8Array,
  visit: (position: number, sizeInBytes: number) => void,
): number {
  let position = 0;
  for (;;) {
    const size = sizeOfWholeBatch(chunk, position);
    if (size === undefined) return position;
    visit(position, size);
    position += size;
  }
}

/** The positions of the whole batches in a chunk, for `for … of`; otherwise as forEachBatch. */
export function* iterateBatches(chunk: Uint8Array): Generator<number, void, undefined> {
  let position = 0;
  for (;;) {
    const size = sizeOfWholeBatch(chunk, position);
    if (size === undefined) return;
    yield position;
    position += size;
  }
}

function sizeOfWholeBatch(chunk: Uint8Array, position: number): number | undefined {
  const size = readBatchSize(chunk, position);
  if (size === undefined) return undefined;
  if (size < BATCH_HEADER_BYTES) {
    const problem = `it makes the batch ${size} bytes, at least ${BATCH_HEADER_BYTES} are needed`;
    throw invalidBatch(problem, { field: "batch length", position });
  }
  return position + size > chunk.length ? undefined : size;
}
