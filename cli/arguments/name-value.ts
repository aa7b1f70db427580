import { InvalidArgumentError } from "commander";

/** Collects repeatable "name=value" options; the value may hold "=" and be empty. */
export function collectPairs(text: string, before: readonly NameValue[] | undefined): NameValue[] {
  const split = text.indexOf("=");
  if (split < 1) throw new InvalidArgumentError('Allowed is "name=value".');
  return [...(before ?? []), { name: text.slice(0, split), value: text.slice(split + 1) }];
}

/** A name and its value. */
export interface NameValue {
  readonly name: string;
  readonly value: string;
}

/** Collects a repeatable option, and lists separated by commas in it. */
export function collectList(text: string, before: readonly string[] | undefined): string[] {
  const items = text.split(",").map((item) => item.trim());
  if (items.includes("")) throw new InvalidArgumentError("Allowed are names separated by commas.");
  return [...(before ?? []), ...items];
}

/** Pairs as an object; of pairs with equal names the last counts, as on every command line. */
export function toRecord(pairs: readonly NameValue[] | undefined): Record<string, string> {
  return Object.fromEntries((pairs ?? []).map(({ name, value }) => [name, value]));
}
