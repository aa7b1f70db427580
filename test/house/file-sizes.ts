import type { SourceFile } from "./source-tree.ts";

/** Lines at which a file must be split. */
export const LINES_MAX = 500;
/** Lines from which a file of the program is discussed: it needs an allowance. */
export const LINES_DISCUSSED = 300;

/** Files of the program that were discussed and found to be one concept, with their lines. They only shrink. */
export const LINES_ALLOWED: Readonly<Record<string, number>> = {};

/** Files that are too long, or whose allowance is too high or no longer needed. */
export function sizeObjections(
  files: readonly SourceFile[],
  allowed: Readonly<Record<string, number>> = LINES_ALLOWED,
): string[] {
  const lines = new Map(files.map(({ path, text }) => [path, text.split("\n").length - 1]));
  const tooLong = [...lines].flatMap(([path, count]) => objection(path, count, allowed[path]));
  const unneeded = Object.keys(allowed)
    .filter((path) => (lines.get(path) ?? 0) <= LINES_DISCUSSED)
    .map((path) => `${path} has ${lines.get(path) ?? 0} lines and no longer needs its allowance`);
  return [...tooLong, ...unneeded];
}

function objection(path: string, count: number, allowed: number | undefined): string[] {
  if (count > LINES_MAX) return [`${path} has ${count} lines; split it: ${LINES_MAX} is the most`];
  const isProgram = !path.startsWith("test/");
  if (!isProgram || count <= LINES_DISCUSSED) return [];
  if (allowed === undefined)
    return [`${path} has ${count} lines; from ${LINES_DISCUSSED} on, split or discuss it`];
  if (count > allowed) return [`${path} grew from ${allowed} to ${count} lines; split it`];
  return count < allowed ? [`${path} shrank to ${count} lines; lower its allowance of ${allowed}`] : [];
}
