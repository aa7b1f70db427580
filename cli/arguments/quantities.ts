/** Parsers of option values. They refuse with what is allowed; commander puts the option's name before it. */
import { InvalidArgumentError } from "commander";

/** The values an option takes, both ends included. */
export interface Range {
  readonly min: number;
  readonly max: number;
}

/** A parser of whole numbers: digits, with "_" or "," between thousands if one likes. */
export function wholeNumber(range: Range): (text: string) => number {
  return (text) => {
    const digits = text.replaceAll(/(?<=\d)[_,](?=\d{3})/g, "");
    const value = /^-?\d{1,16}$/.test(digits) ? Number(digits) : Number.NaN;
    return within(value, range, "a whole number");
  };
}

const DURATION_UNITS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1_000,
  m: 60_000,
  min: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

/** A duration in milliseconds: "250ms", "1.5s", "2m", "1h", "7d"; a number alone is milliseconds. */
export function parseDuration(text: string, range: Range): number {
  const match = /^(\d{1,15}(?:\.\d{1,3})?)(ms|s|min|m|h|d)?$/.exec(text);
  const value = match === null ? Number.NaN : Number(match[1]) * DURATION_UNITS[match[2] ?? "ms"]!;
  return within(
    value,
    range,
    'a duration such as "250ms", "10s", "2m", or milliseconds without a unit,',
    " milliseconds",
  );
}

const SIZE_UNITS: Readonly<Record<string, number>> = {
  "": 1,
  k: 1_000,
  m: 1_000_000,
  g: 1_000_000_000,
  ki: 1_024,
  mi: 1_048_576,
  gi: 1_073_741_824,
};

/** A parser of sizes in bytes: "65536", "64KiB", "1MB". */
export function byteSize(range: Range): (text: string) => number {
  return (text) => {
    const match = /^(\d{1,12}(?:\.\d{1,3})?) ?((?:[kmg]i?)?)b?$/i.exec(text);
    const value = match === null ? Number.NaN : Number(match[1]) * SIZE_UNITS[match[2]!.toLowerCase()]!;
    return within(value, range, 'a size such as "1024", "64KiB" or "1MB"', " bytes");
  };
}

function within(value: number, { min, max }: Range, what: string, unit = ""): number {
  if (Number.isInteger(value) && value >= min && value <= max) return value;
  throw new InvalidArgumentError(`Allowed is ${what} from ${min} to ${max}${unit}.`);
}
