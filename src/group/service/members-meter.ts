import { MillraceError } from "../../errors/index.ts";

/** How many members the groups of a broker have, and the most there may be. */
export class MembersMeter {
  readonly #max: number;
  #count = 0;

  constructor(max: number) {
    this.#max = max;
  }

  /** A group has so many members more, or fewer. */
  add(members: number): void {
    this.#count += members;
  }

  /** Throws GROUP_FULL if there may be no member more. */
  requireRoom(group: string): void {
    if (this.#count < this.#max) return;
    const text = `the groups of this broker have ${this.#count} members, at most ${this.#max} are possible; stop some consumers`;
    throw new MillraceError("GROUP_FULL", text, { details: { group, max: this.#max } });
  }
}
