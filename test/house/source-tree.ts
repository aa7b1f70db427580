import { readdirSync, readFileSync } from "node:fs";
import { join, relative, sep } from "node:path";
import { fileURLToPath } from "node:url";

/** The folder of the project, where package.json lies. */
export const PROJECT = fileURLToPath(new URL("../..", import.meta.url));

/** A text file of the project; what the checkers judge, so that tests can also give them files that do not exist. */
export interface SourceFile {
  /** Path below the project with forward slashes, such as "src/log/segment.ts". */
  readonly path: string;
  readonly text: string;
}

/** What is not ours or is made from ours: dependencies, built and generated files, local data. */
const SKIPPED = [
  "node_modules",
  ".git",
  "dist",
  "data",
  ".bench",
  "src/gen/millrace.js",
  "src/gen/millrace.d.ts",
];

/** All files below the given folders of the project whose names end in one of the suffixes, in order of paths. */
export function readSources(folders: readonly string[], suffixes: readonly string[]): SourceFile[] {
  return folders
    .flatMap((folder) => pathsBelow(folder))
    .filter((path) => suffixes.some((suffix) => path.endsWith(suffix)))
    .sort()
    .map((path) => ({ path, text: readText(path) }));
}

/** The text of one file of the project. */
export function readText(path: string): string {
  return readFileSync(join(PROJECT, path), "utf8");
}

/** Names directly in the project's folder, without what is never committed. */
export function topLevelNames(): string[] {
  return readdirSync(PROJECT).filter((name) => !SKIPPED.includes(name) && !name.endsWith(".tgz"));
}

function pathsBelow(folder: string): string[] {
  const found: string[] = [];
  for (const child of readdirSync(join(PROJECT, folder), { withFileTypes: true })) {
    const path = relative(PROJECT, join(PROJECT, folder, child.name))
      .split(sep)
      .join("/");
    if (SKIPPED.includes(path)) continue;
    if (child.isDirectory()) found.push(...pathsBelow(path));
    else found.push(path);
  }
  return found;
}
