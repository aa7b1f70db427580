/** The system refused to open, read or write the store. */
export class StoreFailedError extends Error {
  override readonly name = "StoreFailedError";
  readonly path: string;
  /** The disk, or its quota, is full; the call may succeed later. */
  readonly isOutOfSpace: boolean;

  constructor(path: string, doing: string, cause: unknown) {
    const reason = textOf(cause);
    super(`the metadata in ${path} could not be ${doing}: ${reason}`, { cause });
    this.path = path;
    this.isOutOfSpace = /no space left|quota exceeded/i.test(reason);
  }
}

/** The innermost text: LevelDB's own words lie under two layers of wrapping. */
function textOf(thrown: unknown): string {
  if (!(thrown instanceof Error)) return String(thrown);
  return thrown.cause instanceof Error ? textOf(thrown.cause) : thrown.message;
}
