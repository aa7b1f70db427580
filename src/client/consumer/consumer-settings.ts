/** The options of a group consumer, checked and filled in. */
import {
  CLIENT_ID_CHARACTERS_MAX,
  isTopicName,
  MEMBER_TIMEOUT_MS_MAX,
  MEMBER_TIMEOUT_MS_MIN,
  REBALANCE_TIMEOUT_MS_DEFAULT,
  SESSION_TIMEOUT_MS_DEFAULT,
  SUBSCRIBED_TOPICS_MAX,
  TOPIC_NAME_ALLOWED,
  TOPIC_PATTERN_CHARACTERS_MAX,
} from "../../base/index.ts";
import type { ConsumerSubscription, GroupConsumerOptions, RunOptions } from "../api/group-consumer.ts";
import { type KnownNames, oneOf, requireFunction, requireKnown, wholeNumber } from "../option-checks.ts";
import { type ReaderSettings, readerSettings } from "../reader/reader-settings.ts";
import type { MemberSubscription, MembershipSettings } from "./membership-ports.ts";

/** What the program hears and may hold up. */
export type ConsumerHooks = Pick<
  GroupConsumerOptions,
  "onAssigned" | "onRevoked" | "onLost" | "onCommit" | "onReset" | "onRetry" | "onCaughtUp"
>;

/** What a group consumer goes by. */
export interface ConsumerSettings {
  readonly membership: MembershipSettings;
  readonly subscription: MemberSubscription;
  readonly startFrom: "start" | "end" | "fail";
  readonly onGap: "start" | "end" | "fail";
  /** Offsets are committed before their records are handed out. */
  readonly isAtMostOnce: boolean;
  readonly autoCommit: boolean;
  readonly autoCommitIntervalMs: number;
  readonly hooks: ConsumerHooks;
  /** How to read, but for what a reset means. */
  readonly reading: ReaderSettings;
}

/** What `run` goes by. */
export interface RunSettings {
  readonly handler: RunOptions["handler"];
  readonly concurrency: number;
  readonly order: "key" | "partition" | "none";
  readonly maxInFlight: number;
}

const TIME_MS_MAX = 3_600_000;
const CONCURRENCY_MAX = 10_000;
const IN_FLIGHT_MAX = 1_000_000;

const KNOWN: KnownNames<GroupConsumerOptions> = {
  group: true,
  topics: true,
  topicPattern: true,
  instanceId: true,
  clientId: true,
  assignor: true,
  sessionTimeoutMs: true,
  rebalanceTimeoutMs: true,
  startFrom: true,
  onGap: true,
  onReset: true,
  delivery: true,
  autoCommit: true,
  autoCommitIntervalMs: true,
  onAssigned: true,
  onRevoked: true,
  onLost: true,
  onCommit: true,
  onRetry: true,
  onCaughtUp: true,
  prefetchBytes: true,
  prefetchRecords: true,
  deliveryBytes: true,
  verifyChecksums: true,
  retryTimeoutMs: true,
};

/** Checks the options. Throws TypeError for one outside its range or unknown. */
export function consumerSettings(options: GroupConsumerOptions, clientId: string): ConsumerSettings {
  requireKnown("a group consumer", options, KNOWN);
  const { prefetchBytes, prefetchRecords, deliveryBytes, verifyChecksums, retryTimeoutMs } = options;
  const { onAssigned, onRevoked, onLost, onCommit, onReset, onRetry, onCaughtUp } = options;
  const hooks = { onAssigned, onRevoked, onLost, onCommit, onReset, onRetry, onCaughtUp };
  for (const [name, hook] of Object.entries(hooks)) requireFunction(name, hook);
  const reading = readerSettings({
    prefetchBytes,
    prefetchRecords,
    deliveryBytes,
    verifyChecksums,
    retryTimeoutMs,
  });
  const onGap = oneOf("onGap", options.onGap ?? "fail", ["start", "end", "fail"]);
  if (onGap !== "fail" && onReset === undefined) {
    throw new TypeError(`onGap is "${onGap}" without onReset: a gap must not go unnoticed`);
  }
  const isAtMostOnce =
    oneOf("delivery", options.delivery ?? "at-least-once", ["at-least-once", "at-most-once"]) ===
    "at-most-once";
  if (isAtMostOnce && options.autoCommit === false) {
    throw new TypeError('autoCommit is false with delivery "at-most-once", which commits by itself');
  }
  return {
    membership: membershipSettings(options, clientId, reading.retryTimeoutMs),
    subscription: memberSubscription(options),
    startFrom: oneOf("startFrom", options.startFrom ?? "start", ["start", "end", "fail"]),
    onGap,
    isAtMostOnce,
    autoCommit: options.autoCommit ?? true,
    autoCommitIntervalMs: wholeNumber("autoCommitIntervalMs", options.autoCommitIntervalMs, {
      preset: 5_000,
      min: 100,
      max: TIME_MS_MAX,
    }),
    hooks,
    reading,
  };
}

/** Checks what a member wants to read. Throws TypeError. */
export function memberSubscription({ topics = [], topicPattern }: ConsumerSubscription): MemberSubscription {
  if (!Array.isArray(topics)) throw new TypeError(`topics is "${String(topics)}": a list of names is needed`);
  if (topics.length === 0 && topicPattern === undefined) {
    throw new TypeError("a group consumer needs topics to read: give topics or topicPattern");
  }
  if (topics.length > SUBSCRIBED_TOPICS_MAX) {
    throw new TypeError(`${topics.length} topics are given: at most ${SUBSCRIBED_TOPICS_MAX} are allowed`);
  }
  for (const topic of topics) {
    if (!isTopicName(topic)) throw new TypeError(`"${topic}" is no topic name: ${TOPIC_NAME_ALLOWED}`);
  }
  // Its syntax is the broker's, RE2: what a RegExp takes is neither more nor less than that.
  if (topicPattern !== undefined) requireText("topicPattern", topicPattern, TOPIC_PATTERN_CHARACTERS_MAX);
  return { topics, topicPattern: topicPattern ?? "" };
}

/** Checks how to work on records. Throws TypeError. */
export function runSettings(options: RunOptions): RunSettings {
  requireKnown("run", options, { handler: true, concurrency: true, order: true, maxInFlight: true });
  if (typeof options.handler !== "function") throw new TypeError("handler must be a function");
  const concurrency = wholeNumber("concurrency", options.concurrency, {
    preset: 16,
    min: 1,
    max: CONCURRENCY_MAX,
  });
  const maxInFlight = wholeNumber("maxInFlight", options.maxInFlight, {
    preset: Math.max(1_000, 10 * concurrency),
    min: concurrency,
    max: IN_FLIGHT_MAX,
  });
  const order = oneOf("order", options.order ?? "key", ["key", "partition", "none"]);
  return { handler: options.handler, concurrency, order, maxInFlight };
}

function membershipSettings(
  options: GroupConsumerOptions,
  clientId: string,
  retryTimeoutMs: number,
): MembershipSettings {
  const { group, instanceId, assignor } = options;
  if (!isTopicName(group)) throw new TypeError(`"${group}" is no group name: ${TOPIC_NAME_ALLOWED}`);
  if (instanceId !== undefined && !isTopicName(instanceId)) {
    throw new TypeError(`instanceId is "${instanceId}": allowed are ${TOPIC_NAME_ALLOWED}`);
  }
  if (options.clientId !== undefined) requireText("clientId", options.clientId, CLIENT_ID_CHARACTERS_MAX);
  if (assignor !== undefined) oneOf("assignor", assignor, ["uniform", "range"]);
  const timeout = (name: "sessionTimeoutMs" | "rebalanceTimeoutMs", preset: number) =>
    wholeNumber(name, options[name], { preset, min: MEMBER_TIMEOUT_MS_MIN, max: MEMBER_TIMEOUT_MS_MAX });
  return {
    group,
    instanceId,
    clientId: options.clientId ?? clientId.slice(0, CLIENT_ID_CHARACTERS_MAX),
    assignor,
    sessionTimeoutMs: timeout("sessionTimeoutMs", SESSION_TIMEOUT_MS_DEFAULT),
    rebalanceTimeoutMs: timeout("rebalanceTimeoutMs", REBALANCE_TIMEOUT_MS_DEFAULT),
    retryTimeoutMs,
  };
}

function requireText(name: string, text: string, max: number): void {
  if (typeof text === "string" && text.length > 0 && text.length <= max) return;
  throw new TypeError(`${name} is "${text}": allowed are 1 to ${max} characters`);
}
