/**
 * What a crash leaves of a disk in memory. A killed process loses nothing that was written: the page cache is the
 * system's. A power loss keeps what was synced; of the rest each write may be there, missing or torn at any byte,
 * its file's size may have grown before its bytes arrived, and each change of a name may be there or not.
 */
import type { Random } from "../base/index.ts";
import type { ChunkedBytes } from "./chunked-bytes.ts";
import { applyContentChange, type ContentChange, MemoryFile, MemoryFolder } from "./memory-nodes.ts";
import type { MemoryNode, Space } from "./memory-nodes.ts";

export interface CrashOptions {
  /** "power": what was not synced is at risk. "process": the process died and nothing was lost. Default "power". */
  readonly mode?: "power" | "process";
  /** What becomes of unsynced changes; "any" draws for each. Default "any". */
  readonly unsynced?: "any" | "lost" | "kept";
  /**
   * Which changes of names of one folder may survive: "any" of them, as POSIX allows, or the first few "in-order",
   * as the journals of ext4 and XFS do. Default "any".
   */
  readonly names?: "any" | "in-order";
}

/** What befalls all unsynced changes of a disk, folder or file. */
type Fate = "lost" | "kept" | "mixed";

/** A copy of the folder and all in it as it is after the crash. */
export function survivingFolder(
  folder: MemoryFolder,
  space: Space,
  random: Random,
  options: CrashOptions,
): MemoryFolder {
  return new Crash(space, random, options).folder(folder);
}

class Crash {
  readonly #space: Space;
  readonly #random: Random;
  readonly #namesInOrder: boolean;
  readonly #fate: Fate;
  /** A name may survive in two folders; the file behind it stays one. */
  readonly #copies = new Map<MemoryNode, MemoryNode>();

  constructor(space: Space, random: Random, options: CrashOptions) {
    const { mode = "power", unsynced = "any", names = "any" } = options;
    this.#space = space;
    this.#random = random;
    this.#namesInOrder = names === "in-order";
    if (mode === "process") this.#fate = "kept";
    else this.#fate = unsynced === "any" ? this.#drawFate("mixed") : unsynced;
  }

  folder(folder: MemoryFolder): MemoryFolder {
    const copy = new MemoryFolder(this.#space);
    this.#copies.set(folder, copy);
    const fate = this.#drawFate(this.#fate);
    let isCut = false;
    const names = folder.survivors(() => {
      if (fate !== "mixed") return fate === "kept";
      const isKept = this.#random.fraction() < 0.5;
      isCut ||= !isKept;
      return this.#namesInOrder ? !isCut : isKept;
    });
    for (const [name, node] of names) copy.change({ added: { name, node: this.#copy(node) } });
    copy.sync();
    return copy;
  }

  #copy(node: MemoryNode): MemoryNode {
    const known = this.#copies.get(node);
    if (known !== undefined) return known;
    if (node.kind === "directory") return this.folder(node);
    const copy = new MemoryFile(this.#space, this.#content(node));
    this.#copies.set(node, copy);
    return copy;
  }

  #content(file: MemoryFile): ChunkedBytes {
    const fate = this.#drawFate(this.#fate);
    return file.survivors((content, change) => {
      const drawn = fate === "mixed" ? this.#random.fraction() : undefined;
      if (fate === "kept" || (drawn !== undefined && drawn < 0.3)) applyContentChange(content, change);
      else if (drawn !== undefined && drawn < 0.7 && change.kind === "write") this.#tear(content, change);
    });
  }

  /** Keeps the start, the end or the middle of a write; over the rest the old bytes stay, or zeros past the end. */
  #tear(content: ChunkedBytes, change: ContentChange & { readonly kind: "write" }): void {
    const { bytes, position } = change;
    const cuts = [this.#upTo(bytes.byteLength), this.#upTo(bytes.byteLength)].sort((a, b) => a - b);
    const shape = this.#upTo(2);
    const from = shape === 0 ? 0 : cuts[0]!;
    const to = shape === 1 ? bytes.byteLength : cuts[1]!;
    const end = position + bytes.byteLength;
    if (end > content.size && this.#random.fraction() < 0.25) content.truncate(end);
    content.write(bytes.subarray(from, to), position + from);
  }

  /** Mixed fates are drawn level by level, so that whole files and whole disks survive or fall often enough. */
  #drawFate(fate: Fate): Fate {
    if (fate !== "mixed") return fate;
    const drawn = this.#random.fraction();
    if (drawn < 0.2) return "lost";
    return drawn < 0.4 ? "kept" : "mixed";
  }

  /** A whole number from 0 to `max`, both inclusive. */
  #upTo(max: number): number {
    return Math.floor(this.#random.fraction() * (max + 1));
  }
}
