/** A TypeScript file of this folder as a process, with what it wrote to stderr. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

const STDERR_BYTES_KEPT = 10_000;

/** A process that runs one of the mains of this folder. */
export class ChildMain {
  /** Its exit status or the signal that ended it. */
  readonly exited: Promise<number | string>;
  /** It has written something to stdout, which says that it listens to signals, or it has ended. */
  readonly ready: Promise<void>;
  readonly #child: ChildProcess;
  #stderr = "";
  #isRunning = true;

  /** `options` become its only argument, as JSON. Its compiled code is kept in `cacheFolder`. */
  constructor(file: string, options: object, cacheFolder: string) {
    const path = fileURLToPath(new URL(file, import.meta.url));
    this.#child = spawn(process.execPath, [path, JSON.stringify(options)], {
      env: { ...process.env, NODE_COMPILE_CACHE: cacheFolder },
      stdio: ["ignore", "pipe", "pipe"],
    });
    const ready = once(this.#child.stdout!, "data");
    this.#child.stderr!.on("data", (text: Buffer) => {
      this.#stderr = (this.#stderr + text).slice(-STDERR_BYTES_KEPT);
    });
    this.exited = once(this.#child, "exit").then(([code, signal]) => {
      this.#isRunning = false;
      return (code ?? signal) as number | string;
    });
    this.ready = Promise.race([ready, this.exited]).then(() => undefined);
  }

  get isRunning(): boolean {
    return this.#isRunning;
  }

  /** The end of what it wrote to stderr. */
  get stderr(): string {
    return this.#stderr;
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }
}
