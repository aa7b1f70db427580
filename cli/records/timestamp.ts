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
