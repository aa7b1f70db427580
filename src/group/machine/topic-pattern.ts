/**
 * A pattern of topic names, in the syntax of RE2. Patterns come from clients, and one such as "(a+)+b" would hold V8's
 * own matcher, which tries one way after the other, for longer than anybody waits. RE2 visits each place of the name
 * once for each instruction of the pattern; so a match costs at most their product, and both are bounded here. Kafka's
 * brokers match the patterns of subscriptions with it too.
 */
import { RE2JS, RE2JSException } from "re2js";
import { TOPIC_PATTERN_CHARACTERS_MAX } from "../../base/index.ts";
import { MillraceError } from "../../errors/index.ts";
import { unfoldedSize, unicodeClasses } from "./pattern-size.ts";

/** Most instructions: those of the longest source without repetition that is counted, and as many again. */
const INSTRUCTIONS_MAX = 500;
/** What an instruction takes, and a class of characters beside it, roughly. */
const INSTRUCTION_BYTES = 256;
const UNICODE_CLASS_BYTES = 8_192;

export class TopicPattern {
  /** Memory that it takes, roughly. */
  readonly bytes: number;
  readonly #compiled: RE2JS;

  /** Throws INVALID_REQUEST for a source that is too long, unfolds to too much, or is not valid. */
  constructor(source: string) {
    if (source.length > TOPIC_PATTERN_CHARACTERS_MAX) {
      throw refused(
        source.slice(0, 40),
        `it has ${source.length} characters, at most ${TOPIC_PATTERN_CHARACTERS_MAX} are allowed`,
      );
    }
    requireSize(source, unfoldedSize(source), 2 * INSTRUCTIONS_MAX);
    this.#compiled = compiled(source);
    requireSize(source, this.instructions, INSTRUCTIONS_MAX);
    this.bytes = INSTRUCTION_BYTES * this.instructions + UNICODE_CLASS_BYTES * unicodeClasses(source);
  }

  /** What a match costs for each character of a name, at most. */
  get instructions(): number {
    return this.#compiled.programSize();
  }

  /** Whether the pattern matches the whole name. */
  matches(name: string): boolean {
    // Not RE2JS.matches: that builds an automaton of up to 8 MiB, at many times the cost where it is of no use.
    return this.#compiled.matcher(name).matches();
  }
}

function compiled(source: string): RE2JS {
  try {
    return RE2JS.compile(source);
  } catch (cause) {
    if (cause instanceof RE2JSException) throw refused(source, cause.message);
    throw cause;
  }
}

function requireSize(source: string, instructions: number, max: number): void {
  if (instructions <= max) return;
  throw refused(source, `with its repeats it takes ${instructions} steps, at most ${max} are allowed`);
}

function refused(source: string, why: string): MillraceError {
  return new MillraceError(
    "INVALID_REQUEST",
    `topic pattern ${JSON.stringify(source)} cannot be used: ${why}; give a regular expression in the syntax of RE2, without references to groups and looks around, or name the topics`,
    { details: { field: "topic_pattern" } },
  );
}
