import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

/** The built command: tests of whole processes run what users run. */
export const MILLRACE = fileURLToPath(new URL("../../dist/cli/main.js", import.meta.url));
const ANNOUNCEMENT = /listening on (\S+?),/;
const LOG_BYTES_KEPT = 20_000;

/** How a broker process is started. */
export interface BrokerProcessOptions {
  readonly dataDir: string;
  /** Default: a port that the system chooses. */
  readonly port?: number;
  /** More arguments of `millrace start`. */
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Runs the broker under another program: the words that come before it. */
  readonly under?: readonly string[];
}

/** A real broker in a process of its own. */
export class BrokerProcess {
  readonly endpoint: string;
  readonly child: ChildProcess;
  readonly #exited: Promise<number | string>;
  #log = "";

  private constructor(child: ChildProcess, endpoint: string, exited: Promise<number | string>) {
    this.child = child;
    this.endpoint = endpoint;
    this.#exited = exited;
  }

  /** Starts a broker and resolves when it listens. Throws with its log if it ends before. */
  static async start(options: BrokerProcessOptions): Promise<BrokerProcess> {
    const { dataDir, port = 0, args = [], env = {}, under = [] } = options;
    const words = [
      ...under,
      process.execPath,
      MILLRACE,
      "start",
      "--data",
      dataDir,
      "--port",
      String(port),
      ...args,
    ];
    const child = spawn(words[0]!, words.slice(1), {
      env: { ...process.env, ...env },
      stdio: ["ignore", "pipe", "pipe"],
    });
    const exited = once(child, "exit").then(([code, signal]) => (code ?? signal) as number | string);
    let log = "";
    const keep = (text: Buffer) => {
      log = (log + text).slice(-LOG_BYTES_KEPT);
      if (broker !== undefined) broker.#log = log;
    };
    let broker: BrokerProcess | undefined;
    child.stderr!.on("data", keep);
    const endpoint = await new Promise<string>((resolve, reject) => {
      let out = "";
      child.stdout!.on("data", (text: Buffer) => {
        out += text;
        const found = ANNOUNCEMENT.exec(out)?.[1];
        if (found !== undefined) resolve(found);
      });
      void exited.then((status) =>
        reject(new Error(`the broker ended with ${status} before it listened:\n${log}`)),
      );
    });
    broker = new BrokerProcess(child, endpoint, exited);
    broker.#log = log;
    return broker;
  }

  /** The end of what it wrote to stderr. */
  get log(): string {
    return this.#log;
  }

  get port(): number {
    return Number(this.endpoint.slice(this.endpoint.lastIndexOf(":") + 1));
  }

  /** Ends it without warning. */
  async kill(): Promise<void> {
    this.child.kill("SIGKILL");
    await this.#exited;
  }

  /** Asks it to stop and returns its exit status. */
  async stop(): Promise<number | string> {
    this.child.kill("SIGTERM");
    return this.#exited;
  }

  /** Its exit status, once it ends. */
  get exited(): Promise<number | string> {
    return this.#exited;
  }
}
