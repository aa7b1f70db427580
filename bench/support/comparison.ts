/** Numbers of one machine waver by tens of per cent from minute to minute; what is compared is measured in turn. */

/** Medians of what was measured, of its limit, and of the ratios of each pair of neighbours. */
export interface Comparison {
  readonly value: number;
  readonly limit: number;
  readonly share: number;
}

/** Measures something once. */
export type Measurement = () => Promise<number>;

/**
 * Runs a measurement and that of its limit in turn (A B, B A, A B, …), after one run of each that does not count.
 */
export async function compare(
  rounds: number,
  measured: Measurement,
  limiting: Measurement,
): Promise<Comparison> {
  await measured();
  await limiting();
  const pairs: { value: number; limit: number }[] = [];
  for (let round = 0; round < rounds; round++) {
    const limitFirst = round % 2 === 1 ? await limiting() : undefined;
    const value = await measured();
    pairs.push({ value, limit: limitFirst ?? (await limiting()) });
  }
  return {
    value: median(pairs.map((pair) => pair.value)),
    limit: median(pairs.map((pair) => pair.limit)),
    share: median(pairs.map((pair) => pair.value / pair.limit)),
  };
}

/** The middle one; of an even number, the mean of the two in the middle. Not a number if there is none. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  if (sorted.length % 2 === 1) return sorted[middle]!;
  return (sorted[middle - 1]! + sorted[middle]!) / 2;
}
