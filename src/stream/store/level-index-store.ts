import { Level } from "level";
import { crc32c, type Logger } from "../../base/index.ts";
import { type FileSystem, isMissing } from "../../fs/index.ts";
import { IndexDamage } from "./index-damage.ts";
import { IndexStoreError } from "./index-store-error.ts";
import type { IndexChange, IndexRange, IndexRow, IndexStore } from "./index-store.ts";

type Database = Level<Buffer, Buffer>;

/** LevelDB's own cache of blocks, and what it gathers in memory before it writes a table. */
const CACHE_BYTES = 8 * 1_048_576;
const WRITE_BUFFER_BYTES = 4 * 1_048_576;
/** A file in the folder, which LevelDB passes over. */
const DAMAGE_MARK = "DAMAGED";
const CRC_BYTES = 4;
const CLEARED_AT_ONCE = 4_096;
const ENCODINGS = { keyEncoding: "buffer", valueEncoding: "buffer" } as const;

/** Where the database lies. */
export interface LevelIndexStoreOptions {
  /** Folder of the database, created if absent. One process at a time: whoever has the data folder. */
  readonly path: string;
  /** The disk that it lies on, to remove a damaged one. */
  readonly fs: FileSystem;
  readonly logger: Logger;
}

/**
 * The index in LevelDB. Every write is synced: LevelDB may lose the end of one write-ahead file in a power loss and
 * keep what it wrote to the next, and an index with such a hole would pass for whole. After a write that failed the
 * database is opened anew, because its write-ahead file may be out of step.
 */
export class LevelIndexStore implements IndexStore {
  readonly #options: LevelIndexStoreOptions;
  #isOpen = false;
  #database: Promise<Database> | undefined;

  constructor(options: LevelIndexStoreOptions) {
    this.#options = options;
  }

  async open(): Promise<{ readonly isNew: boolean }> {
    try {
      return { isNew: await this.#openChecked() };
    } catch (error) {
      throw new IndexStoreError(error);
    }
  }

  /** Opens it and returns whether it is empty. */
  async #openChecked(): Promise<boolean> {
    if (await this.#isMarked()) await this.#remove("damage was met while it was read");
    let database = await this.#open().catch((error: unknown) => this.#startOver(error));
    let rows: unknown[];
    try {
      rows = await database.iterator({ limit: 1 }).all();
    } catch (error) {
      await database.close();
      database = await this.#startOver(error);
      rows = [];
    }
    this.#isOpen = true;
    this.#database = Promise.resolve(database);
    return rows.length === 0;
  }

  async close(): Promise<void> {
    this.#isOpen = false;
    const database = this.#database;
    this.#database = undefined;
    // One that could not be opened again has been told of by the write before.
    await (await database?.catch(() => undefined))?.close();
  }

  async get(key: Buffer): Promise<Buffer | undefined> {
    return this.#with(async (database) => unseal(key, await database.get(key, ENCODINGS)));
  }

  async getMany(keys: readonly Buffer[]): Promise<(Buffer | undefined)[]> {
    return this.#with(async (database) => {
      const values = await database.getMany([...keys], ENCODINGS);
      return values.map((value, index) => unseal(keys[index]!, value));
    });
  }

  async range({ from, to, isReverse = false, limit }: IndexRange): Promise<IndexRow[]> {
    const options = { gte: from, lt: to, reverse: isReverse, limit, ...ENCODINGS };
    return this.#with(async (database) => {
      const rows = await database.iterator(options).all();
      return rows.map(([key, value]) => [key, unseal(key, value)!] as const);
    });
  }

  async write(changes: readonly IndexChange[]): Promise<void> {
    const operations = changes.map(({ key, value }) =>
      value === undefined
        ? ({ type: "del", key } as const)
        : ({ type: "put", key, value: seal(key, value) } as const),
    );
    await this.#with(async (database) => {
      try {
        await database.batch(operations, { sync: true, ...ENCODINGS });
      } catch (error) {
        await this.#disconnect(database);
        throw error;
      }
    });
  }

  async clear(from: Buffer, to: Buffer): Promise<void> {
    // Synced too, and so in pieces: what is written behind it must not come upon what it removed.
    await this.#with(async (database) => {
      const range = { gte: from, lt: to, limit: CLEARED_AT_ONCE, ...ENCODINGS };
      for (let isMore = true; isMore; ) {
        const keys = await database.keys(range).all();
        const deletions = keys.map((key) => ({ type: "del", key }) as const);
        if (deletions.length > 0) await database.batch(deletions, { sync: true, ...ENCODINGS });
        isMore = keys.length === CLEARED_AT_ONCE;
      }
    });
  }

  async #with<T>(work: (database: Database) => Promise<T>): Promise<T> {
    if (!this.#isOpen) throw new TypeError("the stream index is not open");
    try {
      return await work(await this.#connected());
    } catch (error) {
      if (isDamage(error)) await this.#mark(error);
      throw new IndexStoreError(error);
    }
  }

  async #open(): Promise<Database> {
    const database = new Level<Buffer, Buffer>(this.#options.path, {
      ...ENCODINGS,
      cacheSize: CACHE_BYTES,
      writeBufferSize: WRITE_BUFFER_BYTES,
    });
    await database.open();
    return database;
  }

  /** A damaged database is a lost view: it is rebuilt from the logs. Any other failure is the caller's to know. */
  async #startOver(error: unknown): Promise<Database> {
    if (!isDamage(error)) throw error;
    await this.#remove(String(error));
    return this.#open();
  }

  async #remove(error: string): Promise<void> {
    const { path, fs, logger } = this.#options;
    logger.warn({ path, error }, "stream index damaged; it is built again from the logs");
    await fs.remove(path);
  }

  /** Sees to it that the next start begins anew: now everybody stands on what the database held. */
  async #mark(error: unknown): Promise<void> {
    const { path, fs, logger } = this.#options;
    const damage = { path, error: String(error) };
    logger.error(damage, "stream index damaged; restart the broker to have it built again");
    try {
      await (await fs.open(`${path}/${DAMAGE_MARK}`, "read-write-or-create")).close();
    } catch (failure) {
      logger.error(
        { path, error: String(failure) },
        "damage of the stream index not noted; remove the folder",
      );
    }
  }

  async #isMarked(): Promise<boolean> {
    const { path, fs } = this.#options;
    try {
      return (await fs.list(path)).some(({ name }) => name === DAMAGE_MARK);
    } catch (error) {
      if (isMissing(error)) return false;
      throw error;
    }
  }

  async #connected(): Promise<Database> {
    this.#database ??= this.#open();
    const connecting = this.#database;
    try {
      return await connecting;
    } catch (error) {
      if (this.#database === connecting) this.#database = undefined;
      throw error;
    }
  }

  /** Writes may fail together; the first does it for all. */
  async #disconnect(failed: Database): Promise<void> {
    if (!this.#isOpen || (await this.#database) !== failed) return;
    const closing = failed.close();
    this.#database = closing.then(() => this.#open());
    await this.#database.catch(() => undefined);
  }
}

/**
 * A value with the CRC-32C of key and value behind it, u32: LevelDB looks at its own checksums only where it merges
 * tables, not where it reads them.
 */
function seal(key: Buffer, value: Buffer): Buffer {
  const sealed = Buffer.allocUnsafe(value.length + CRC_BYTES);
  value.copy(sealed);
  sealed.writeUInt32BE(crc32c(value, crc32c(key)), value.length);
  return sealed;
}

function unseal(key: Buffer, sealed: Buffer | undefined): Buffer | undefined {
  if (sealed === undefined) return undefined;
  const length = sealed.length - CRC_BYTES;
  const value = sealed.subarray(0, Math.max(0, length));
  if (length >= 0 && sealed.readUInt32BE(length) === crc32c(value, crc32c(key))) return value;
  throw new IndexDamage(`the value of key ${key.toString("hex")} is not what was written`);
}

/** LevelDB says so, or misses a file of its own, for which it has no other word than that of the system. */
function isDamage(thrown: unknown): boolean {
  if (!(thrown instanceof Error)) return false;
  if (thrown instanceof IndexDamage) return true;
  const code = "code" in thrown ? thrown.code : undefined;
  const isFileMissing = code === "LEVEL_IO_ERROR" && thrown.message.includes("No such file");
  return code === "LEVEL_CORRUPTION" || isFileMissing || isDamage(thrown.cause);
}
