const SUGGESTIONS_MAX = 3;
const DISTANCE_MAX = 3;
/** Longer names are not mistyped but made by programs; comparing them would cost more than it tells. */
const NAME_LENGTH_MAX = 64;
/** Most names compared: a suggestion is a kindness and must never hold up the broker. */
const COMPARED_MAX = 1_000;

/**
 * Up to three of the names that differ from the one given by few letters, nearest first. Compares at most 1,000
 * names of about its length, and none if it is longer than 64 characters.
 */
export function nearestNames(name: string, names: Iterable<string>): string[] {
  if (name.length > NAME_LENGTH_MAX) return [];
  const near: { name: string; distance: number }[] = [];
  const limit = Math.min(DISTANCE_MAX, Math.max(1, Math.floor(name.length / 3)));
  const wanted = name.toLowerCase();
  let compared = 0;
  for (const candidate of names) {
    if (Math.abs(candidate.length - name.length) > limit) continue;
    if (++compared > COMPARED_MAX) break;
    const distance = editDistance(wanted, candidate.toLowerCase(), limit);
    if (distance <= limit) near.push({ name: candidate, distance });
  }
  near.sort((a, b) => a.distance - b.distance || (a.name < b.name ? -1 : 1));
  return near.slice(0, SUGGESTIONS_MAX).map(({ name: found }) => found);
}

/** Levenshtein distance, or Infinity if it is above `limit`: only the band around the diagonal can be within it. */
function editDistance(a: string, b: string, limit: number): number {
  let previous = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let row = 1; row <= a.length; row++) {
    const current = new Array<number>(b.length + 1).fill(Number.POSITIVE_INFINITY);
    if (row <= limit) current[0] = row;
    const last = Math.min(b.length, row + limit);
    let least = current[0]!;
    for (let column = Math.max(1, row - limit); column <= last; column++) {
      const replaced = previous[column - 1]! + (a[row - 1] === b[column - 1] ? 0 : 1);
      current[column] = Math.min(replaced, previous[column]! + 1, current[column - 1]! + 1);
      least = Math.min(least, current[column]!);
    }
    if (least > limit) return Number.POSITIVE_INFINITY;
    previous = current;
  }
  return previous[b.length]!;
}
