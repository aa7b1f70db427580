/** Another process, or another store of this one, has the metadata open. */
export class StoreLockedError extends Error {
  override readonly name = "StoreLockedError";
  /** Folder of the store. */
  readonly path: string;

  constructor(path: string, cause?: unknown) {
    const remedy = "stop the other broker, or give this one a data folder of its own";
    super(`the metadata in ${path} is in use by another broker; ${remedy}`, { cause });
    this.path = path;
  }
}
