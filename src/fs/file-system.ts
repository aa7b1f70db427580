/**
 * The disk as the core sees it. Two implementations pass one suite: `NodeFileSystem` (the machine's files) and
 * `MemoryFileSystem` (with faults and crashes, for tests and `startBroker({ memory: true })`).
 *
 * Assumptions, as POSIX and ext4/XFS give them:
 * - Bytes written are readable at once by this process; they survive power loss only after `datasync`.
 * - A name (created, renamed, removed) survives power loss only after `syncDirectory` of its folder.
 * - A write may be short or torn anywhere; a crash may keep any part of what was not synced, in any order.
 * - `rename` replaces atomically. After a failed `datasync` the state of unsynced bytes is unknown for good.
 *
 * Failures are thrown as FileSystemError with the system's code (ENOSPC, EIO, ENOENT, …); nothing is retried here.
 * Paths are joined with "/"; the root belongs to the caller.
 */
export interface FileSystem {
  /** Opens a file. "create" fails with EEXIST if it is there; the OpenMode says the rest. */
  open(path: string, mode: OpenMode): Promise<FileHandle>;
  /** Creates a folder and its missing parents; nothing happens if it exists. Not durable before syncDirectory. */
  makeDirectory(path: string): Promise<void>;
  /** The entries of a folder, sorted by name. */
  list(path: string): Promise<DirectoryEntry[]>;
  /** Renames a file or folder, replacing a file that is there. Not durable before syncDirectory. */
  rename(from: string, to: string): Promise<void>;
  /** Removes a file, or a folder with all in it. Nothing happens if it is absent. */
  remove(path: string): Promise<void>;
  /** Size in bytes, or undefined if there is no such file. */
  fileSize(path: string): Promise<number | undefined>;
  /** Whole content; for small files. Fails with ENOENT, and with EFBIG above `bytesMax`. */
  readFile(path: string, bytesMax: number): Promise<Buffer>;
  /** Makes the names of a folder durable. */
  syncDirectory(path: string): Promise<void>;
}

/** read: must exist. read-write: must exist. create: must not exist. read-write-or-create: either. */
export type OpenMode = "read" | "read-write" | "create" | "read-write-or-create";

/** A name in a folder. */
export interface DirectoryEntry {
  readonly name: string;
  /** Symbolic links and devices are "other" and never followed. */
  readonly kind: "file" | "directory" | "other";
}

/** An open file. Methods may be called concurrently; the caller orders writes to the same place. */
export interface FileHandle {
  /**
   * Reads up to `length` bytes at `position` into `target` from `targetOffset` and returns how many; fewer only at
   * the end of the file.
   */
  read(target: Uint8Array, targetOffset: number, length: number, position: number): Promise<number>;
  /**
   * Writes the buffers one after another at `position` in one system call where possible, and returns the bytes
   * written, which may be fewer than asked. The buffers must not change until then. At most 1,024 buffers.
   */
  write(buffers: readonly Uint8Array[], position: number): Promise<number>;
  /** Makes the bytes (and the size) durable. */
  datasync(): Promise<void>;
  /** Cuts or extends with zeros. */
  truncate(size: number): Promise<void>;
  /** Size in bytes. */
  size(): Promise<number>;
  /** Closes; the handle is of no use afterwards. */
  close(): Promise<void>;
}

/** A refusal of the operating system. */
export class FileSystemError extends Error {
  override readonly name = "FileSystemError";
  /** Such as "ENOSPC". */
  readonly code: string;
  /** Such as "write". */
  readonly operation: string;
  readonly path: string;

  constructor(code: string, operation: string, path: string, cause?: unknown) {
    super(`${operation} ${path}: ${code}`, cause === undefined ? undefined : { cause });
    this.code = code;
    this.operation = operation;
    this.path = path;
  }
}

/** True if the error says that there is no space (or quota, or inodes) left. */
export function isOutOfSpace(error: unknown): boolean {
  return error instanceof FileSystemError && (error.code === "ENOSPC" || error.code === "EDQUOT");
}

/** True if the error says that there is no such file or folder. */
export function isMissing(error: unknown): boolean {
  return error instanceof FileSystemError && error.code === "ENOENT";
}
