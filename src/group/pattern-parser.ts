/**
 * Reads the source of a JavaScript regular expression that V8 has found valid. Only what a finite automaton can match is
 * taken: everything but references to groups and looks around, as in the RE2 that Kafka uses for this.
 */
import { CharSet } from "./char-set.ts";

/** What holds between two characters of a name. */
export type Assertion = "start" | "end" | "boundary" | "inside";

/** A part of a pattern. */
export type PatternNode =
  | { readonly kind: "one-of"; readonly chars: CharSet }
  | { readonly kind: "sequence"; readonly parts: readonly PatternNode[] }
  | { readonly kind: "choice"; readonly options: readonly PatternNode[] }
  | { readonly kind: "repeat"; readonly of: PatternNode; readonly min: number; readonly max: number }
  | { readonly kind: "assertion"; readonly assertion: Assertion };

/** Thrown by the parser: what the pattern has that is not taken. */
export class UnsupportedPattern extends Error {
  override readonly name = "UnsupportedPattern";
}

const BACKSPACE = 8;
const HYPHEN = 45;
const CONTROL: Readonly<Record<string, number>> = { t: 9, n: 10, v: 11, f: 12, r: 13, 0: 0 };
const CLASSES: Readonly<Record<string, CharSet>> = {
  d: CharSet.DIGITS,
  D: CharSet.DIGITS.complement(),
  w: CharSet.WORD,
  W: CharSet.WORD.complement(),
  s: CharSet.SPACE,
  S: CharSet.SPACE.complement(),
};
const QUANTIFIER = /(?:([*+?])|\{(\d+)(?:(,)(\d*))?\})\??/y;
const CODE = /x([\da-fA-F]{2})|u([\da-fA-F]{4})/y;

/** Parses one pattern; made for it and used once. */
export class PatternParser {
  readonly #source: string;
  #at = 0;

  constructor(source: string) {
    this.#source = source;
  }

  /** Throws UnsupportedPattern. */
  parse(): PatternNode {
    return this.#choice();
  }

  #choice(): PatternNode {
    const options = [this.#sequence()];
    while (this.#takes("|")) options.push(this.#sequence());
    return options.length === 1 ? options[0]! : { kind: "choice", options };
  }

  #sequence(): PatternNode {
    const parts: PatternNode[] = [];
    while (this.#at < this.#source.length && !"|)".includes(this.#source[this.#at]!)) {
      parts.push(this.#assertion() ?? this.#quantified(this.#atom()));
    }
    return { kind: "sequence", parts };
  }

  #assertion(): PatternNode | undefined {
    if (this.#takes("^")) return { kind: "assertion", assertion: "start" };
    if (this.#takes("$")) return { kind: "assertion", assertion: "end" };
    if (this.#takes("\\b")) return { kind: "assertion", assertion: "boundary" };
    if (this.#takes("\\B")) return { kind: "assertion", assertion: "inside" };
    return undefined;
  }

  #quantified(atom: PatternNode): PatternNode {
    QUANTIFIER.lastIndex = this.#at;
    const found = QUANTIFIER.exec(this.#source);
    if (found === null) return atom;
    this.#at = QUANTIFIER.lastIndex;
    const [, sign, least, comma, most] = found;
    if (sign !== undefined) {
      const [min, max] = [sign === "+" ? 1 : 0, sign === "?" ? 1 : Number.POSITIVE_INFINITY];
      return { kind: "repeat", of: atom, min, max };
    }
    const min = Number(least);
    const max = comma === undefined ? min : most === "" ? Number.POSITIVE_INFINITY : Number(most);
    return { kind: "repeat", of: atom, min, max };
  }

  #atom(): PatternNode {
    if (this.#takes("(")) return this.#group();
    if (this.#takes("[")) return { kind: "one-of", chars: this.#charClass() };
    if (this.#takes(".")) return { kind: "one-of", chars: CharSet.LINE };
    return { kind: "one-of", chars: setOf(this.#charOrEscape()) };
  }

  #group(): PatternNode {
    if (this.#takes("?") && !this.#takes(":")) {
      const name = /<\w+>/y;
      name.lastIndex = this.#at;
      if (!name.test(this.#source)) throw new UnsupportedPattern("looks around or modifiers, (?…)");
      this.#at = name.lastIndex;
    }
    const inside = this.#choice();
    this.#at++; // the closing parenthesis, there in every valid pattern
    return inside;
  }

  #charClass(): CharSet {
    const isNegated = this.#takes("^");
    let chars = CharSet.NONE;
    while (!this.#takes("]")) {
      const first = this.#classMember();
      const isRange = this.#source[this.#at] === "-" && this.#source[this.#at + 1] !== "]";
      chars = chars.union(isRange ? this.#range(first) : setOf(first));
    }
    return isNegated ? chars.complement() : chars;
  }

  #range(first: number | CharSet): CharSet {
    this.#at++;
    const last = this.#classMember();
    if (typeof first === "number" && typeof last === "number") return CharSet.range(first, last);
    // A class at one of its ends makes the hyphen a character.
    return setOf(first).union(setOf(last)).union(CharSet.of(HYPHEN));
  }

  #classMember(): number | CharSet {
    return this.#takes("\\b") ? BACKSPACE : this.#charOrEscape();
  }

  /** The code of one character, or a class such as \d. */
  #charOrEscape(): number | CharSet {
    const char = this.#source[this.#at++]!;
    if (char !== "\\") return char.charCodeAt(0);
    const escaped = this.#source[this.#at++]!;
    const named = CLASSES[escaped];
    if (named !== undefined) return named;
    CODE.lastIndex = this.#at - 1;
    const digits = CODE.exec(this.#source);
    if (digits !== null) {
      this.#at = CODE.lastIndex;
      return Number.parseInt(digits[1] ?? digits[2]!, 16);
    }
    const isOctal = escaped === "0" && /\d/.test(this.#source[this.#at] ?? "");
    const control = isOctal ? undefined : CONTROL[escaped];
    if (control !== undefined) return control;
    if (/[A-Za-z0-9]/.test(escaped)) throw new UnsupportedPattern(`\\${escaped}`);
    return escaped.charCodeAt(0);
  }

  #takes(text: string): boolean {
    if (!this.#source.startsWith(text, this.#at)) return false;
    this.#at += text.length;
    return true;
  }
}

function setOf(chars: number | CharSet): CharSet {
  return typeof chars === "number" ? CharSet.of(chars) : chars;
}
