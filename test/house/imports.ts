import { posix } from "node:path";
import { maskedCode } from "./masked-code.ts";
import type { SourceFile } from "./source-tree.ts";

/** One import, export-from or dynamic import. */
export interface Import {
  readonly from: string;
  /** As written: "./segment.ts", "node:fs", "level". */
  readonly specifier: string;
  /** The project's file it leads to; undefined for packages and Node's modules. */
  readonly target: string | undefined;
  /** For packages and Node's modules, their name: "node:fs", "@grpc/grpc-js". */
  readonly package: string | undefined;
}

// `import … from "`, `export … from "`, `import "` and `import("`, on code whose strings are blanked.
const BEFORE_SPECIFIER = /(?:\bfrom|\bimport|\bimport\s*\()\s*(["'])/g;

/** Everything a file imports, types and dynamic imports included. */
export function importsOf({ path, text }: SourceFile): Import[] {
  const found: Import[] = [];
  for (const match of maskedCode(text).matchAll(BEFORE_SPECIFIER)) {
    const start = match.index + match[0].length;
    const specifier = text.slice(start, text.indexOf(match[1]!, start));
    const isLocal = specifier.startsWith(".");
    found.push({
      from: path,
      specifier,
      target: isLocal ? posix.join(posix.dirname(path), specifier) : undefined,
      package: isLocal ? undefined : packageOf(specifier),
    });
  }
  return found;
}

function packageOf(specifier: string): string {
  const segments = specifier.split("/");
  return segments.slice(0, specifier.startsWith("@") ? 2 : 1).join("/");
}

/** Cycles of imports among the files, each as the paths along it; one for each group of files that meet in cycles. */
export function importCycles(files: readonly SourceFile[]): string[][] {
  const graph = new Map(files.map((file) => [file.path, targetsOf(file)]));
  const done = new Set<string>();
  const cycles: string[][] = [];
  const walk = (path: string, trail: readonly string[]) => {
    const seenAt = trail.indexOf(path);
    if (seenAt >= 0) {
      cycles.push([...trail.slice(seenAt), path]);
      return;
    }
    if (done.has(path)) return;
    for (const target of graph.get(path) ?? []) walk(target, [...trail, path]);
    done.add(path);
  };
  for (const path of graph.keys()) walk(path, []);
  return cycles;
}

function targetsOf(file: SourceFile): string[] {
  return importsOf(file).flatMap(({ target }) => (target === undefined ? [] : [target]));
}
