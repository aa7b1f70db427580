import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { PROJECT, readText } from "./source-tree.ts";

const BEGIN = "<!-- generated: begin -->";
const END = "<!-- generated: end -->";

/** The page with what stands between its two markers replaced. Throws if it lacks them. */
export function withGenerated(page: string, generated: string): string {
  const from = page.indexOf(BEGIN);
  const to = page.indexOf(END);
  if (from < 0 || to < from) throw new Error(`the page lacks the markers ${BEGIN} and ${END}`);
  return `${page.slice(0, from + BEGIN.length)}\n${generated}\n${page.slice(to)}`;
}

/**
 * A page of the project as it is and as it should be. With MILLRACE_UPDATE=1 in the environment it is written as it
 * should be, to be looked over before it is committed.
 */
export function generatedPage(path: string, generated: string): { actual: string; expected: string } {
  const expected = withGenerated(readText(path), generated);
  if (process.env.MILLRACE_UPDATE === "1") writeFileSync(join(PROJECT, path), expected);
  return { actual: readText(path), expected };
}
