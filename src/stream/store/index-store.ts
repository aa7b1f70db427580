/** One change of a write; without value it deletes. */
export interface IndexChange {
  readonly key: Buffer;
  readonly value?: Buffer;
}

/** Which keys to read, in the order of their bytes. */
export interface IndexRange {
  /** Inclusive. */
  readonly from: Buffer;
  /** Exclusive. */
  readonly to: Buffer;
  /** From the end. Default false. */
  readonly isReverse?: boolean;
  /** At least 1. */
  readonly limit: number;
}

/** A key with its value. */
export type IndexRow = readonly [key: Buffer, value: Buffer];

/**
 * Where the index of streams lies: an ordered map of bytes. What it holds is a view of the logs, so a store may come up
 * empty at any start. All methods but `open` and `close` may be called concurrently.
 */
export interface IndexStore {
  /** Opens or creates it; what cannot be read is thrown away, and `isNew` says that it is empty. Called once. */
  open(): Promise<{ readonly isNew: boolean }>;
  close(): Promise<void>;
  get(key: Buffer): Promise<Buffer | undefined>;
  /** In the order of the keys. */
  getMany(keys: readonly Buffer[]): Promise<(Buffer | undefined)[]>;
  range(range: IndexRange): Promise<IndexRow[]>;
  /**
   * Makes all changes or none, durable when it resolves. What a crash takes are the last writes, never one without
   * those behind it.
   */
  write(changes: readonly IndexChange[]): Promise<void>;
  /** Deletes the keys from `from` (inclusive) to `to` (exclusive), the first ones first; a crash may leave the rest. */
  clear(from: Buffer, to: Buffer): Promise<void>;
}
