// Starts the built broker with the Node that runs this file, which in CI is the machine's own and may be the oldest
// that Millrace supports, and uses it through the command line.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { check, run, withBroker } from "./commands.js";

const MAIN = fileURLToPath(new URL("../dist/cli/main.js", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "millrace-ci-"));

try {
  await withBroker(MAIN, join(folder, "data"), async (endpoint) => {
    const millrace = (...args) => run(process.execPath, [MAIN, ...args, "--broker", endpoint]);
    millrace("topic", "create", "rivers", "--partitions", "2");
    const topics = millrace("topic", "list");
    check(topics.includes("rivers"), `topic list does not tell of the new topic: ${topics}`);
  });
  console.log(`started, used and stopped on Node ${process.version}`);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
