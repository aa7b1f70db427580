import { posix } from "node:path";
import type { SourceFile } from "./source-tree.ts";

// A path in backticks or as the target of a link, with one of our suffixes.
const NAMED_FILE = /(?:`|\]\()((?:\.{1,2}\/)*[\w-][\w./-]*\.(?:ts|js|md|proto|py|json|java|binpb))(?:`|\))/g;
/** Made by the build, so a page may name them though they are not among the sources. */
const GENERATED = ["millrace.js", "millrace.d.ts", "millrace.binpb"];

/** Files that a page names and that are nowhere: beside it, below the project, or by that name in any folder. */
export function missingFiles(page: SourceFile, paths: readonly string[]): string[] {
  const named = [...page.text.matchAll(NAMED_FILE)].map(([, name]) => name!);
  return named
    .filter((name) => !GENERATED.includes(posix.basename(name)))
    .filter((name) => {
      const fromPage = posix.join(posix.dirname(page.path), name);
      return !paths.some((path) => path === fromPage || path === name || path.endsWith(`/${name}`));
    })
    .map((name) => `${page.path} names ${name}, which does not exist`);
}
