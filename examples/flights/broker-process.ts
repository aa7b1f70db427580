/** The broker of the demo, as a process of its own. */
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

/** The command line, built. */
export const CLI = fileURLToPath(new URL("../../cli/main.js", import.meta.url));

/** A broker process. */
export interface RunningBroker {
  readonly endpoint: string;
  readonly child: ChildProcess;
  readonly exited: Promise<unknown>;
}

/** Starts a broker and resolves when it listens. */
export async function startBroker(dataDir: string, port: string): Promise<RunningBroker> {
  const words = [CLI, "start", "--data", dataDir, "--port", port, "--log-level", "error"];
  const child = spawn(process.execPath, words, { stdio: ["ignore", "pipe", "inherit"] });
  const exited = once(child, "exit");
  const endpoint = await new Promise<string>((resolve, reject) => {
    child.stdout.on("data", (text: Buffer) => {
      const found = /listening on (\S+?),/.exec(String(text))?.[1];
      if (found !== undefined) resolve(found);
    });
    void exited.then(([status]) => reject(new Error(`the broker ended with ${status} before it listened`)));
  });
  return { endpoint, child, exited };
}

/** Ends a broker and resolves when it is gone. */
export async function stopBroker(broker: RunningBroker, signal: "SIGKILL" | "SIGTERM"): Promise<void> {
  broker.child.kill(signal);
  await broker.exited;
}
