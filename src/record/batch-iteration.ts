import { BATCH_HEADER_BYTES } from "./batch-format.ts";
import { invalidBatch } from "./batch-fault.ts";
import { readBatchSize } from "./batch-header.ts";

/**
 * The positions of the whole batches in a chunk, in order; a last batch that the chunk cut off is left out. Reads
 * length fields only, nothing is checked or copied. Throws INVALID_BATCH at a length that no batch has.
 */
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
