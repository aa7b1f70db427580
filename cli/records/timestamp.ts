import { parseDuration } from "../arguments/quantities.ts";

/** The last instant that ISO 8601 in JavaScript reaches; timestamps of records may be later. */
const DATE_MS_MAX = 8_640_000_000_000_000;

/** The time as ISO 8601 in UTC with milliseconds; as plain milliseconds where a date cannot say it. */
export function formatTimestamp(timestampMs: number): string {
  return Math.abs(timestampMs) <= DATE_MS_MAX ? new Date(timestampMs).toISOString() : String(timestampMs);
}

/** ISO 8601: a date alone (midnight UTC), or with a time (of this machine's zone, unless it says another). */
const ISO_8601 = /^\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?(?:Z|[+-]\d{2}:?\d{2})?)?$/;

/** Milliseconds since the Unix epoch; NaN for what is not ISO 8601. */
export function parseTimestamp(text: string): number {
  return ISO_8601.test(text) ? Date.parse(text) : Number.NaN;
}

/**
 * Milliseconds since the Unix epoch of "2026-01-31T12:00:00Z", "1769860800000" or "-15m" (before `nowMs`); undefined for
 * what is none of them. Throws InvalidArgumentError for a duration that is none.
 */
export function parseInstant(text: string, nowMs: number): number | undefined {
  if (text.startsWith("-")) return nowMs - parseDuration(text.slice(1), { min: 0, max: nowMs });
  const timestampMs = /^\d{1,16}$/.test(text) ? Number(text) : parseTimestamp(text);
  return Number.isSafeInteger(timestampMs) && timestampMs >= 0 ? timestampMs : undefined;
}
