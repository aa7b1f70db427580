// What the checks of CI share: commands that must succeed, and a broker for as long as a check needs it.
// Plain JavaScript, because it also runs where only the machine's own Node is.
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";

/** Runs a command to its end and returns what it printed; throws with its output if it fails. */
export function run(command, args, options = {}) {
  return execFileSync(command, args, { encoding: "utf8", stdio: ["ignore", "pipe", "inherit"], ...options });
}

/** Throws unless the condition holds. */
export function check(condition, text) {
  if (!condition) throw new Error(text);
}

/** Starts a broker on a free port, gives its endpoint to the work, stops it and checks that it ended well. */
export async function withBroker(main, dataDir, work) {
  const args = [main, "start", "--data", dataDir, "--port", "0", "--log-level", "warn"];
  const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
  const exited = once(child, "exit");
  const endpoint = await new Promise((resolve, reject) => {
    let printed = "";
    child.stdout.on("data", (text) => {
      printed += text;
      const found = /listening on (\S+?),/.exec(printed)?.[1];
      if (found !== undefined) resolve(found);
    });
    exited.then(([status]) => reject(new Error(`the broker ended with ${status} before it listened`)));
  });
  try {
    await work(endpoint);
  } finally {
    child.kill("SIGTERM");
    const [status] = await exited;
    check(status === 0, `the broker ended with status ${status}`);
  }
}
