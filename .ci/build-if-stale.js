// Builds before a start if there is nothing built, or something older than what it was made of: a second start, or a
// command run beside it, must not find the build taken away.
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";

const BUILT = "dist/cli/main.js";
const SOURCES = ["src", "cli", "proto", "package.json", "tsconfig.json", "tsconfig.build.json"];

/** Newest modification below a path; what the build itself generates does not count. */
function newestMs(path) {
  const stat = statSync(path);
  if (!stat.isDirectory()) return stat.mtimeMs;
  const names = readdirSync(path).filter((name) => name !== "gen");
  return Math.max(0, ...names.map((name) => newestMs(join(path, name))));
}

const isStale = !existsSync(BUILT) || Math.max(...SOURCES.map(newestMs)) > statSync(BUILT).mtimeMs;
if (isStale) {
  const { status } = spawnSync("npm", ["run", "build"], {
    stdio: "inherit",
    shell: process.platform === "win32",
  });
  process.exitCode = status ?? 1;
}
