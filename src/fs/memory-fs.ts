import type { Random } from "../base/index.ts";
import { type CrashOptions, survivingFolder } from "./crash.ts";
import {
  type DirectoryEntry,
  type FileHandle,
  type FileSystem,
  FileSystemError,
  type OpenMode,
} from "./file-system.ts";
import { MemoryFileHandle } from "./memory-file-handle.ts";
import { MemoryFile, MemoryFolder, type MemoryNode, type Space } from "./memory-nodes.ts";

/** How a disk in memory behaves. */
export interface MemoryFileSystemOptions {
  /** Remembers what is not synced, so that `crash` can lose it. Doubles the memory. Default false. */
  readonly crashModel?: boolean;
  /** Most bytes of all files together; beyond, writes are short and then fail with ENOSPC. Default: no bound. */
  readonly capacityBytes?: number;
}

/**
 * Files in memory, for brokers without a disk and for tests. Paths are slash-separated from one root, which always
 * exists; "data/x" and "/data/x" are the same.
 */
export class MemoryFileSystem implements FileSystem {
  readonly #space: Space;
  #root: MemoryFolder;

  constructor(options: MemoryFileSystemOptions = {}) {
    const { crashModel = false, capacityBytes = Number.POSITIVE_INFINITY } = options;
    this.#space = { capacityBytes, usedBytes: 0, crashModel };
    this.#root = new MemoryFolder(this.#space);
  }

  /** Most bytes of all files together; may be changed at any time, also below what is used. */
  get capacityBytes(): number {
    return this.#space.capacityBytes;
  }

  set capacityBytes(bytes: number) {
    this.#space.capacityBytes = bytes;
  }

  /** Bytes of all files together, holes included. */
  get usedBytes(): number {
    return this.#space.usedBytes;
  }

  /**
   * A disk of its own as the machine would find it after a crash at this moment; all on it is durable. This one is
   * left as it is, so that one moment can be crashed many ways. The same seed after the same operations gives the
   * same disk. Throws TypeError for a power loss without the crash model.
   */
  crash(random: Random, options: CrashOptions = {}): MemoryFileSystem {
    if (!this.#space.crashModel && options.mode !== "process") {
      throw new TypeError("a power loss needs new MemoryFileSystem({ crashModel: true })");
    }
    const after = new MemoryFileSystem(this.#space);
    after.#space.usedBytes = 0;
    after.#root = survivingFolder(this.#root, after.#space, random, options);
    return after;
  }

  async open(path: string, mode: OpenMode): Promise<FileHandle> {
    const { folder, name } = this.#parent("open", path);
    const present = folder.names.get(name);
    if (present !== undefined && mode === "create") throw new FileSystemError("EEXIST", "open", path);
    if (present?.kind === "directory") throw new FileSystemError("EISDIR", "open", path);
    if (present !== undefined) return new MemoryFileHandle(path, present, mode !== "read");
    if (mode === "read" || mode === "read-write") throw new FileSystemError("ENOENT", "open", path);
    const file = new MemoryFile(this.#space);
    folder.change({ added: { name, node: file } });
    return new MemoryFileHandle(path, file, true);
  }

  async makeDirectory(path: string): Promise<void> {
    let folder = this.#root;
    for (const name of namesOf(path)) {
      const present = folder.names.get(name);
      if (present?.kind === "file") throw new FileSystemError("EEXIST", "makeDirectory", path);
      const child = present ?? new MemoryFolder(this.#space);
      if (present === undefined) folder.change({ added: { name, node: child } });
      folder = child;
    }
  }

  async list(path: string): Promise<DirectoryEntry[]> {
    const { names } = this.#folder("list", path);
    const entries = Array.from(names, ([name, node]): DirectoryEntry => ({ name, kind: node.kind }));
    return entries.sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  async rename(from: string, to: string): Promise<void> {
    const source = this.#parent("rename", from);
    const node = source.folder.names.get(source.name);
    if (node === undefined) throw new FileSystemError("ENOENT", "rename", from);
    if (node.kind === "directory" && `${namesOf(to).join("/")}/`.startsWith(`${namesOf(from).join("/")}/`)) {
      if (namesOf(to).length === namesOf(from).length) return;
      throw new FileSystemError("EINVAL", "rename", from);
    }
    const target = this.#parent("rename", to);
    const replaced = target.folder.names.get(target.name);
    if (replaced === node) return;
    if (replaced !== undefined) checkReplaceable(node, replaced, from);
    if (replaced?.kind === "file") replaced.removed();
    const added = { name: target.name, node };
    if (source.folder === target.folder) return source.folder.change({ removed: source.name, added });
    target.folder.change({ added });
    source.folder.change({ removed: source.name });
  }

  async remove(path: string): Promise<void> {
    try {
      const { folder, name } = this.#parent("remove", path);
      if (folder.names.has(name)) removeName(folder, name);
    } catch (error) {
      if (!(error instanceof FileSystemError && error.code === "ENOENT")) throw error;
    }
  }

  async fileSize(path: string): Promise<number | undefined> {
    const node = this.#find(path);
    return node?.kind === "file" ? node.content.size : undefined;
  }

  async readFile(path: string, bytesMax: number): Promise<Buffer> {
    const node = this.#find(path);
    if (node === undefined) throw new FileSystemError("ENOENT", "open", path);
    if (node.kind === "directory") throw new FileSystemError("EISDIR", "readFile", path);
    const { size } = node.content;
    if (size > bytesMax) throw new FileSystemError("EFBIG", "readFile", path);
    const bytes = Buffer.allocUnsafe(size);
    node.content.read(bytes, 0, size, 0);
    return bytes;
  }

  async syncDirectory(path: string): Promise<void> {
    this.#folder("syncDirectory", path).sync();
  }

  /** Does to unsynced names what a failed fsync of their folder does: they never become durable for sure. */
  loseUnsyncedNames(path: string): void {
    this.#folder("syncDirectory", path).loseUnsynced();
  }

  #find(path: string): MemoryNode | undefined {
    let node: MemoryNode | undefined = this.#root;
    for (const name of namesOf(path)) node = node?.kind === "directory" ? node.names.get(name) : undefined;
    return node;
  }

  #folder(operation: string, path: string, names = namesOf(path)): MemoryFolder {
    let folder = this.#root;
    for (const name of names) {
      const child = folder.names.get(name);
      if (child === undefined) throw new FileSystemError("ENOENT", operation, path);
      if (child.kind === "file") throw new FileSystemError("ENOTDIR", operation, path);
      folder = child;
    }
    return folder;
  }

  #parent(operation: string, path: string): { folder: MemoryFolder; name: string } {
    const names = namesOf(path);
    const name = names.pop();
    if (name === undefined) throw new FileSystemError("EISDIR", operation, path);
    return { folder: this.#folder(operation, path, names), name };
  }
}

function namesOf(path: string): string[] {
  const names = path.split("/").filter((name) => name !== "" && name !== ".");
  if (names.includes("..")) throw new TypeError(`no ".." in paths in memory: ${path}`);
  return names;
}

function checkReplaceable(node: MemoryNode, replaced: MemoryNode, path: string): void {
  if (node.kind === "file" && replaced.kind === "directory")
    throw new FileSystemError("EISDIR", "rename", path);
  if (node.kind === "file" || replaced.kind === "directory") {
    if (replaced.kind === "file" || replaced.names.size === 0) return;
    throw new FileSystemError("ENOTEMPTY", "rename", path);
  }
  throw new FileSystemError("ENOTDIR", "rename", path);
}

/** Children first, as a recursive removal does it: a crash on the way leaves a folder with some of them. */
function removeName(folder: MemoryFolder, name: string): void {
  const node = folder.names.get(name);
  if (node?.kind === "directory") for (const child of [...node.names.keys()]) removeName(node, child);
  else node?.removed();
  folder.change({ removed: name });
}
