import { PowerLossError } from "./power-loss-error.ts";

/** Kinds of operations that are counted and may fail. `stat` asks for a size; `read` includes readFile. */
export type OperationName =
  | "open"
  | "read"
  | "write"
  | "datasync"
  | "truncate"
  | "stat"
  | "list"
  | "makeDirectory"
  | "rename"
  | "remove"
  | "syncDirectory";

/** An operation that was asked for. */
export interface Operation {
  readonly name: OperationName;
  /** The path as given; of a handle the path it was opened by; of a rename the old one. */
  readonly path: string;
  /** Bytes of a write. */
  readonly bytes?: number;
}

/** What befalls an operation. */
export type Fault =
  /** It throws the code, before it did anything or, with "after", although it did everything. */
  | { readonly action: "fail"; readonly code: string; readonly effect?: "before" | "after" }
  /** A write writes and returns so many bytes. */
  | { readonly action: "short"; readonly bytes: number }
  /** A write writes so many bytes and throws the code. */
  | { readonly action: "tear"; readonly bytes: number; readonly code: string }
  /** The power goes: it and all later operations throw PowerLossError. Of a write, `bytes` bytes came through. */
  | { readonly action: "lose-power"; readonly effect?: "before" | "after"; readonly bytes?: number }
  /** It starts once the promise resolves, and then suffers `next` if there is one. */
  | { readonly action: "wait"; readonly until: Promise<unknown>; readonly next?: Fault };

interface Rule {
  readonly names: readonly OperationName[];
  readonly matches: (path: string) => boolean;
  readonly fault: Fault;
  timesLeft: number;
}

/**
 * Which operations fail, and a record of all that were asked for. Run a scenario once without faults, then once for
 * each number of `operations` with a fault at it: so every fault point is met.
 */
export class FaultPlan {
  readonly #operations: Operation[] = [];
  readonly #numbered = new Map<number, Fault>();
  readonly #rules: Rule[] = [];
  #hasPower = true;

  /**
   * Bytes that writes may still write, wherever; beyond them the disk is full: a write is short, the next ones throw
   * ENOSPC. Set it higher to make space. Nothing gives bytes back. Default: no bound.
   */
  writableBytes: number = Number.POSITIVE_INFINITY;

  /** Everything asked for so far; the index is the operation's number. */
  get operations(): readonly Operation[] {
    return this.#operations;
  }

  get hasPower(): boolean {
    return this.#hasPower;
  }

  /** Sets the fault of the operation with this number, counted from 0. */
  at(number: number, fault: Fault): this {
    this.#numbered.set(number, fault);
    return this;
  }

  /**
   * Sets the fault of the next `times` operations (default: of all) with one of the names on a path that matches.
   * A number's own fault comes first, then the oldest rule.
   */
  when(
    names: OperationName | readonly OperationName[],
    matches: (path: string) => boolean,
    fault: Fault,
    times = Number.POSITIVE_INFINITY,
  ): this {
    this.#rules.push({
      names: typeof names === "string" ? [names] : names,
      matches,
      fault,
      timesLeft: times,
    });
    return this;
  }

  /** Forgets all faults still to come; a lost power stays lost. */
  heal(): void {
    this.#numbered.clear();
    this.#rules.length = 0;
  }

  /** Takes the power away at once; operations under way throw too. */
  losePower(): void {
    this.#hasPower = false;
  }

  /** Counts an operation and returns its fault. For FaultyFileSystem. Throws PowerLossError. */
  begin(operation: Operation): Fault | undefined {
    this.checkPower(operation);
    const number = this.#operations.push(operation) - 1;
    const numbered = this.#numbered.get(number);
    if (numbered !== undefined) return numbered;
    const isHit = ({ names, matches, timesLeft }: Rule) =>
      timesLeft > 0 && names.includes(operation.name) && matches(operation.path);
    const rule = this.#rules.find(isHit);
    if (rule !== undefined) rule.timesLeft -= 1;
    return rule?.fault;
  }

  /** Throws PowerLossError if there is none. For FaultyFileSystem. */
  checkPower(operation: Operation): void {
    if (!this.#hasPower) throw new PowerLossError(operation.name, operation.path);
  }
}
