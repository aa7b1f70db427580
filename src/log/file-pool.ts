import { assert, type Logger } from "../base/index.ts";
import { type FileHandle, type FileSystem, FileSystemError, type OpenMode } from "../fs/index.ts";

/**
 * Open files of all logs, bounded: the ones idle for longest are closed when there are more than `openFilesMax`, and
 * opened again when used. A file with unsynced bytes is pinned, because closing it could lose the news of a failed
 * write-back.
 */
export class FilePool {
  readonly #fs: FileSystem;
  readonly #openFilesMax: number;
  readonly #logger: Logger;
  /** Open files without users, oldest first. */
  readonly #idle = new Set<PooledFile>();
  #openCount = 0;

  constructor(fs: FileSystem, openFilesMax: number, logger: Logger) {
    this.#fs = fs;
    this.#logger = logger;
    this.#openFilesMax = openFilesMax;
  }

  get openCount(): number {
    return this.#openCount;
  }

  /** @internal More are open than ought to be: whoever becomes idle goes. */
  get isOverfull(): boolean {
    return this.#openCount > this.#openFilesMax;
  }

  /** A file that is opened on its first use. */
  file(path: string, mode: OpenMode): PooledFile {
    return new PooledFile(path, mode, this);
  }

  /** @internal */
  async open(path: string, mode: OpenMode): Promise<FileHandle> {
    this.#openCount++;
    try {
      await this.#evict();
      return await this.#fs.open(path, mode);
    } catch (error) {
      this.#openCount--;
      throw error;
    }
  }

  /** @internal */
  closed(): void {
    this.#openCount--;
  }

  /** @internal */
  setIdle(file: PooledFile, idle: boolean): void {
    if (idle) this.#idle.add(file);
    else this.#idle.delete(file);
  }

  async #evict(): Promise<void> {
    for (const file of this.#idle) {
      if (!this.isOverfull) return;
      await this.closeIdle(file);
    }
  }

  /**
   * @internal Closes a file to make room. It has no unsynced bytes, or it were pinned: a failure loses nothing, and
   * does not concern the one who needs the room.
   */
  async closeIdle(file: PooledFile): Promise<void> {
    try {
      await file.close();
    } catch (error) {
      if (!(error instanceof FileSystemError)) throw error;
      this.#logger.warn({ path: file.path, code: error.code }, "idle file not closed well");
    }
  }
}

/** A file that may be open or not. */
export class PooledFile {
  #path: string;
  readonly #mode: OpenMode;
  readonly #pool: FilePool;
  #opening: Promise<FileHandle> | undefined;
  /** Once it is open. */
  #handle: FileHandle | undefined;
  #users = 0;
  #isRetired = false;
  readonly #waitingForIdle: (() => void)[] = [];

  constructor(path: string, mode: OpenMode, pool: FilePool) {
    this.#path = path;
    this.#mode = mode;
    this.#pool = pool;
  }

  get path(): string {
    return this.#path;
  }

  /** Renames by `work`, while the file is kept open so that nobody looks for it under a name that it has not. */
  async rename(path: string, work: () => Promise<void>): Promise<void> {
    await this.use(async () => {
      await work();
      this.#path = path;
    });
  }

  /**
   * Runs the work on the open file, which stays open meanwhile; at once if it is open already. Throws FileSystemError
   * ENOENT once it is retired.
   */
  async use<T>(work: (handle: FileHandle) => Promise<T>): Promise<T> {
    if (this.#isRetired) throw new FileSystemError("ENOENT", "open", this.path);
    this.pin();
    try {
      return await work(this.#handle ?? (await this.#open()));
    } finally {
      this.unpin();
      if (this.#users === 0 && this.#pool.isOverfull) await this.#pool.closeIdle(this);
    }
  }

  async #open(): Promise<FileHandle> {
    this.#opening ??= this.#pool.open(this.path, this.#mode);
    const opening = this.#opening;
    try {
      this.#handle = await opening;
      return this.#handle;
    } catch (error) {
      if (this.#opening === opening) this.#opening = undefined;
      throw error;
    }
  }

  /** Keeps the file from being closed for idleness until `unpin`. */
  pin(): void {
    this.#users++;
    this.#pool.setIdle(this, false);
  }

  unpin(): void {
    assert(this.#users > 0, "a file is unpinned no more often than pinned");
    this.#users--;
    if (this.#users > 0) return;
    if (this.#opening !== undefined) this.#pool.setIdle(this, true);
    for (const wake of this.#waitingForIdle.splice(0)) wake();
  }

  /**
   * Takes no new users, because the file is to be deleted: opened again, it would hold its space on the disk for ever,
   * or be another that has its name by then. On return it may be renamed; who has it open reads on, and the last closes.
   */
  async retire(): Promise<void> {
    this.#isRetired = true;
    // It must keep its name while it is being opened.
    await this.#opening?.catch(() => undefined);
    void this.#pool.closeIdle(this);
  }

  /** Closes the file if it is open, once nobody uses it; a later use opens it again. */
  async close(): Promise<void> {
    while (this.#users > 0) await new Promise<void>((resolve) => this.#waitingForIdle.push(resolve));
    const opening = this.#opening;
    if (opening === undefined) return;
    this.#opening = undefined;
    this.#handle = undefined;
    this.#pool.setIdle(this, false);
    try {
      await (await opening).close();
    } finally {
      this.#pool.closed();
    }
  }
}
