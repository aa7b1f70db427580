/** Checks of request fields at the edge, before anything reaches the broker. Each throws INVALID_REQUEST. */
import { isTopicName, OFFSET_MAX, TOPIC_NAME_ALLOWED } from "../base/index.ts";
import { MillraceError } from "../errors/index.ts";

/** INVALID_REQUEST for a field, in the one form that all of them have. */
export function invalid(field: string, value: unknown, allowed: string): MillraceError {
  const shown = shorten(value);
  const text = `${field} is ${shown}; allowed: ${allowed}`;
  return new MillraceError("INVALID_REQUEST", text, { details: { field, value: shown, allowed } });
}

/** A topic name as it may be stored and printed. */
export function topicName(name: string, field = "topic"): string {
  if (!isTopicName(name)) throw invalid(field, name, TOPIC_NAME_ALLOWED);
  return name;
}

/** A partition number; whether the topic has it is the broker's to say. */
export function partitionNumber(partition: number, field = "partition"): number {
  return within(partition, 0, 2 ** 31 - 1, field);
}

/** An offset or another number that counts from 0. */
export function offsetNumber(offset: number, field = "offset"): number {
  return within(offset, 0, OFFSET_MAX, field);
}

/** A whole number from `min` to `max`, both inclusive. */
export function within(value: number, min: number, max: number, field: string): number {
  if (!Number.isSafeInteger(value) || value < min || value > max) {
    throw invalid(field, value, `a whole number from ${min} to ${max}`);
  }
  return value;
}

/** As `within`, where 0 (which proto3 cannot tell from absent) means the default. */
export function withDefault(value: number, fallback: number, max: number, field: string): number {
  return value === 0 ? fallback : within(value, 1, max, field);
}

/** The number of items of a list. */
export function counted<Item>(items: readonly Item[], max: number, field: string): readonly Item[] {
  if (items.length < 1 || items.length > max) {
    throw invalid(`the number of ${field}`, items.length, `1 to ${max}`);
  }
  return items;
}

function shorten(value: unknown): string {
  const text = typeof value === "string" ? JSON.stringify(value) : String(value);
  return text.length > 120 ? `${text.slice(0, 120)}… (${text.length} characters)` : text;
}
