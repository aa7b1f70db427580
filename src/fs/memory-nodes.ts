import { ChunkedBytes } from "./chunked-bytes.ts";
import { type Certainty, Unsynced } from "./unsynced.ts";

/** Room on the disk in memory, shared by its files. */
export interface Space {
  /** Most bytes of all files together. */
  capacityBytes: number;
  usedBytes: number;
  /** Whether files and folders remember what is not synced yet. */
  readonly crashModel: boolean;
}

/** A change of a file's bytes. */
export type ContentChange =
  | { readonly kind: "write"; readonly bytes: Buffer; readonly position: number }
  | { readonly kind: "truncate"; readonly size: number };

/** One atomic change of a folder's names: a creation adds, a removal removes, a rename does both. */
export interface NameChange {
  readonly removed?: string;
  readonly added?: { readonly name: string; readonly node: MemoryNode };
}

/** What a name leads to. */
export type MemoryNode = MemoryFile | MemoryFolder;

/** A file: its bytes as this process sees them and, in the crash model, what of them is durable. */
export class MemoryFile {
  readonly kind = "file";
  readonly #space: Space;
  readonly #content: ChunkedBytes;
  readonly #durable: ChunkedBytes | undefined;
  readonly #unsynced = new Unsynced<ContentChange>();
  #isRemoved = false;

  constructor(space: Space, content = new ChunkedBytes()) {
    this.#space = space;
    this.#content = content;
    this.#durable = space.crashModel ? content.clone() : undefined;
    space.usedBytes += content.size;
  }

  get content(): ChunkedBytes {
    return this.#content;
  }

  /** Writes what there is space for and returns how many bytes; 0 if the disk is full. */
  write(buffers: readonly Uint8Array[], position: number): number {
    let bytes = 0;
    for (const buffer of buffers) bytes += buffer.byteLength;
    const allowed = Math.max(0, Math.min(bytes, this.#content.size + this.#spaceLeft() - position));
    const sizeBefore = this.#content.size;
    let done = 0;
    for (const buffer of buffers) {
      const part = buffer.subarray(0, allowed - done);
      this.#content.write(part, position + done);
      done += part.byteLength;
    }
    this.#resized(sizeBefore);
    if (this.#durable !== undefined && done > 0) {
      this.#unsynced.add({ kind: "write", bytes: Buffer.concat(buffers, done), position });
    }
    return done;
  }

  /** Cuts or extends with zeros; false if the disk is full. */
  truncate(size: number): boolean {
    if (size - this.#content.size > this.#spaceLeft()) return false;
    const sizeBefore = this.#content.size;
    this.#content.truncate(size);
    this.#resized(sizeBefore);
    if (this.#durable !== undefined) this.#unsynced.add({ kind: "truncate", size });
    return true;
  }

  /** Everything written so far becomes durable. */
  sync(): void {
    const durable = this.#durable;
    if (durable !== undefined) this.#unsynced.sync((change) => applyContentChange(durable, change));
  }

  /** A sync failed: what is unsynced now stays so whatever later syncs say. */
  loseUnsynced(): void {
    this.#unsynced.lose();
  }

  /** Gives back the space; open handles go on, as on a real disk. */
  removed(): void {
    if (!this.#isRemoved) this.#space.usedBytes -= this.#content.size;
    this.#isRemoved = true;
  }

  /** The bytes after a power loss; `apply` decides about what was not synced. */
  survivors(apply: (content: ChunkedBytes, change: ContentChange) => void): ChunkedBytes {
    const content = (this.#durable ?? this.#content).clone();
    this.#unsynced.replay((change, certainty) => {
      if (certainty === "durable") applyContentChange(content, change);
      else apply(content, change);
    });
    return content;
  }

  #spaceLeft(): number {
    return Math.max(0, this.#space.capacityBytes - this.#space.usedBytes);
  }

  #resized(sizeBefore: number): void {
    if (!this.#isRemoved) this.#space.usedBytes += this.#content.size - sizeBefore;
  }
}

/** A folder: its names as this process sees them and, in the crash model, which of them are durable. */
export class MemoryFolder {
  readonly kind = "directory";
  readonly #names = new Map<string, MemoryNode>();
  readonly #durable: Map<string, MemoryNode> | undefined;
  readonly #unsynced = new Unsynced<NameChange>();

  constructor(space: Space) {
    this.#durable = space.crashModel ? new Map() : undefined;
  }

  get names(): ReadonlyMap<string, MemoryNode> {
    return this.#names;
  }

  change(change: NameChange): void {
    applyNameChange(this.#names, change);
    if (this.#durable !== undefined) this.#unsynced.add(change);
  }

  /** All names become durable as they are now. */
  sync(): void {
    const durable = this.#durable;
    if (durable !== undefined) this.#unsynced.sync((change) => applyNameChange(durable, change));
  }

  loseUnsynced(): void {
    this.#unsynced.lose();
  }

  /** The names after a power loss; `isKept` decides about each change that was not synced. */
  survivors(isKept: (change: NameChange) => boolean): Map<string, MemoryNode> {
    const names = new Map(this.#durable ?? this.#names);
    this.#unsynced.replay((change: NameChange, certainty: Certainty) => {
      if (certainty === "durable" || isKept(change)) applyNameChange(names, change);
    });
    return names;
  }
}

/** Makes one change to the bytes of a file. */
export function applyContentChange(content: ChunkedBytes, change: ContentChange): void {
  if (change.kind === "write") content.write(change.bytes, change.position);
  else content.truncate(change.size);
}

function applyNameChange(names: Map<string, MemoryNode>, change: NameChange): void {
  if (change.removed !== undefined) names.delete(change.removed);
  if (change.added !== undefined) names.set(change.added.name, change.added.node);
}
