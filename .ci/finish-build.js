// What tsc leaves undone: the generated code is plain JavaScript beside its types, and the command must be executable.
// The new build takes the place of the old one at the end, so that there is always one to run.
import { chmodSync, cpSync, renameSync, rmSync } from "node:fs";

cpSync("src/gen", ".build/src/gen", { recursive: true });
chmodSync(".build/cli/main.js", 0o755);
rmSync("dist", { recursive: true, force: true });
renameSync(".build", "dist");
