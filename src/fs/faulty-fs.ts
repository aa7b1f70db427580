import type { Fault, FaultPlan, Operation } from "./fault-plan.ts";
import {
  type DirectoryEntry,
  type FileHandle,
  type FileSystem,
  FileSystemError,
  type OpenMode,
} from "./file-system.ts";
import { MemoryFileHandle } from "./memory-file-handle.ts";
import { MemoryFileSystem } from "./memory-fs.ts";
import { PowerLossError } from "./power-loss-error.ts";
import { checkWrite } from "./ranges.ts";

/**
 * Any file system with the faults of a plan; for tests. Over a MemoryFileSystem a failed sync also does what it does
 * on a disk: what was unsynced is never durable for sure, whatever later syncs say. `close` is not counted, never
 * fails, and works without power.
 */
export class FaultyFileSystem implements FileSystem {
  readonly #inner: FileSystem;
  readonly #plan: FaultPlan;

  constructor(inner: FileSystem, plan: FaultPlan) {
    this.#inner = inner;
    this.#plan = plan;
  }

  async open(path: string, mode: OpenMode): Promise<FileHandle> {
    const handle = await perform(this.#plan, { name: "open", path }, () => this.#inner.open(path, mode));
    return new FaultyFileHandle(path, handle, this.#plan);
  }

  makeDirectory(path: string): Promise<void> {
    return perform(this.#plan, { name: "makeDirectory", path }, () => this.#inner.makeDirectory(path));
  }

  list(path: string): Promise<DirectoryEntry[]> {
    return perform(this.#plan, { name: "list", path }, () => this.#inner.list(path));
  }

  rename(from: string, to: string): Promise<void> {
    return perform(this.#plan, { name: "rename", path: from }, () => this.#inner.rename(from, to));
  }

  remove(path: string): Promise<void> {
    return perform(this.#plan, { name: "remove", path }, () => this.#inner.remove(path));
  }

  fileSize(path: string): Promise<number | undefined> {
    return perform(this.#plan, { name: "stat", path }, () => this.#inner.fileSize(path));
  }

  readFile(path: string, bytesMax: number): Promise<Buffer> {
    return perform(this.#plan, { name: "read", path }, () => this.#inner.readFile(path, bytesMax));
  }

  syncDirectory(path: string): Promise<void> {
    const sync = () => this.#inner.syncDirectory(path);
    return perform(this.#plan, { name: "syncDirectory", path }, sync, () => {
      if (this.#inner instanceof MemoryFileSystem) this.#inner.loseUnsyncedNames(path);
    });
  }
}

class FaultyFileHandle implements FileHandle {
  readonly #path: string;
  readonly #inner: FileHandle;
  readonly #plan: FaultPlan;

  constructor(path: string, inner: FileHandle, plan: FaultPlan) {
    this.#path = path;
    this.#inner = inner;
    this.#plan = plan;
  }

  read(target: Uint8Array, targetOffset: number, length: number, position: number): Promise<number> {
    const read = () => this.#inner.read(target, targetOffset, length, position);
    return perform(this.#plan, { name: "read", path: this.#path }, read);
  }

  async write(buffers: readonly Uint8Array[], position: number): Promise<number> {
    checkWrite(buffers, position);
    const bytes = buffers.reduce((sum, buffer) => sum + buffer.byteLength, 0);
    const operation: Operation = { name: "write", path: this.#path, bytes };
    return perform(this.#plan, operation, async (fault) => {
      const wanted = Math.min(bytes, bytesThrough(fault) ?? bytes);
      const granted = Math.min(wanted, this.#plan.writableBytes);
      if (granted === 0 && wanted > 0) throw new FileSystemError("ENOSPC", "write", this.#path);
      this.#plan.writableBytes -= granted;
      const written = granted > 0 ? await this.#inner.write(firstBytes(buffers, granted), position) : 0;
      if (fault?.action === "tear") throw new FileSystemError(fault.code, "write", this.#path);
      return written;
    });
  }

  datasync(): Promise<void> {
    const sync = () => this.#inner.datasync();
    return perform(this.#plan, { name: "datasync", path: this.#path }, sync, () => {
      if (this.#inner instanceof MemoryFileHandle) this.#inner.loseUnsynced();
    });
  }

  truncate(size: number): Promise<void> {
    return perform(this.#plan, { name: "truncate", path: this.#path }, () => this.#inner.truncate(size));
  }

  size(): Promise<number> {
    return perform(this.#plan, { name: "stat", path: this.#path }, () => this.#inner.size());
  }

  close(): Promise<void> {
    return this.#inner.close();
  }
}

/** Runs one operation with its fault. What a failing one does to the inner file system is up to `onFailure`. */
async function perform<Result>(
  plan: FaultPlan,
  operation: Operation,
  run: (fault: Fault | undefined) => Promise<Result>,
  onFailure?: () => void,
): Promise<Result> {
  let fault = plan.begin(operation);
  while (fault?.action === "wait") {
    await fault.until;
    plan.checkPower(operation);
    fault = fault.next;
  }
  if (fault !== undefined && isBefore(fault, operation)) {
    if (fault.action === "lose-power") plan.losePower();
    else onFailure?.();
    throw errorOf(fault, operation);
  }
  try {
    const result = await run(fault);
    if (fault?.action === "fail") throw errorOf(fault, operation);
    return result;
  } finally {
    if (fault?.action === "lose-power") plan.losePower();
    plan.checkPower(operation); // it may also have gone while this was under way: no answer arrives any more
  }
}

/** Whether the fault keeps the operation from doing anything. */
function isBefore(fault: Fault, operation: Operation): boolean {
  if (fault.action === "fail") return fault.effect !== "after";
  if (fault.action !== "lose-power" || fault.effect === "after") return false;
  return fault.bytes === undefined || operation.name !== "write";
}

function errorOf(fault: Fault, { name, path }: Operation): FileSystemError {
  return "code" in fault ? new FileSystemError(fault.code, name, path) : new PowerLossError(name, path);
}

/** Bytes of a write that reach the file in spite of its fault; undefined if the fault does not say. */
function bytesThrough(fault: Fault | undefined): number | undefined {
  return fault !== undefined && "bytes" in fault ? fault.bytes : undefined;
}

/** The buffers up to so many bytes. */
function firstBytes(buffers: readonly Uint8Array[], bytes: number): Uint8Array[] {
  const kept: Uint8Array[] = [];
  for (const buffer of buffers) {
    if (bytes <= 0) break;
    kept.push(buffer.subarray(0, bytes));
    bytes -= buffer.byteLength;
  }
  return kept;
}
