import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";

const CLI = fileURLToPath(new URL("../../cli/main.js", import.meta.url));

/** Linux tells processes' times in ticks of 1/100 s, on all platforms that Node supports. */
const TICK_MS = 10;

/** A broker as people start it: `millrace start` in a process of its own. */
export class BrokerProcess {
  /** Where it listens, "host:port". */
  readonly endpoint: string;
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess, endpoint: string) {
    this.#child = child;
    // It must not stay behind, however this process ends.
    const kill = () => child.kill("SIGKILL");
    process.once("exit", kill);
    child.once("exit", () => process.off("exit", kill));
    this.endpoint = endpoint;
  }

  /** Starts a broker on a free port. Fails if it ends before it listens. */
  static async start(dataDir: string, nodeOptions: readonly string[] = []): Promise<BrokerProcess> {
    const words = [CLI, "start", "--data", dataDir, "--port", "0", "--log-level", "error"];
    const child = spawn(process.execPath, [...nodeOptions, ...words], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    const endpoint = await new Promise<string>((resolve, reject) => {
      child.stdout.on("data", (text: Buffer) => {
        const found = /listening on (\S+?),/.exec(String(text))?.[1];
        if (found !== undefined) resolve(found);
      });
      child.once("exit", (status) => reject(new Error(`the broker ended with ${status} before it listened`)));
    });
    return new BrokerProcess(child, endpoint);
  }

  /** Milliseconds for which it was busy so far, on all threads; not a number where the system does not tell. */
  async cpuMs(): Promise<number> {
    if (process.platform !== "linux") return Number.NaN;
    const stat = await readFile(`/proc/${this.#child.pid}/stat`, "utf8");
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return (Number(fields[11]) + Number(fields[12])) * TICK_MS; // utime and stime, see proc(5)
  }

  /** Bytes of memory it has now, and has had at most; undefined where the system does not tell (not Linux). */
  async memory(): Promise<{ readonly now: number; readonly peak: number } | undefined> {
    if (process.platform !== "linux") return undefined;
    const status = await readFile(`/proc/${this.#child.pid}/status`, "utf8");
    const bytesOf = (name: string) =>
      Number(new RegExp(`^${name}:\\s+(\\d+) kB`, "m").exec(status)?.[1]) * 1_024;
    return { now: bytesOf("VmRSS"), peak: bytesOf("VmHWM") };
  }

  /** Ends it as an operator would. */
  async stop(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const gone = once(this.#child, "exit");
    this.#child.kill("SIGTERM");
    await gone;
  }
}
