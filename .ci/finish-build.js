// What tsc leaves undone: the generated code is plain JavaScript beside its types, the command must be executable, and
// what no source makes any more must go. The rest stays in place, so that there is always a build to run.
import { chmodSync, cpSync, existsSync, readdirSync, rmSync } from "node:fs";
import { join, relative } from "node:path";

cpSync("src/gen", "dist/src/gen", { recursive: true });
chmodSync("dist/cli/main.js", 0o755);

for (const entry of readdirSync("dist", { recursive: true, withFileTypes: true })) {
  if (!entry.isFile()) continue;
  const path = join(entry.parentPath, entry.name);
  const source = relative("dist", path);
  const isMade = existsSync(source.replace(/(\.d\.ts|\.js|\.js\.map)$/, ".ts")) || existsSync(source);
  if (!isMade) rmSync(path);
}
