import { InvalidArgumentError } from "commander";
import type { SeekTarget } from "../../src/index.ts";
import { OFFSET_MAX } from "../../src/base/index.ts";
import { parseInstant } from "../records/timestamp.ts";

const ALLOWED =
  'Allowed are "start", "end", an offset, "+N" or "-N" from the committed offset, "@TIME" (ISO 8601, ms, or -15m).';

/** Reads where to seek to: "start", "end", "120", "+10", "-10", "@2026-01-31T12:00:00Z", "@1769860800000", "@-15m". */
export function parseSeekPlace(text: string, nowMs: number): SeekTarget {
  if (text === "start" || text === "end") return text;
  if (text.startsWith("@")) {
    const timestampMs = parseInstant(text.slice(1), nowMs);
    if (timestampMs === undefined) throw new InvalidArgumentError(ALLOWED);
    return { timestampMs };
  }
  const number = /^[+-]?\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
  if (!(Math.abs(number) <= OFFSET_MAX)) throw new InvalidArgumentError(ALLOWED);
  return /^[+-]/.test(text) ? { shift: number } : number;
}
