/**
 * The values of the store, JSON under short keys, and what they must look like. Checked before they are written
 * (a breach is our mistake) and after they are read (a breach is damage).
 */
import { TOPIC_NAME_BYTES_MAX } from "../base/index.ts";
import { TOPIC_STATES, type TopicMetadata, type TopicValues } from "./metadata-store.ts";
import { StoreDamagedError } from "./store-damaged-error.ts";

export const TOPIC_KEYS = "topic/";
/** Sorts right after all keys of topics: "0" follows "/". */
export const TOPIC_KEYS_END = "topic0";

/** Where a stored value comes from, for errors. */
export interface ValueSource {
  readonly path: string;
  readonly key: string;
}

/** Throws TypeError if the values are not fit to be stored. */
export function checkTopic(topic: TopicValues): void {
  const problem = problemOfTopic(topic);
  if (problem !== undefined) throw new TypeError(`a topic cannot be stored: ${problem}`);
}

/** The JSON of a topic, of the known fields only. */
export function encodeTopic(topic: TopicMetadata): string {
  const { name, topicId, state, partitionCount, configs, createdAtMs, version } = topic;
  return JSON.stringify({ name, topicId, state, partitionCount, configs, createdAtMs, version });
}

/** A topic from its JSON. Throws StoreDamagedError. */
export function decodeTopic(json: string, source: ValueSource): TopicMetadata {
  const value = parse(json, source);
  const problem = problemOfTopic(value) ?? problemOfVersion(value);
  if (problem !== undefined) throw damaged(source, problem);
  const topic = value as TopicMetadata;
  if (TOPIC_KEYS + topic.name !== source.key) throw damaged(source, `it holds topic "${topic.name}"`);
  return topic;
}

/** A whole number of 0 or more from its JSON. Throws StoreDamagedError. */
export function decodeCounter(json: string, source: ValueSource): number {
  const value = parse(json, source);
  if (!isCount(value)) throw damaged(source, `${json.slice(0, 40)} is not a whole number of 0 or more`);
  return value;
}

/** The cluster id from its JSON. Throws StoreDamagedError. */
export function decodeClusterId(json: string, source: ValueSource): string {
  const value = parse(json, source);
  if (!isId(value)) throw damaged(source, `${json.slice(0, 40)} is not an id of 32 hexadecimal digits`);
  return value;
}

function parse(json: string, source: ValueSource): unknown {
  try {
    return JSON.parse(json);
  } catch (cause) {
    throw damaged(source, "its value is not JSON", cause);
  }
}

function damaged({ path, key }: ValueSource, problem: string, cause?: unknown): StoreDamagedError {
  return new StoreDamagedError(path, `${problem}; restore this folder from a backup`, { key, cause });
}

function problemOfTopic(value: unknown): string | undefined {
  if (!isObject(value)) return "it is not an object";
  const { name, topicId, state, partitionCount, configs, createdAtMs } = value;
  if (typeof name !== "string" || name === "" || name.length > TOPIC_NAME_BYTES_MAX)
    return "its name is no name";
  if (!isId(topicId)) return "its topicId is not an id of 32 hexadecimal digits";
  if (!TOPIC_STATES.some((known) => known === state))
    return `its state is none of ${TOPIC_STATES.join(", ")}`;
  if (!isCount(partitionCount) || partitionCount < 1) return "its partitionCount is not 1 or more";
  if (!isCount(createdAtMs)) return "its createdAtMs is not a time";
  if (!isObject(configs)) return "its configs are not an object";
  const isText = Object.values(configs).every((config) => typeof config === "string");
  return isText ? undefined : "a value of its configs is not a text";
}

function problemOfVersion(value: unknown): string | undefined {
  return isObject(value) && isCount(value.version) ? undefined : "its version is not a number";
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && Number(value) >= 0;
}

function isId(value: unknown): value is string {
  return typeof value === "string" && /^[0-9a-f]{32}$/.test(value);
}
