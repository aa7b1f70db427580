const SUGGESTIONS_MAX = 3;
const DISTANCE_MAX = 3;

/** Up to three of the names that differ from the one given by few letters, nearest first. */
export function nearestNames(name: string, names: Iterable<string>): string[] {
  const near: { name: string; distance: number }[] = [];
  const limit = Math.min(DISTANCE_MAX, Math.max(1, Math.floor(name.length / 3)));
  for (const candidate of names) {
    if (Math.abs(candidate.length - name.length) > limit) continue;
    const distance = editDistance(name.toLowerCase(), candidate.toLowerCase());
    if (distance <= limit) near.push({ name: candidate, distance });
  }
  near.sort((a, b) => a.distance - b.distance || (a.name < b.name ? -1 : 1));
  return near.slice(0, SUGGESTIONS_MAX).map(({ name: found }) => found);
}

/** Levenshtein distance. */
function editDistance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let row = 1; row <= a.length; row++) {
    const current = [row];
    for (let column = 1; column <= b.length; column++) {
      const replaced = previous[column - 1]! + (a[row - 1] === b[column - 1] ? 0 : 1);
      current.push(Math.min(replaced, previous[column]! + 1, current[column - 1]! + 1));
    }
    previous = current;
  }
  return previous[b.length]!;
}
