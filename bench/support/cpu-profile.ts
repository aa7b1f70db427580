/** Where a process spends its time, by Node's sampling profiler. */
import { readFileSync } from "node:fs";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";

interface ProfileNode {
  readonly id: number;
  readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number };
}

interface CpuProfile {
  readonly nodes: readonly ProfileNode[];
  readonly samples: readonly number[];
  readonly timeDeltas: readonly number[];
}

/** A function and its share of the time in which the process was busy (1 is all). */
export interface SelfTime {
  readonly where: string;
  readonly share: number;
}

/** Options for Node that make a process write `<name>.cpuprofile` when it ends. */
export function profilerOptions(folder: string | undefined, name: string): readonly string[] {
  if (folder === undefined) return [];
  return ["--cpu-prof", `--cpu-prof-dir=${folder}`, `--cpu-prof-name=${name}.cpuprofile`];
}

/** The functions that took most time themselves, callees not counted, and how long the process was busy at all. */
export function topFunctions(path: string, count: number): { busyMs: number; functions: SelfTime[] } {
  const { nodes, samples, timeDeltas } = JSON.parse(readFileSync(path, "utf8")) as CpuProfile;
  const placeOf = new Map(nodes.map((node) => [node.id, placeOfNode(node)]));
  const selfUs = new Map<string, number>();
  for (const [index, id] of samples.entries()) {
    const place = placeOf.get(id) ?? "unknown";
    selfUs.set(place, (selfUs.get(place) ?? 0) + (timeDeltas[index] ?? 0));
  }
  for (const idle of ["(idle)", "(root)"]) selfUs.delete(idle);
  const busyUs = [...selfUs.values()].reduce((sum, us) => sum + us, 0);
  const functions = [...selfUs]
    .sort(([, a], [, b]) => b - a)
    .slice(0, count)
    .map(([where, us]) => ({ where, share: us / busyUs }));
  return { busyMs: busyUs / 1_000, functions };
}

/** Prints the profiles of a part. */
export function printProfiles(folder: string, names: readonly string[], count: number): void {
  for (const name of names) {
    const { busyMs, functions } = topFunctions(join(folder, `${name}.cpuprofile`), count);
    process.stdout.write(`\n${name}: busy for ${(busyMs / 1_000).toFixed(1)} s\n`);
    for (const { where, share } of functions) {
      process.stdout.write(`  ${(share * 100).toFixed(1).padStart(5)} %  ${where}\n`);
    }
  }
}

/** Such as "append (src/record/batch-builder.js:85)". */
function placeOfNode({ callFrame: { functionName, url, lineNumber } }: ProfileNode): string {
  const name = functionName === "" ? "anonymous" : functionName;
  if (url === "") return name;
  const root = fileURLToPath(new URL("../..", import.meta.url));
  const path = url.startsWith("file:") ? relative(root, fileURLToPath(url)) : url;
  return `${name} (${path.replace(/^.*node_modules\//, "")}:${lineNumber + 1})`;
}
