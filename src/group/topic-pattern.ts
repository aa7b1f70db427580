/**
 * A pattern of topic names. The patterns come from clients, and one such as "(a+)+b" would hold V8's matcher, which
 * tries one way after the other, for longer than anybody waits. So they are run as an automaton that follows all ways
 * at once (Thompson, as RE2 does): a name of n characters costs at most n times the size of the pattern.
 */
import { MillraceError } from "../errors/index.ts";
import type { CharSet } from "./char-set.ts";
import { type Assertion, PatternParser, type PatternNode, UnsupportedPattern } from "./pattern-parser.ts";

/** Longest source of a pattern, characters. */
export const PATTERN_LENGTH_MAX = 249;
/** Most states of a pattern. Without counted repetitions no source has so many. */
export const PATTERN_STATES_MAX = 500;

/** A state, with the states that follow it. */
interface State {
  /** Reads one of these characters; without, the state is passed at once. */
  readonly chars?: CharSet;
  /** Is passed only where this holds. */
  readonly assertion?: Assertion;
  next: readonly number[];
}

export class TopicPattern {
  readonly #states: State[] = [];
  readonly #first: number;
  readonly #accepting: number;
  /** The round of `#enter` in which each state was last met. */
  readonly #seenIn: number[] = [];
  #round = 0;

  /** Throws INVALID_REQUEST for a source that is too long, not valid, or not for an automaton. */
  constructor(source: string) {
    if (source.length > PATTERN_LENGTH_MAX) {
      throw refused(
        source.slice(0, 40),
        `it has ${source.length} characters, at most ${PATTERN_LENGTH_MAX} are allowed`,
      );
    }
    try {
      new RegExp(source);
      this.#accepting = this.#add({ next: [] });
      this.#first = this.#build(new PatternParser(source).parse(), this.#accepting);
    } catch (cause) {
      if (cause instanceof UnsupportedPattern)
        throw refused(source, `${cause.message} is not supported in patterns`);
      if (cause instanceof SyntaxError) throw refused(source, cause.message);
      throw cause;
    }
  }

  /** Whether the pattern matches the whole name. */
  matches(name: string): boolean {
    let active = this.#enter([this.#first], name, 0);
    for (let at = 0; at < name.length && active.length > 0; at++) {
      const code = name.charCodeAt(at);
      const after: number[] = [];
      for (const number of active) {
        const { chars, next } = this.#states[number]!;
        if (chars?.has(code)) after.push(next[0]!);
      }
      active = this.#enter(after, name, at + 1);
    }
    return active.includes(this.#accepting);
  }

  /** The states that read, or accept, after some states were reached, all those passed that need not read. */
  #enter(waiting: number[], name: string, at: number): number[] {
    const round = ++this.#round;
    const active: number[] = [];
    for (let number = waiting.pop(); number !== undefined; number = waiting.pop()) {
      if (this.#seenIn[number] === round) continue;
      this.#seenIn[number] = round;
      const { chars, assertion, next } = this.#states[number]!;
      if (chars !== undefined || number === this.#accepting) active.push(number);
      else if (assertion === undefined || holds(assertion, name, at)) waiting.push(...next);
    }
    return active;
  }

  /** Makes the states of a part of the pattern that is followed by the given state; returns the first of them. */
  #build(node: PatternNode, follow: number): number {
    switch (node.kind) {
      case "one-of":
        return this.#add({ chars: node.chars, next: [follow] });
      case "assertion":
        return this.#add({ assertion: node.assertion, next: [follow] });
      case "sequence":
        return node.parts.reduceRight((after, part) => this.#build(part, after), follow);
      case "choice":
        return this.#add({ next: node.options.map((option) => this.#build(option, follow)) });
      case "repeat":
        return this.#repeat(node, follow);
    }
  }

  #repeat({ of, min, max }: PatternNode & { kind: "repeat" }, follow: number): number {
    let first = follow;
    let copies = min;
    if (max === Number.POSITIVE_INFINITY) {
      const loop = this.#add({ next: [] });
      const again = this.#build(of, loop);
      this.#states[loop]!.next = [again, follow];
      // The last copy that must be there is also the one that may come again.
      first = min === 0 ? loop : again;
      copies = Math.max(0, min - 1);
    } else {
      for (let times = min; times < max; times++)
        first = this.#add({ next: [this.#build(of, first), follow] });
    }
    // Each time takes a state of its own, also if nothing is repeated, so that the bound on states bounds this too.
    for (let times = 0; times < copies; times++) first = this.#add({ next: [this.#build(of, first)] });
    return first;
  }

  #add(state: State): number {
    if (this.#states.length === PATTERN_STATES_MAX) {
      throw new UnsupportedPattern(`so much repetition, over ${PATTERN_STATES_MAX} states,`);
    }
    return this.#states.push(state) - 1;
  }
}

function holds(assertion: Assertion, name: string, at: number): boolean {
  if (assertion === "start") return at === 0;
  if (assertion === "end") return at === name.length;
  const isWord = (place: number) => /^\w/.test(name.slice(place, place + 1));
  const isBoundary = (at > 0 && isWord(at - 1)) !== isWord(at);
  return isBoundary === (assertion === "boundary");
}

function refused(source: string, why: string): MillraceError {
  return new MillraceError(
    "INVALID_REQUEST",
    `topic pattern ${JSON.stringify(source)} cannot be used: ${why}; give a JavaScript regular expression of characters, classes, choices and repetitions, or name the topics`,
    { details: { field: "topic_pattern" } },
  );
}
