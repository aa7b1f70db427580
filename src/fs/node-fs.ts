/**
 * The machine's files; this file is the only importer of `node:fs`. Every call runs on libuv's thread pool, which
 * has 4 threads unless UV_THREADPOOL_SIZE says otherwise before its first use: no more fsyncs than that run at once,
 * and reads wait behind them.
 */
import { constants, type Dirent } from "node:fs";
import * as files from "node:fs/promises";
import {
  type DirectoryEntry,
  type FileHandle,
  type FileSystem,
  FileSystemError,
  type OpenMode,
} from "./file-system.ts";
import { checkPosition, checkRead, checkWrite } from "./ranges.ts";

const { O_RDONLY, O_RDWR, O_CREAT, O_EXCL } = constants;

const FLAGS: Readonly<Record<OpenMode, number>> = {
  read: O_RDONLY,
  "read-write": O_RDWR,
  create: O_RDWR | O_CREAT | O_EXCL,
  "read-write-or-create": O_RDWR | O_CREAT,
};

/** The real disk. Paths are used as they are; stateless, so one instance serves the whole process. */
export class NodeFileSystem implements FileSystem {
  async open(path: string, mode: OpenMode): Promise<FileHandle> {
    return new NodeFileHandle(path, await translate("open", path, files.open(path, FLAGS[mode])));
  }

  async makeDirectory(path: string): Promise<void> {
    await translate("makeDirectory", path, makeFolders(path));
  }

  async list(path: string): Promise<DirectoryEntry[]> {
    const found = await translate("list", path, files.readdir(path, { withFileTypes: true }));
    const entries = found.map((entry) => ({ name: entry.name, kind: kindOf(entry) }));
    return entries.sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  async rename(from: string, to: string): Promise<void> {
    await translate("rename", from, files.rename(from, to));
  }

  async remove(path: string): Promise<void> {
    await translate("remove", path, files.rm(path, { recursive: true, force: true }));
  }

  async fileSize(path: string): Promise<number | undefined> {
    try {
      const stats = await files.stat(path);
      return stats.isFile() ? stats.size : undefined;
    } catch (thrown) {
      const error = toFileSystemError("fileSize", path, thrown);
      if (error instanceof FileSystemError && error.code === "ENOENT") return undefined;
      throw error;
    }
  }

  async readFile(path: string, bytesMax: number): Promise<Buffer> {
    const handle = await this.open(path, "read");
    try {
      const size = await handle.size();
      if (size > bytesMax) throw new FileSystemError("EFBIG", "readFile", path);
      const content = Buffer.allocUnsafe(size);
      return content.subarray(0, await handle.read(content, 0, size, 0));
    } finally {
      await handle.close();
    }
  }

  async syncDirectory(path: string): Promise<void> {
    if (process.platform === "win32") return; // folders cannot be opened there; NTFS journals its names
    const folder = await translate("syncDirectory", path, files.open(path, O_RDONLY | constants.O_DIRECTORY));
    try {
      await translate("syncDirectory", path, folder.sync());
    } finally {
      await folder.close();
    }
  }
}

/**
 * A file descriptor. `close` waits for the operations under way: closed earlier, the number of the descriptor could
 * be given to another file while a read of this one still sits in the thread pool's queue.
 */
class NodeFileHandle implements FileHandle {
  readonly #path: string;
  readonly #file: files.FileHandle;
  #underWay = 0;
  #closing = false;
  #idle: (() => void) | undefined;

  constructor(path: string, file: files.FileHandle) {
    this.#path = path;
    this.#file = file;
  }

  async read(target: Uint8Array, targetOffset: number, length: number, position: number): Promise<number> {
    checkRead(target, targetOffset, length, position);
    let done = 0;
    while (done < length) {
      const reading = () => this.#file.read(target, targetOffset + done, length - done, position + done);
      const { bytesRead } = await this.#run("read", reading);
      if (bytesRead === 0) break;
      done += bytesRead;
    }
    return done;
  }

  async write(buffers: readonly Uint8Array[], position: number): Promise<number> {
    checkWrite(buffers, position);
    const only = buffers.length === 1 ? buffers[0] : undefined;
    const { bytesWritten } = await this.#run<{ bytesWritten: number }>("write", () =>
      only === undefined
        ? this.#file.writev(buffers, position)
        : this.#file.write(only, 0, only.byteLength, position),
    );
    return bytesWritten;
  }

  datasync(): Promise<void> {
    return this.#run("datasync", () => this.#file.datasync());
  }

  async truncate(size: number): Promise<void> {
    checkPosition(size);
    await this.#run("truncate", () => this.#file.truncate(size));
  }

  async size(): Promise<number> {
    return (await this.#run("size", () => this.#file.stat())).size;
  }

  async close(): Promise<void> {
    if (this.#closing) throw new FileSystemError("EBADF", "close", this.#path);
    this.#closing = true;
    if (this.#underWay > 0) await new Promise<void>((resolve) => (this.#idle = resolve));
    await translate("close", this.#path, this.#file.close());
  }

  async #run<Result>(operation: string, start: () => Promise<Result>): Promise<Result> {
    if (this.#closing) throw new FileSystemError("EBADF", operation, this.#path);
    this.#underWay++;
    try {
      return await start();
    } catch (thrown) {
      throw toFileSystemError(operation, this.#path, thrown);
    } finally {
      this.#underWay--;
      if (this.#underWay === 0) this.#idle?.();
    }
  }
}

async function translate<Result>(operation: string, path: string, running: Promise<Result>): Promise<Result> {
  try {
    return await running;
  } catch (thrown) {
    throw toFileSystemError(operation, path, thrown);
  }
}

/** Refusals of the system carry a number and a code; anything else is a mistake of the caller and passes as it is. */
function toFileSystemError(operation: string, path: string, thrown: unknown): unknown {
  if (!(thrown instanceof Error) || !("code" in thrown) || !("errno" in thrown)) return thrown;
  return new FileSystemError(String(thrown.code), operation, path, thrown);
}

function kindOf(entry: Dirent): DirectoryEntry["kind"] {
  if (entry.isFile()) return "file";
  return entry.isDirectory() ? "directory" : "other";
}

/** Step by step, because mkdir's own recursion never ends where no folder can be made (below /proc, for one). */
async function makeFolders(path: string): Promise<void> {
  const parent = path.slice(0, Math.max(1, path.lastIndexOf("/")));
  try {
    await files.mkdir(path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "EEXIST" && (await files.stat(path)).isDirectory()) return;
    if (code !== "ENOENT" || !path.includes("/") || (await files.stat(parent).catch(() => undefined)))
      throw error;
    await makeFolders(parent);
    await makeFolders(path);
  }
}
