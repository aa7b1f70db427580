/** The store of the index failed: the disk, most likely. The logs are untouched by that. */
export class IndexStoreError extends Error {
  override readonly name = "IndexStoreError";

  constructor(cause: unknown) {
    super(`the store of the stream index failed: ${textOf(cause)}`, { cause });
  }
}

function textOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause === undefined ? error.message : `${error.message}: ${textOf(error.cause)}`;
}
