import { isTopicName, SUBSCRIBED_TOPICS_MAX, TOPIC_NAME_ALLOWED } from "../../base/index.ts";
import { MillraceError } from "../../errors/index.ts";
import type { TopicCatalogue } from "../ports.ts";
import { TopicPattern } from "./topic-pattern.ts";
import type { GroupSubscription } from "../types.ts";

/** Most characters of their names together. */
export const SUBSCRIBED_CHARACTERS_MAX = 65_536;
/** Most steps of matching that one subscription may cost: instructions of the pattern × characters of all names. */
const MATCHING_STEPS_MAX = 20_000_000;
/** What a subscription takes beside its names, and a name beside its characters, which are there twice; roughly. */
const SUBSCRIPTION_BYTES = 512;
const NAME_BYTES = 64;
/** Names of the broker's own topics begin so; groups do not read them. */
const INTERNAL_PREFIX = "__";

/** What members want to read, checked. Equal ones of a group are one object. */
export class MemberSubscription implements GroupSubscription {
  /** Each once, in order. */
  readonly topics: readonly string[];
  readonly topicPattern: string | undefined;
  /** Memory that it takes, roughly. */
  readonly bytes: number;
  readonly #pattern: TopicPattern | undefined;
  /** What the pattern said of each name, so that a name is tried once and not whenever some topic comes or goes. */
  #verdicts: ReadonlyMap<string, boolean> = new Map();
  #names: ReadonlySet<string> | undefined;

  /** Throws INVALID_REQUEST for names that are none or internal, too much of them, a bad pattern, or nothing at all. */
  constructor({ topics, topicPattern }: GroupSubscription) {
    if (topics.length > SUBSCRIBED_TOPICS_MAX) {
      throw refused(
        `${topics.length} topics`,
        `at most ${SUBSCRIBED_TOPICS_MAX} may be named; use a pattern`,
      );
    }
    if (topics.length === 0 && topicPattern === undefined) {
      throw refused("nothing", "name at least one topic, or give a pattern");
    }
    for (const name of topics) checkName(name);
    this.topics = [...new Set(topics)].sort();
    const characters = lengthOf(this.topics);
    if (characters > SUBSCRIBED_CHARACTERS_MAX) {
      throw refused(
        `topics whose names have ${characters} characters`,
        `at most ${SUBSCRIBED_CHARACTERS_MAX} are possible together; use a pattern`,
      );
    }
    this.topicPattern = topicPattern;
    this.#pattern = topicPattern === undefined ? undefined : new TopicPattern(topicPattern);
    this.bytes =
      SUBSCRIPTION_BYTES + this.topics.length * NAME_BYTES + 2 * characters + (this.#pattern?.bytes ?? 0);
  }

  /** Equal for equal subscriptions, and for no others. */
  static keyOf({ topics, topicPattern }: GroupSubscription): string {
    return `${[...new Set(topics)].sort().join(",")} ${topicPattern ?? ""}`;
  }

  /** Throws INVALID_REQUEST for a pattern that would take too long with all the topics there are. */
  requireMatchable(catalogue: Pick<TopicCatalogue, "topics">): void {
    if (this.#pattern === undefined) return;
    let characters = 0;
    for (const { name } of catalogue.topics()) characters += name.length;
    const steps = this.#pattern.instructions * characters;
    if (steps <= MATCHING_STEPS_MAX) return;
    throw refused(
      `pattern ${JSON.stringify(this.topicPattern)}`,
      `finding its topics would take up to ${steps} steps, at most ${MATCHING_STEPS_MAX} are possible; use a shorter pattern, or name the topics`,
    );
  }

  /** Names of the topics there are that it means, in no order; found once until `forget`. */
  namesIn(catalogue: Pick<TopicCatalogue, "topics" | "topic">): ReadonlySet<string> {
    this.#names ??= this.#find(catalogue);
    return this.#names;
  }

  /** Topics came or went: what was found does not hold any more. */
  forget(): void {
    this.#names = undefined;
  }

  #find(catalogue: Pick<TopicCatalogue, "topics" | "topic">): Set<string> {
    const names = new Set(this.topics.filter((name) => catalogue.topic(name) !== undefined));
    if (this.#pattern === undefined) return names;
    const verdicts = new Map<string, boolean>();
    for (const { name } of catalogue.topics()) {
      const isMeant = this.#verdicts.get(name) ?? (!isInternal(name) && this.#pattern.matches(name));
      verdicts.set(name, isMeant);
      if (isMeant) names.add(name);
    }
    this.#verdicts = verdicts;
    return names;
  }
}

function isInternal(name: string): boolean {
  return name.startsWith(INTERNAL_PREFIX);
}

function lengthOf(names: readonly string[]): number {
  return names.reduce((sum, { length }) => sum + length, 0);
}

function checkName(name: string): void {
  if (!isTopicName(name)) throw refused(JSON.stringify(name), `a topic name has ${TOPIC_NAME_ALLOWED}`);
  if (isInternal(name))
    throw refused(name, `topics that begin with "${INTERNAL_PREFIX}" are the broker's own`);
}

function refused(what: string, why: string): MillraceError {
  return new MillraceError("INVALID_REQUEST", `cannot subscribe to ${what}: ${why}`, {
    details: { field: "subscription" },
  });
}
