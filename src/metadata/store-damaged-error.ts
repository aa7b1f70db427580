/** What the store holds cannot be understood: damage, or the work of a newer version. */
export class StoreDamagedError extends Error {
  override readonly name = "StoreDamagedError";
  readonly path: string;
  /** The key whose value is damaged; undefined if the store itself is. */
  readonly key: string | undefined;

  constructor(path: string, damage: string, context: { key?: string; cause?: unknown } = {}) {
    const where = context.key === undefined ? path : `${path}, key "${context.key}"`;
    super(`the metadata in ${where} cannot be used: ${damage}`, { cause: context.cause });
    this.path = path;
    this.key = context.key;
  }
}
