// What tsc leaves undone: the generated code is plain JavaScript beside its types, and the command must be executable.
import { chmodSync, cpSync } from "node:fs";

cpSync("src/gen", "dist/src/gen", { recursive: true });
chmodSync("dist/cli/main.js", 0o755);
