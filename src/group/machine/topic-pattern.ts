/**
 * A pattern of topic names, in the syntax of RE2. Patterns come from clients, and one such as "(a+)+b" would hold V8's
 * own matcher, which tries one way after the other, for longer than anybody waits; RE2 follows all ways at once, in time
 * linear in the name, and bounds repetition. Kafka's brokers match the patterns of subscriptions with it too.
 */
import { RE2JS, RE2JSException } from "re2js";
import { MillraceError } from "../../errors/index.ts";

/** Longest source of a pattern, characters. */
const PATTERN_LENGTH_MAX = 249;

export class TopicPattern {
  readonly #compiled: RE2JS;

  /** Throws INVALID_REQUEST for a source that is too long or not valid. */
  constructor(source: string) {
    if (source.length > PATTERN_LENGTH_MAX) {
      throw refused(
        source.slice(0, 40),
        `it has ${source.length} characters, at most ${PATTERN_LENGTH_MAX} are allowed`,
      );
    }
    try {
      this.#compiled = RE2JS.compile(source);
    } catch (cause) {
      if (cause instanceof RE2JSException) throw refused(source, cause.message);
      throw cause;
    }
  }

  /** Whether the pattern matches the whole name. */
  matches(name: string): boolean {
    return this.#compiled.matches(name);
  }
}

function refused(source: string, why: string): MillraceError {
  return new MillraceError(
    "INVALID_REQUEST",
    `topic pattern ${JSON.stringify(source)} cannot be used: ${why}; give a regular expression in the syntax of RE2, without references to groups and looks around, or name the topics`,
    { details: { field: "topic_pattern" } },
  );
}
