import { Level } from "level";
import { StoreDamagedError } from "./store-damaged-error.ts";
import { StoreFailedError } from "./store-failed-error.ts";
import { StoreLockedError } from "./store-locked-error.ts";

/** Inside the database's folder, so that a copy or a move of one takes the other along; LevelDB passes it over. */
const LOCK_FOLDER = "lock";

/** One change of a write. */
export type Change =
  | { readonly type: "put"; readonly key: string; readonly value: string }
  | { readonly type: "del"; readonly key: string };

/**
 * LevelDB with texts for keys and values, synced writes and our errors. Its log may be left out of step by a write
 * that failed half-way (a full disk): what is written behind it would be lost at the next start. So a failed write
 * makes the next call open the database anew, which reads the log back and starts a fresh one. LevelDB's own lock is
 * free in between, so another one, on an empty database in the folder `lock`, is held from `open` to `close`.
 */
export class LevelDatabase {
  readonly #path: string;
  /** Holds nothing but its lock. */
  #lock: Level<string, string> | undefined;
  #level: Level<string, string> | undefined;
  #isOpen = false;

  constructor(path: string) {
    this.#path = path;
  }

  /** Opens or creates the database. Throws StoreLockedError, StoreDamagedError or StoreFailedError. */
  async open(): Promise<void> {
    if (this.#isOpen) throw new StoreLockedError(this.#path);
    const lock = await this.#connect(`${this.#path}/${LOCK_FOLDER}`);
    try {
      this.#level = await this.#connect(this.#path);
    } catch (error) {
      await lock.close();
      throw error;
    }
    this.#lock = lock;
    this.#isOpen = true;
  }

  async close(): Promise<void> {
    this.#isOpen = false;
    const lock = this.#lock;
    this.#lock = undefined;
    try {
      await this.#disconnect();
    } finally {
      await lock?.close();
    }
  }

  async get(key: string): Promise<string | undefined> {
    const level = await this.#connected();
    return this.#translate("read", level.get(key));
  }

  /** Keys from `start` (inclusive) to `end` (exclusive) in order, with their values. */
  async range(start: string, end: string): Promise<[key: string, value: string][]> {
    const level = await this.#connected();
    return this.#translate("read", level.iterator({ gte: start, lt: end }).all());
  }

  async isEmpty(): Promise<boolean> {
    const level = await this.#connected();
    return (await this.#translate("read", level.keys({ limit: 1 }).all())).length === 0;
  }

  /** Makes all changes or none, durable when it returns. */
  async write(changes: Change[]): Promise<void> {
    const level = await this.#connected();
    try {
      await this.#translate("written", level.batch(changes, { sync: true }));
    } catch (error) {
      await this.#disconnect();
      throw error;
    }
  }

  async #connected(): Promise<Level<string, string>> {
    if (!this.#isOpen) throw new TypeError("the metadata store is not open");
    this.#level ??= await this.#connect(this.#path);
    return this.#level;
  }

  async #connect(path: string): Promise<Level<string, string>> {
    const level = new Level<string, string>(path);
    await this.#translate("opened", level.open());
    return level;
  }

  async #disconnect(): Promise<void> {
    const level = this.#level;
    this.#level = undefined;
    await level?.close();
  }

  async #translate<Result>(doing: string, running: Promise<Result>): Promise<Result> {
    try {
      return await running;
    } catch (thrown) {
      const codes = codesOf(thrown);
      if (codes.includes("LEVEL_LOCKED")) throw new StoreLockedError(this.#path, thrown);
      if (!codes.includes("LEVEL_CORRUPTION")) throw new StoreFailedError(this.#path, doing, thrown);
      const damage = "LevelDB finds it damaged; restore this folder from a backup";
      throw new StoreDamagedError(this.#path, damage, { cause: thrown });
    }
  }
}

/** The codes of an error and of all its causes: `level` wraps what LevelDB said. */
function codesOf(thrown: unknown): unknown[] {
  if (!(thrown instanceof Error)) return [];
  return ["code" in thrown ? thrown.code : undefined, ...codesOf(thrown.cause)];
}
